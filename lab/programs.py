# SPDX-License-Identifier: GPL-2.0-only
"""Run programs in the guest and print their results as TAP.

The guest's shell says "@begin NAME" before a program's output and "@end NAME STATUS"
after it.
"""

import os
import re
import subprocess
import sys
import threading
import time

from common import BUILD, STOCK, TOP

# Of the guest, from the environment; all but x86 have kernels of the lab's own.
ARCH = os.environ.get("ARCH", "x86")
MARK = re.compile(r"@(begin|end) (\S+)(?: (\d+))?")
RESULT = re.compile(r"(ok|not ok) \d+ (?:- )?(\S+)(?: # SKIP ?(.*))?")
PLAN = re.compile(r"1\.\.(\d+)(?: # SKIP ?(.*))?")
RUN = re.compile(r"#\s+RUN\s+(\S+) ...")
# The harness' messages, and the library's search for a tool that isn't in the guest.
NOISE = re.compile(r"#\s+(RUN|OK|FAIL|SKIP)\s|TAP version|# (Starting|Totals|FAILED|PASSED)|"
                   r"Random seed:|.*addr2line: not found")
SKIPPED = 4
LOST = 122      # scripts/vm: the emulator lost the machine
HOW = {None: "with the machine", 137: "by a signal or for want of time"}


def selftests(what):
    """Where scripts/selftests puts programs for this kernel: a series has its own."""
    kernel = os.environ.get("KERNEL", "")
    return os.path.join(BUILD, "selftests", kernel if kernel[:1].isdigit() else "",
                        ARCH if ARCH != "x86" else "", what)


def image(kvm, kernel):
    """The kernel's directory in build/kernel."""
    if ARCH == "x86":
        return STOCK.get(kernel, kernel) if kvm == "stock" else kernel
    return ARCH + {"stock": "-stock", "ours": ""}[kvm] + ("-debug" if kernel == "debug" else "")


def make(script, what):
    """Build what is missing; returns whether that succeeded."""
    return subprocess.run([os.path.join(TOP, "scripts", script), what], check=False).returncode == 0


def make_host(kvm, kernel):
    """Build the kernel and KVM."""
    if ARCH == "x86" and kernel not in STOCK:
        return make("modules" if kvm == "ours" else "kernel", kernel)
    return make("debug-kernel", image(kvm, kernel))


def host(kvm, kernel, cpu):
    """The runner's options for a host."""
    which = ["--cpu", cpu] if ARCH == "x86" else ["--arch", ARCH]
    return [*which, "--kvm", kvm, "--kernel", kernel]


def rings(name):
    """Does a program only ring, and inject nothing?  It needs an emulator with one thread.

    With one thread KVM has nested paging, which matters for a doorbell in memory; with
    more threads QEMU's nested paging fails (lab/emulator.py).  The other programs need
    several threads: with one, an injected interrupt sometimes comes twice (with the
    stock modules in 7 of 200 runs of irqfd_inject_test's running_vcpu, in 5 with ours).
    That is so of x86's.
    """
    return ARCH == "x86" and name.startswith("iosignalfd_")


def needs_whole_kernel(name):
    """Does a program test what is in vmlinux?  On a kernel of Debian's it fails."""
    return name.startswith("eventfd_")


def forward(stream, kept):
    """Show the lines as they come and keep them."""
    for line in stream:
        sys.stderr.write(line)
        sys.stderr.flush()
        kept.append(line.rstrip("\n"))


class Tap:
    """A lane's TAP on stdout; the lane's name precedes its tests' names.

    Several threads may report to it, each about a guest of its own.
    """

    def __init__(self, lane):
        self.prefix = lane + "." if lane else ""
        self.number = self.failed = 0
        # So that numbers go up, and a test's notes follow its line.
        self.lock = threading.Lock()

    def result(self, good, name, skip=None, notes=()):
        with self.lock:
            self.number += 1
            self.failed += not good
            line = f"{'ok' if good else 'not ok'} {self.number} - {self.prefix}{name}"
            line += "" if skip is None else f" # SKIP {skip}"
            print("\n".join([line, *(f"# {note}" for note in notes)]), flush=True)

    def took(self, name, seconds):
        print(f"# {self.prefix}{name}: {seconds:.0f} s", flush=True)

    def end(self):
        print(f"1..{self.number}")
        return 1 if self.failed else 0


class Program:
    """One program's output: TAP, with a subtest's notes before its line, or a status.

    Notes are shown of subtests that failed, and with TELLS of all.
    """

    def __init__(self, tap, name, tells=False):
        self.tap, self.name, self.tells = tap, name, tells
        self.began = time.monotonic()
        self.plan = self.skip = None
        self.seen = self.failed = 0
        self.running = ""
        self.notes = []

    def line(self, text):
        if m := PLAN.fullmatch(text):
            self.plan, self.skip = int(m[1]), m[2]
        elif m := RESULT.fullmatch(text):
            self.seen += 1
            good = m[1] == "ok"
            self.failed += not good
            self.tap.result(good, f"{self.name}.{m[2]}", m[3],
                            self.notes if self.tells or not good else ())
            self.notes = []
            self.running = ""
        elif m := RUN.match(text):
            self.running = f", in {m[1]}"
        elif not NOISE.match(text):
            self.notes.append(re.sub("^# ", "", text))

    def end(self, status):
        """Report the end; did any test run?  STATUS is None if the machine went down."""
        self.tap.took(self.name, time.monotonic() - self.began)
        if self.plan == 0:
            if self.skip:
                self.tap.result(True, self.name, self.skip.strip("- "))
            return bool(self.skip)
        if self.plan is None:
            self.tap.result(status in (0, SKIPPED), self.name,
                            "not for this machine" if status == SKIPPED else None,
                            self.notes[-200:] if self.tells or status != 0 else ())
        elif self.seen != self.plan or (status and not self.failed):
            self.tap.result(False, self.name, None,
                            [*self.notes[-20:], f"ended after {self.seen} of {self.plan} subtests "
                             + HOW.get(status, f"with status {status}") + self.running])
        return True


def follow(tap, stream, tells, hook):
    """Report the results of a guest's programs while they run.

    Returns the program that hasn't ended, or None; the number of programs that have; and
    whether any test ran.
    """
    program, ended, ran = None, 0, False
    for line in stream:
        line = line.rstrip("\n")
        m = MARK.fullmatch(line)
        if hook and hook(line, m):
            continue
        if m and m[1] == "begin":
            program = Program(tap, m[2], m[2] in tells)
        elif m and program:
            ran |= program.end(int(m[3]))
            program = None
            ended += 1
        elif program:
            program.line(line)
    return program, ended, ran


def run(tap, machine, programs, kept, tells=(), hook=None):
    """Run programs in one guest; returns the runner's status and whether any test ran.

    MACHINE makes the runner's command line from a list of programs; the runner's stderr
    is appended to KEPT.  All output of programs in TELLS is shown.  HOOK, if any, is
    called with each line and its MARK or None; if it returns true the line is skipped.

    If the emulator loses the machine, the programs that haven't ended run in another
    one.  If that is lost as well, the program that ran has failed.
    """
    ran = False
    for last in (False, True):
        with subprocess.Popen(machine(programs), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, errors="replace") as vm:
            listener = threading.Thread(target=forward, args=(vm.stderr, kept))
            listener.start()
            program, ended, some = follow(tap, vm.stdout, tells, hook)
            listener.join()
        ran |= some
        if vm.returncode != LOST or last:
            break
        programs = programs[ended:]
        print(f"# the emulator lost the machine; in another: {' '.join(programs)}", flush=True)
    if program:
        ran |= program.end(None)
    return vm.returncode, ran
