# SPDX-License-Identifier: GPL-2.0-only
"""The lab's runner: the command line, one run from start to verdict."""

import argparse
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time

import emulator
import initramfs
import silence
from arch import ARCHES
from common import BUILD, STOCK, TOP, Trouble
from patience import Limits

LOST, SPLAT, TIMEOUT, TROUBLE, PANIC = 122, 123, 124, 125, 126
TAIL = 25
LAST_WORDS = 400
# Kernels of the lab's own (scripts/debug-kernel), with our modules only.
OWN = ("debug", "kcsan", "gcov", "defconfig", "plain")
# The same of arm64, where KVM is in the image; one is of the pristine source.
ARM64 = {"ours": "arm64", "stock": "arm64-stock", "debug": "arm64-debug"}
ALL_OWN = (*OWN, *STOCK.values(), *ARM64.values())
# Debian's; a number is another series (scripts/mainline).
DEBIAN = ("cloud", "rt", "7.3")
BOOT_LIMIT = {"amd": 120, "intel": 400, "own": 300}
RUN_LIMIT = {"amd": 300, "intel": 900, "own": 900}
END_LIMIT = 180
PANICKED = "Kernel panic - not syncing"
PANIC_END = b"---[ end Kernel panic"

USAGE = """scripts/vm [options] -- PROGRAM [ARGS...]
       scripts/vm [options] --shell"""

ABOUT = """
Boot a host kernel with KVM modules of choice in a virtual machine and run
PROGRAM of this machine in it, as root. Its stdout and stderr come through as
they are written, its exit status (128 + N for signal N) is this one's.
"""

NOTES = """
exit status:
  PROGRAM's own, or
  122  the emulator lost the machine: no sign of life, and a processor took no NMI,
       or slept through its watchdog's timer, which no kernel can cause
  123  the kernel log has a splat, or KVM could not be unloaded afterwards
  124  time is up: PROGRAM, the guest, or one of its processors hung
  125  the lab itself failed: bad options, a missing file, the guest never booted
  126  the guest's kernel panicked (a hung task makes it panic), or the guest
       went down before PROGRAM ended
A line on stderr that begins with "vm:" says which; the kernel's last words follow.

limits:
  They count the seconds that the emulator has had: its waits for a processor that
  other processes have don't count, up to ten times the limit (lab/patience.py).
  In the guest "limit SECONDS COMMAND" kills COMMAND by the same clock.

in the guest:
  PROGRAM stands at its own path, with its libraries (for a script, with its
  interpreter); the working directory has the same name as here. stdin is empty.
  busybox is in PATH. The root file system is in memory. /proc, /sys, debugfs,
  tracefs, cgroup2, /dev/shm and /dev/pts are mounted, the loopback is up.
  Processes that PROGRAM leaves behind are killed when it ends, then KVM and
  the modules that PROGRAM loaded are unloaded.
"""


def note(text):
    print(f"vm: {text}", file=sys.stderr, flush=True)


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Trouble(f"{message} (scripts/vm --help)")


def options(argv):
    cut = argv.index("--") if "--" in argv else len(argv)
    p = Parser(prog="scripts/vm", usage=USAGE, description=ABOUT, epilog=NOTES, allow_abbrev=False,
               formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--kvm", metavar="KVM", default="ours",
                   help="KVM modules: ours (in build/modules), stock (the kernel image's), none "
                        "(PROGRAM loads them), or a directory with others (default: ours)")
    p.add_argument("--arch", choices=sorted(ARCHES), default="x86",
                   help="what the host is: x86 or arm64, where KVM (ours or stock) is in a "
                        "kernel of scripts/debug-kernel, cloud stands for that, debug has "
                        "checks (and ours), and programs are statically linked (default: x86)")
    p.add_argument("--kernel", metavar="KERNEL", default="cloud",
                   help="Debian's cloud kernel, its PREEMPT_RT one (rt), Debian 13's (7.3), one of "
                        "scripts/debug-kernel (debug, kcsan, gcov, defconfig; or plain, which has a "
                        "stock one, too), or a directory as those below build/kernel "
                        "(default: cloud)")
    p.add_argument("--cpu", choices=("amd", "intel"), default="amd",
                   help="SVM in QEMU or VMX in Bochs; this machine's own if it can nest")
    p.add_argument("--icount", action="store_true",
                   help="one instruction is one nanosecond of guest time, in Bochs ten; one "
                        "processor")
    p.add_argument("--one-thread", action="store_true",
                   help="emulate all processors in one thread, which is slower and avoids "
                        "the emulator's own races; with several threads KVM has shadow "
                        "paging, because of such a race (amd)")
    p.add_argument("--edu", action="store_true",
                   help="QEMU's edu device, which vfio-pci takes: with an IOMMU, or in a "
                        "kernel of the lab's own without one (amd)")
    p.add_argument("--smp", type=int, metavar="N", help="processors (default: 2; intel: 1)")
    p.add_argument("--mem", metavar="M",
                   help="memory in MiB, or with a G in GiB (default: 2048; intel: 1024)")
    p.add_argument("--file", action="append", default=[], metavar="HOST[:GUEST]",
                   help="copy a file or directory into the guest (default: to the same path)")
    p.add_argument("--disk", metavar="FILE",
                   help="a disk, vda, which is FILE, and drivers for it and for ext4; what the "
                        "guest writes is lost (amd)")
    p.add_argument("--module", action="append", default=[], metavar="NAME",
                   help="load this module (or .ko file) and its dependencies, after KVM")
    p.add_argument("--append", action="append", default=[], metavar="ARGS",
                   help="more kernel command line; module.param=value reaches the modules too")
    p.add_argument("--env", action="append", default=[], metavar="NAME[=VALUE]",
                   help="a variable for PROGRAM (default: this environment's value)")
    p.add_argument("--timeout", type=float, metavar="S",
                   help="seconds for the whole run (default: 300; intel, debug, kcsan: 900; "
                        "a shell: none)")
    p.add_argument("--silence", type=float, metavar="S", default=60,
                   help="give the guest up if one of its processors hasn't run a process for "
                        "S seconds (default: 60; not in Bochs nor with --icount)")
    p.add_argument("--log", metavar="FILE", help="write the guest's kernel log there")
    p.add_argument("--shell", action="store_true", help="an interactive shell there (not in Bochs)")
    p.add_argument("--verbose", action="store_true", help="say how long each step took")
    o = p.parse_args(argv[:cut])
    o.program = argv[cut + 1:]
    return o


def complete_foreign(o):
    """Another architecture's host: KVM is in its kernel."""
    kinds = {("ours", "cloud"): "ours", ("stock", "cloud"): "stock", ("ours", "debug"): "debug"}
    kind = kinds.get((o.kvm, o.kernel))
    if not kind:
        raise Trouble(f"--arch {o.arch} has no --kernel {o.kernel} with --kvm {o.kvm}")
    if o.cpu != "amd":
        raise Trouble(f"--arch {o.arch} has no --cpu")
    if o.disk:
        raise Trouble(f"--arch {o.arch} has no --disk")
    o.kernel = ARM64[kind]


def complete(o):
    """Check the options against each other and fill in the defaults."""
    if bool(o.program) == o.shell:
        raise Trouble("name a PROGRAM after --, or ask for --shell (scripts/vm --help)")
    o.append = [" ".join(o.append)] if o.append else []
    if o.arch != "x86":
        complete_foreign(o)
    o.hardware = o.arch == "x86" and not o.icount and emulator.hardware(o.cpu)
    o.bochs = o.cpu == "intel" and not o.hardware
    if o.kvm == "stock":
        o.kernel = STOCK.get(o.kernel, o.kernel)
    o.own = o.kernel in ALL_OWN
    if o.kernel in OWN and o.kvm == "stock":
        raise Trouble(f"--kernel {o.kernel} has no stock modules: --kvm stock is for "
                      f"{', '.join(DEBIAN)}")
    if o.own and o.bochs:
        raise Trouble(f"--kernel {o.kernel} does not start in Bochs: use --cpu amd")
    if not (o.kernel in DEBIAN or o.own or os.path.isdir(o.kernel)):
        raise Trouble(f"--kernel {o.kernel}: neither one of {', '.join((*DEBIAN, *OWN))}, "
                      "nor a directory")
    if o.kvm not in ("ours", "stock", "none") and not os.path.isdir(o.kvm):
        raise Trouble(f"--kvm {o.kvm}: neither ours, nor stock, nor none, nor a directory")
    if o.disk and o.bochs:
        raise Trouble("--disk is QEMU's: use --cpu amd")
    if o.disk and not os.path.isfile(o.disk):
        raise Trouble(f"--disk {o.disk}: no such file")
    if o.edu and o.bochs:
        raise Trouble("--edu is QEMU's: use --cpu amd")
    if o.shell and o.bochs:
        raise Trouble("--shell does not work in Bochs: use --cpu amd")
    if o.shell and not os.isatty(0):
        raise Trouble("--shell needs a terminal")
    single = o.icount or o.bochs
    if o.smp is None:
        o.smp = 1 if single else 2
    if o.smp < 1 or (single and o.smp != 1):
        raise Trouble(f"--smp {o.smp}: " + ("one processor only here" if o.smp > 1 else "too few"))
    m = re.fullmatch(r"(\d+)([MG]?)", o.mem or ("1024" if o.bochs else "2048"))
    if not m:
        raise Trouble(f"--mem {o.mem}: not a size")
    o.mem = int(m[1]) * (1024 if m[2] == "G" else 1)
    if o.mem < 256:
        raise Trouble(f"--mem {o.mem}: too little")
    lane = "intel" if o.bochs else "own" if o.own else "amd"
    if o.timeout is None:
        o.timeout = 7 * 86400 if o.shell else RUN_LIMIT[lane]
    if o.timeout <= 0:
        raise Trouble(f"--timeout {o.timeout:g}: not a time to wait")
    if o.silence < 10:
        raise Trouble(f"--silence {o.silence:g}: the guest reports every five seconds")
    o.boot = min(o.timeout, BOOT_LIMIT[lane])


def kernel_image(kind):
    image = kind if os.path.isdir(kind) else os.path.join(BUILD, "kernel", kind)
    how = (f"scripts/debug-kernel {kind}" if kind in ALL_OWN else
           "make modules" if kind == "cloud" else f"scripts/modules {kind}")
    try:
        with open(os.path.join(image, "release"), encoding="utf-8") as f:
            release = f.read().strip()
    except OSError:
        raise Trouble(f"no kernel in build/kernel/{kind}: run {how}") from None
    path = os.path.join(image, "boot", f"vmlinuz-{release}")
    if not os.path.exists(path):
        raise Trouble(f"build/kernel/{kind}/boot/vmlinuz-{release} is missing: run {how}")
    return image, release, path


def our_modules(kind, kvm):
    """Modules that replace the image's; a kernel of our own has our modules in its image."""
    if kvm in ("stock", "none") or kvm == "ours" and kind in ALL_OWN:
        return []
    where = os.path.join(BUILD, "modules", kind) if kvm == "ours" else kvm
    names = ["kvm.ko", "kvm-amd.ko", "kvm-intel.ko"]
    # Other series keep their own, and so may a directory.
    if kvm == "ours" and not kind[0].isdigit():
        names.append("irqbypass.ko")
    for name in names:
        if not os.path.exists(os.path.join(where, name)):
            raise Trouble(f"{os.path.relpath(where, TOP)}/{name} is missing: run make modules")
    return [os.path.join(where, f) for f in sorted(os.listdir(where)) if f.endswith(".ko")]


def find_program(name):
    if "/" in name:
        path = os.path.abspath(name)
        if not os.path.exists(path):
            raise Trouble(f"{name}: No such file or directory")
    else:
        path = shutil.which(name)
        if not path:
            raise Trouble(f"{name}: not found in PATH")
        path = os.path.abspath(path)
    if not os.path.isfile(path):
        raise Trouble(f"{name}: not a file")
    if not os.access(path, os.X_OK):
        raise Trouble(f"{name}: not executable")
    return path


def environment(o):
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
           "HOME": "/root", "USER": "root", "LANG": "C.UTF-8",
           "TERM": os.environ.get("TERM", "linux") if o.shell else "dumb"}
    for word in o.env:
        name, eq, value = word.partition("=")
        if eq:
            env[name] = value
        elif name in os.environ:
            env[name] = os.environ[name]
    return env


def build_initrd(o, path):
    image, release, kernel = kernel_image(o.kernel)
    arch = ARCHES[o.arch]
    modules = initramfs.Modules(image, release, our_modules(o.kernel, o.kvm))
    drivers = ["virtio_blk", "ext4"] if o.disk else []
    # ext4 asks for it, and in some kernels it is a module.
    if o.disk and "crc32c_generic" in modules.paths:
        drivers.append("crc32c_generic")
    kvm = [f"kvm-{o.cpu}"] if o.arch == "x86" and o.kvm != "none" else []
    names = modules.order([*drivers, *kvm, *o.module])
    base = initramfs.base(arch, modules, names)

    tree = initramfs.user_tree(arch)
    payload = initramfs.Payload(tree, arch)
    cwd = os.getcwd()
    if o.shell:
        argv = ["/bin/sh", "-c", shell_setup(), "sh"]
        tree.data("/lab/shell", "")
    else:
        program = find_program(o.program[0])
        payload.program(program)
        argv = [program, *o.program[1:]]
    for word in o.file:
        here, _, there = word.partition(":")
        here = os.path.abspath(here)
        if there.endswith("/"):
            there += os.path.basename(here)
        payload.path(here, there or here)
    payload.close()
    if tree.place(cwd).startswith(tuple(m + "/" for m in initramfs.MOUNTED)) or cwd == "/":
        cwd = "/"
    elif cwd not in tree:
        tree.directory(cwd)
    tree.data("/lab/argv", "".join(a + "\0" for a in argv).encode(errors="surrogateescape"))
    tree.data("/lab/env", "".join(f"{k}={v}\0" for k, v in environment(o).items())
              .encode(errors="surrogateescape"))
    tree.data("/lab/cwd", (cwd + "\0").encode(errors="surrogateescape"))
    initramfs.write(path, base, tree)
    return kernel


def shell_setup():
    """A virtual console doesn't know the size of the user's terminal: set it."""
    size = shutil.get_terminal_size()
    return f"stty rows {size.lines} cols {size.columns}; exec sh -l"


class Log:
    """The kernel log: the records of /dev/kmsg, and lines that only the console has."""

    RECORD = re.compile(r"(\d+),\d+,(\d+),[^;]*;(.*)")

    def __init__(self):
        self.records = b""

    def lines(self, console):
        out = []
        for line in self.records.decode(errors="replace").split("\n"):
            m = self.RECORD.match(line)
            if not m:
                continue        # continuation lines hold device names and the like
            usec = int(m[2])
            text = re.sub(r"\\x([0-9a-f]{2})", lambda x: chr(int(x[1], 16)), m[3])
            for part in text.split("\n"):
                out.append(f"[{usec // 1000000:5d}.{usec % 1000000:06d}] {part}")
        seen = set(out)
        return out + [x for x in console.split("\n") if x.strip() and x not in seen]


class Run:
    """Follows one machine from its start to the verdict."""

    def __init__(self, o, machine):
        self.o, self.machine = o, machine
        self.log = Log()
        self.console = b""
        self.frames = bytearray()
        self.magic = machine.magic
        self.got = 0
        self.line = b""
        self.stage = "start"        # boot, program, ended
        self.status = None
        self.trouble = None
        self.total = None           # bytes on the data channel, as init's "end" says
        self.inuse = []
        self.late = None            # the first limit that was exceeded, as text
        self.still = 0.0            # seconds without a sign of life
        self.stood = []             # where the processors of a silent machine were
        self.began = o.began
        self.limits = Limits(machine.process.pid)
        self.looked = 0.0           # by the machine's clock
        self.told = 0

    def limit(self, name, seconds, why):
        """Kill the machine, and set WHY, unless NAME is dropped within SECONDS from now."""
        def end():
            if self.late is None:
                self.late = why
            self.machine.process.kill()
        self.limits.set(name, seconds, end)

    def step(self, what):
        if self.o.verbose:
            note(f"{time.monotonic() - self.began:6.2f} s  {what}, at "
                 f"{self.limits.clock.seconds:.2f} s of the machine's")

    def data(self, chunk):
        self.frames += chunk
        if self.magic:
            found = self.frames.find(self.magic)
            if found < 0:
                del self.frames[:-len(self.magic)]
                return
            del self.frames[:found + len(self.magic)]
            self.magic = b""
            chunk = bytes(self.frames)
        self.got += len(chunk)
        while len(self.frames) >= 4:
            size = self.frames[2] | self.frames[3] << 8
            if len(self.frames) < 4 + size:
                break
            tag, body = self.frames[0], bytes(self.frames[4:4 + size])
            del self.frames[:4 + size]
            if tag == ord("k"):
                self.log.records += body
            else:
                stream = sys.stdout.buffer if tag == ord("o") else sys.stderr.buffer
                stream.write(body)
                stream.flush()

    def verdict(self, chunk):
        self.line += chunk
        while b"\n" in self.line:
            line, self.line = self.line.split(b"\n", 1)
            word, _, rest = line.decode(errors="replace").partition(" ")
            if word == "boot":
                self.stage = "boot"
                self.step("kernel and init are up")
            elif word == "start":
                self.stage = "program"
                self.step("modules loaded, program starts")
                self.limits.drop("boot")
            elif word == "alive":
                self.still = 0.0
            elif word in ("exit", "signal"):
                self.stage = "ended"
                self.limit("end", END_LIMIT, f"not cleaned up after {END_LIMIT} s")
                self.status = int(rest) + (128 if word == "signal" else 0)
                self.step(f"program ended: {word} {rest}")
            elif word == "trouble":
                self.trouble = rest
            elif word == "inuse":
                self.inuse.append(rest)
            elif word == "end":
                self.total = int(rest)

    def kernel_console(self, chunk):
        self.console += chunk

    def done(self):
        """Has the guest sent everything?"""
        if self.total is not None and self.got >= self.total:
            return True
        return PANIC_END in self.console

    def follow(self):
        self.limit("run", self.o.timeout, f"time is up after {self.o.timeout:g} s")
        self.limit("boot", self.o.boot, f"no program running after {self.o.boot:g} s")
        channels = {self.machine.data: self.data, self.machine.verdict: self.verdict,
                    self.machine.console: self.kernel_console}
        sel = selectors.DefaultSelector()
        for fd, take in channels.items():
            os.set_blocking(fd, False)
            sel.register(fd, selectors.EVENT_READ, take)
        alive = True
        while alive and not self.done():
            ready = sel.select(timeout=1)
            self.tell_time()
            self.look_for_pulse()
            for key, _ in ready:
                chunk = self.read(key.fd)
                if chunk:
                    key.data(chunk)
                else:
                    sel.unregister(key.fd)
                    # The emulator has all channels: at their end it has ended.
                    alive = alive and key.fd != self.machine.data
        sel.close()
        self.limits.stop()
        self.machine.kill()
        for fd, take in channels.items():
            while chunk := self.read(fd):
                take(chunk)
        self.step("machine is down")

    def tell_time(self):
        """Send the seconds that the machine has had to a guest with a pulse."""
        now = int(self.limits.clock.seconds)
        if self.machine.pulse and self.stage == "program" and now != self.told:
            self.told = now
            try:
                os.write(self.machine.verdict, b"%d\n" % now)
            except OSError:             # a later time is sent next time
                pass

    def look_for_pulse(self):
        """End a guest that is silent.  Gaps between two looks don't count."""
        now = self.limits.clock.seconds
        passed, self.looked = min(now - self.looked, 2), now
        if not self.machine.pulse or self.stage != "program" or self.late:
            return
        self.still += passed
        if self.still > self.o.silence:
            self.late = f"no sign of life for {self.o.silence:g} s"
            self.stood = self.machine.interrupt()
            # The kernel has some time to print where it is.
            self.limit("words", 20, self.late)

    @staticmethod
    def read(fd):
        try:
            return os.read(fd, 1 << 18)
        except (BlockingIOError, ConnectionResetError):
            return b""


def show(lines, heading):
    print(f"vm: {heading}", file=sys.stderr)
    for line in lines:
        print(f"  | {line}", file=sys.stderr)
    sys.stderr.flush()


def scan(path):
    """The scanner's verdict: None when the log is clean, else its report."""
    run = subprocess.run([sys.executable, os.path.join(TOP, "lab/splat"), path],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    if run.returncode == 0:
        return None
    if run.returncode == 1:
        return run.stdout.splitlines()
    raise Trouble("the kernel log could not be scanned: " +
                  (run.stderr.strip().splitlines() or ["no reason given"])[-1])


def judge_silent(run, lines, panic, path):
    """Did the guest hang, or did the emulator lose the machine?

    A kernel that hangs reports something, or at least panics when it gets an NMI.
    """
    words, where = lines[-TAIL:], []
    if panic is not None:
        words, where = lines[panic:][:LAST_WORDS], silence.where(lines[panic:])
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(line + "\n" for line in lines[:panic])
    report = scan(path) or []
    lost = not report and (panic is None or run.machine.lost)
    show(where + report + run.stood + words,
         f"{run.late}: {'the emulator lost it' if lost else 'PROGRAM or the guest hung'}")
    return LOST if lost else TIMEOUT


def judge(o, run, scratch):
    console = run.console.decode(errors="replace").replace("\r", "")
    lines = run.log.lines(console)
    path = os.path.join(scratch, "log")
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(line + "\n" for line in lines)
    if o.log:
        try:
            shutil.copyfile(path, o.log)
        except OSError as e:
            raise Trouble(f"--log {o.log}: {e.strerror}") from None
    tail = lines[-TAIL:]
    said = run.machine.said()

    if run.trouble:
        show(tail, run.trouble)
        return TROUBLE
    if not lines and run.stage == "start":
        show(said[-TAIL:], f"{run.late or 'the emulator ended'}: the guest never booted")
        return TROUBLE
    start = max((i for i, x in enumerate(lines) if PANICKED in x), default=None)
    if run.stood:
        return judge_silent(run, lines, start, path)
    report = scan(path)
    ended = "" if run.status is None else f", PROGRAM had ended with {run.status}"
    if start is not None:
        show(report or [], f"the guest's kernel panicked{ended}")
        show(lines[start:][:LAST_WORDS], "its last words")
        return PANIC
    if run.total is None:
        if report:
            show(report, "the kernel log has a splat")
        if run.late:
            what = {"start": "the guest never booted", "boot": "the guest's modules never loaded",
                    "program": "PROGRAM or the guest hung",
                    "ended": "the guest hung"}[run.stage]
            show(tail, f"{run.late}: {what}{ended}")
            return TIMEOUT if run.stage in ("program", "ended") else TROUBLE
        what = "never booted" if run.stage == "start" else "went down before the end of the run"
        show(tail + said[-TAIL:], f"the guest {what}{ended}")
        return TROUBLE if run.stage == "start" else PANIC
    if not run.done():
        raise Trouble("output was lost on the way out of the guest")
    if report:
        show(report, f"the kernel log has a splat{ended}")
        return SPLAT
    if run.inuse:
        note(f"{', '.join(run.inuse)} still in use with no process left: a VM was not freed{ended}")
        return SPLAT
    return run.status


def go(o, scratch):
    complete(o)
    if o.bochs and subprocess.run([os.path.join(TOP, "scripts/deps"), "bochs"],
                                  stdin=subprocess.DEVNULL, check=False).returncode:
        raise Trouble("no Bochs")
    if o.arch != "x86":
        for words in ("deps", f"lab-{o.arch}"), ("foreign", o.arch):
            if subprocess.run([os.path.join(TOP, "scripts", words[0]), words[1]],
                              stdin=subprocess.DEVNULL, check=False).returncode:
                raise Trouble(f"no machine of {o.arch}")
    initrd = os.path.join(scratch, "initrd")
    kernel = build_initrd(o, initrd)
    if o.verbose:
        note(f"{time.monotonic() - o.began:6.2f} s  initramfs of "
             f"{os.path.getsize(initrd) / 1e6:.1f} MB written")
    kind = emulator.Arm64 if o.arch == "arm64" else emulator.Bochs if o.bochs else emulator.Qemu
    machine = kind(scratch, o, kernel, initrd)
    run = Run(o, machine)
    try:
        run.follow()
    finally:
        machine.kill()
    return judge(o, run, scratch)


def stop(signum, _frame):
    # Ignore further signals: they would disturb the cleanup.
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, signal.SIG_IGN)
    sys.exit(128 + signum)


def main():
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, stop)
    began = time.monotonic()
    scratch = None
    saved = None
    try:
        o = options(sys.argv[1:])
        o.began = began
        if o.shell and os.isatty(0):
            saved = termios.tcgetattr(0)
        scratch = tempfile.mkdtemp(prefix="vm.")
        return go(o, scratch)
    except Trouble as e:
        note(e)
        return TROUBLE
    except OSError as e:
        if isinstance(e, BrokenPipeError):
            return 128 + signal.SIGPIPE
        note(f"{e.filename + ': ' if e.filename else ''}{e.strerror}")
        return TROUBLE
    finally:
        if saved:
            termios.tcsetattr(0, termios.TCSADRAIN, saved)
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    code = main()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(code)
