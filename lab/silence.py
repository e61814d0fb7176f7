# SPDX-License-Identifier: GPL-2.0-only
"""Find where a silent machine's processors are, and whether the emulator lost one."""

import re

# How many functions of a processor's backtrace are named.
DEPTH = 8


def asleep(before, after):
    """The processors that have halted with interrupts on and haven't moved at all.

    BEFORE and AFTER are lines of the emulator's monitor, "CPU#N" and registers.  More
    time is between them than between two timers of the kernel's watchdog, which every
    processor has.  A processor that sleeps through that timer has lost its interrupt,
    which no kernel can cause.
    """
    def by_processor(lines):
        found = {}
        for line in lines:
            if line.startswith("CPU#"):
                state = found.setdefault(int(line[4:]), [])
            else:
                state.append(line)
        return found

    def halted(state):
        m = re.search(r"RFL=([0-9a-f]+).* HLT=1", "\n".join(state))
        return m and int(m[1], 16) & 1 << 9

    now = by_processor(after)
    return [cpu for cpu, state in by_processor(before).items()
            if halted(state) and state == now.get(cpu)]


def where(log):
    """A line for each processor of which the kernel's log has an NMI backtrace."""
    found = {}
    frames = None
    for line in log:
        if m := re.search(r"NMI backtrace for cpu (\d+)( skipped: idling)?", line):
            frames = found.setdefault(int(m[1]), ["idle"] if m[2] else [])
        elif frames is None:
            continue
        elif m := re.search(r"\bRIP: \w+:(?:\[<\w+>\] )?([\w.]+)", line):
            # The frames before it are the NMI handler's.
            frames[:] = [m[1]]
        elif frames and (m := re.search(r"\]  ([\w.]+)\+0x", line)):
            frames.append(m[1])
    return [f"processor {cpu}: {' < '.join(names[:DEPTH])}"
            for cpu, names in sorted(found.items()) if names]
