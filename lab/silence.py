# SPDX-License-Identifier: GPL-2.0-only
"""Of a machine that stands still: where its processors are, and whose doing that is."""

import re

# Functions of a processor's that are named.
DEPTH = 8


def asleep(before, after):
    """Which processors have halted, with interrupts on, and not moved at all?

    BEFORE and AFTER are lines of the emulator's monitor, "CPU#N" and registers, with
    more time between them than between two timers of the kernel's watchdog, which every
    processor has.  Who sleeps through that has lost it, and no kernel does so.
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
            # What comes before is the NMI's own.
            frames[:] = [m[1]]
        elif frames and (m := re.search(r"\]  ([\w.]+)\+0x", line)):
            frames.append(m[1])
    return [f"processor {cpu}: {' < '.join(names[:DEPTH])}"
            for cpu, names in sorted(found.items()) if names]
