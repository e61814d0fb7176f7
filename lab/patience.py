#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Time limits of the lab's processes.

A limit counts the seconds of one process with its threads and children: the time by
the clock on the wall, less the time that they waited for a processor that other
processes had.  Of several threads that waited in the same quarter of a second the
longest wait counts, because the others may have waited for that thread.  A process that
sleeps or spins ages as fast as the clock on the wall, so a hang ends when its time is
up.  A process that a busy machine doesn't run has that much longer.  After CAP times its
limit by the clock on the wall each process' time is up.

The runner sends that clock's seconds to the lab's guests (lab/vm.py), and "limit"
in lab/init.c limits the guest's programs by them.

Usage: lab/patience.py SECONDS COMMAND [ARGS...]

COMMAND's status, or 124 if it was ended.
"""

import os
import signal
import subprocess
import sys
import threading
import time

CAP = 10
PERIOD = 0.25


def children(pid):
    """PID and all its descendants, PID first, as (number, name)."""
    below = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as f:
                name, _, rest = f.read().rpartition(") ")
        except OSError:
            continue
        below.setdefault(int(rest.split()[1]), []).append((int(entry), name.partition("(")[2]))
    found = [(pid, "")]
    for parent, _ in found:
        found += below.get(parent, [])
    return found


def waits(pid):
    """How long each thread of PID and its descendants waited to run, in nanoseconds."""
    found = {}
    for process, _ in children(pid):
        try:
            for thread in os.listdir(f"/proc/{process}/task"):
                with open(f"/proc/{process}/task/{thread}/schedstat", encoding="ascii") as f:
                    found[thread] = int(f.read().split()[1])
        except (OSError, IndexError):
            continue
    return found


class Clock:
    """The seconds that a process has had since this was made."""

    def __init__(self, pid):
        self.pid = pid
        self.seconds = 0.0
        self.looked = time.monotonic()
        self.waited = waits(pid)

    def tick(self):
        """Look again; to be called every PERIOD, by one thread."""
        waited, now = waits(self.pid), time.monotonic()
        longest = max((ns - self.waited.get(thread, 0) for thread, ns in waited.items()), default=0)
        self.seconds += max(0.0, now - self.looked - max(longest, 0) / 1e9)
        self.looked, self.waited = now, waited
        return self.seconds


class Limits:
    """Limits by a process' clock, watched by a thread."""

    def __init__(self, pid):
        self.clock = Clock(pid)
        self.limits = {}
        self.lock = threading.Lock()
        self.over = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def set(self, name, seconds, late):
        """Call LATE, once, when SECONDS from now have passed."""
        with self.lock:
            self.limits[name] = (self.clock.seconds + seconds,
                                 time.monotonic() + CAP * seconds, late)

    def drop(self, name):
        with self.lock:
            self.limits.pop(name, None)

    def stop(self):
        self.over.set()

    def _watch(self):
        while not self.over.wait(PERIOD):
            seconds, now = self.clock.tick(), time.monotonic()
            with self.lock:
                due = [name for name, (end, cap, _) in self.limits.items()
                       if seconds >= end or now >= cap]
                calls = [self.limits.pop(name)[2] for name in due]
            for late in calls:
                late()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def main():
    if len(sys.argv) < 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    late = []
    # SIGTERM to this process ends COMMAND.
    with subprocess.Popen(sys.argv[2:]) as process, Limits(process.pid) as limits:
        def end(_signum=None, _frame=None):
            late.append(True)
            process.terminate()
            limits.set("end", 10, process.kill)
        signal.signal(signal.SIGTERM, end)
        limits.set("command", float(sys.argv[1]), end)
        status = process.wait()
    return 124 if late else status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
