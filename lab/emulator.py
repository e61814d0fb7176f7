# SPDX-License-Identifier: GPL-2.0-only
"""The machines: QEMU (software emulation with SVM, or hardware; of arm64) and Bochs (VMX).

A machine is started with its channels (lab/init.c) as open descriptors here.
"""

import ctypes
import glob
import hashlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import time

from common import Trouble, identity, kept
from silence import asleep

# A hung task can't be killed, and a process that waits for it would wait until the
# machine's time is up. The hung task's report is the verdict, so the kernel panics at
# it, and prints the blocked tasks and the other processors' backtraces.
COMMON = ("quiet", "loglevel=5", "oops=panic", "hung_task_panic=1",
          "panic_print=0x240", "printk.devkmsg=on", "log_buf_len=8M")
CONSOLE = "console=ttyS0,115200"
PR_SET_PDEATHSIG = 1
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


def hardware(cpu):
    """Can this machine's processor nest, and is it of the vendor in CPU?"""
    flag, module = {"amd": ("svm", "kvm_amd"), "intel": ("vmx", "kvm_intel")}[cpu]
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as f:
            flags = re.search(r"^flags\s*:(.*)$", f.read(), re.M)
        with open(f"/sys/module/{module}/parameters/nested", encoding="utf-8") as f:
            nested = f.read().strip()
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return bool(flags) and flag in flags[1].split() and nested in ("1", "Y")


def unpacked(vmlinuz):
    """The ELF image inside VMLINUZ, kept in build/lab.

    QEMU starts it by its PVH entry, so the emulated processor needn't unpack it,
    which takes a second of every boot. An image that is packed, but not with zstd,
    unpacks itself; an ELF image is returned as it is.
    """
    with open(vmlinuz, "rb") as f:
        image = f.read()
    if image[:4] == b"\x7fELF":
        return vmlinuz
    if len(image) < 0x250 or image[0x202:0x206] != b"HdrS":
        raise Trouble(f"{vmlinuz} is not a kernel image")
    start = (image[0x1F1] + 1) * 512 + struct.unpack_from("<I", image, 0x248)[0]
    # The last four bytes are the unpacked size, not part of the stream.
    packed = image[start:start + struct.unpack_from("<I", image, 0x24C)[0] - 4]
    if packed[:4] != b"\x28\xb5\x2f\xfd":
        return vmlinuz

    def unpack(out):
        run = subprocess.run(["zstd", "-dcq"], input=packed, stdout=subprocess.PIPE, check=False)
        if run.returncode or run.stdout[:4] != b"\x7fELF":
            raise Trouble(f"{vmlinuz} does not unpack")
        out.write(run.stdout)

    key = hashlib.sha256(identity(vmlinuz).encode()).hexdigest()[:16]
    return kept(f"vmlinux-{key}", unpack)


_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    """Have the kernel kill the emulator when the runner dies, even by SIGKILL."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Machine:
    """One running emulator."""

    magic = b""                     # what comes before the first frame on the data channel
    pulse = False                   # does the guest send "alive"?
    lost = ()                       # processors that have missed a timer, see interrupt()

    def __init__(self, scratch):
        self.messages = os.path.join(scratch, "emulator")
        self.process = None
        self.data = None            # descriptors: frames, verdict lines, kernel console
        self.verdict = None
        self.console = None

    def start(self, argv, setup=die_with_parent, **io):
        with open(self.messages, "wb") as log:
            try:
                self.process = subprocess.Popen(argv, stderr=log, preexec_fn=setup, **io)
            except OSError as e:
                raise Trouble(f"{argv[0]}: {e.strerror}") from None

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def said(self):
        """The emulator's own messages, without those that it always prints."""
        try:
            with open(self.messages, encoding="utf-8", errors="replace") as f:
                lines = [x.rstrip() for x in f]
        except OSError:
            return []
        return [x for x in lines if x and "TCG doesn't support requested feature" not in x]


class Qemu(Machine):
    # The guest's init switches the other processors on (lab/init.c).
    WORDS = (*COMMON, "panic=-1", "lab.channel=virtio", "maxcpus=1")

    # With a thread for each processor QEMU's nested paging fails (7.2, and 10.0.2 of
    # bookworm-backports): a guest's VMEXIT has a rip of the host's kvm-amd, as
    # kvm_exit's trace shows.  The guest faults there for ever or is shut down, or writes
    # to the host kernel's memory, which then has corrupted stacks and lost tasks, with
    # stock modules as with ours.  Of runs of iosignalfd_stress_test with two threads,
    # 20 s a bus, two of three were lost (one of five with 10.0.2), and none of seven
    # with shadow paging.  On PREEMPT_RT one of irqfd_level_race_test's races ended 10 of 15
    # machines within two minutes, and none of nine with shadow paging.
    SHADOW_PAGING = "kvm_amd.npt=0"

    # Seconds; the kernel's watchdog has a timer every four.
    WATCHDOG = 6
    # The monitor's lines with a processor's registers, without vectors and descriptors.
    REGISTERS = re.compile(r"^(?:CPU#|R\w\w?\s*=|CS |GS |CR0|EFER).*", re.M)

    def __init__(self, scratch, opts, kernel, initrd):
        super().__init__(scratch)
        if opts.hardware:
            accel, cpu = ["-accel", "kvm"], ["host,migratable=off"]
        elif opts.icount:
            accel, cpu = ["-accel", "tcg", "-icount", "shift=0,sleep=off"], ["EPYC"]
        else:
            threads = "single" if opts.one_thread else "multi"
            accel, cpu = ["-accel", f"tcg,thread={threads}"], ["EPYC"]
        if "-rt-" in os.path.basename(kernel) and not opts.hardware:
            # KVM on PREEMPT_RT insists on a constant TSC. The emulated processor can't
            # advertise one, but Linux assumes it on VMware, and this machine has
            # VMware's port: Linux asks there if the serial number is VMware's.
            cpu = ["EPYC,-hypervisor", "-smbios", "type=1,serial=VMware-lab"]
        words = [*self.WORDS, CONSOLE, "noreplace-smp"]
        if not opts.hardware:
            # Both checks compare two clocks over some milliseconds, and fail if the
            # host doesn't schedule the emulator for that long.
            words += ["no_timer_check", "tsc=nowatchdog"]
        if opts.smp > 1 and not (opts.hardware or opts.one_thread):
            words.append(self.SHADOW_PAGING)
        machine, devices = "q35", []
        if opts.edu and opts.own:
            # Kernels of the lab's own let vfio do without an IOMMU.
            devices = ["-device", "edu"]
        elif opts.edu:
            # vfio needs an IOMMU that remaps interrupts, which KVM's I/O APIC can't use.
            machine += ",kernel-irqchip=split"
            devices = ["-device", "intel-iommu,intremap=on", "-device", "edu"]
            words.append("intel_iommu=on")
        if opts.disk:
            devices += ["-drive", f"file={opts.disk},format=raw,if=none,id=disk,snapshot=on",
                        "-device", "virtio-blk-pci,drive=disk"]
        words.append("unknown_nmi_panic")
        self.run(opts, ["qemu-system-x86_64", *accel, "-M", machine, "-cpu", *cpu,
                        "-kernel", unpacked(kernel), *devices], words, initrd)

    def run(self, opts, machine, words, initrd):
        """Start a MACHINE, an emulator's command with its options, with its channels."""
        # With --icount a pulse's instructions would be counted as well.
        self.pulse = not opts.icount
        if self.pulse:
            words.append("lab.pulse")
        words += opts.append
        argv = [*machine, "-nodefaults", "-no-user-config",
                "-smp", str(opts.smp), "-m", f"{opts.mem}M", "-display", "none", "-no-reboot",
                "-initrd", initrd, "-append", " ".join(words),
                "-serial", "chardev:console", "-device", "virtio-serial-pci"]
        theirs = []
        for name in ("console", "data", "verdict", "monitor"):
            mine, other = socket.socketpair()
            theirs.append(other)
            argv += ["-chardev", f"socket,id={name},fd={other.fileno()}"]
            if name == "monitor":
                argv += ["-mon", "chardev=monitor,mode=control"]
                self.monitor = mine
                continue
            if name != "console":
                argv += ["-device", f"virtserialport,chardev={name},name=lab.{name}"]
            setattr(self, name, mine.detach())
        io = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        if opts.shell:
            argv += ["-chardev", "stdio,id=tty,signal=off", "-device", "virtconsole,chardev=tty"]
            io = {}
        self.start(argv, pass_fds=[s.fileno() for s in theirs], **io)
        for s in theirs:
            s.close()

    def threads(self):
        """The emulator's own threads: name, state, time in user mode and kernel, wchan."""
        out = []
        for task in glob.glob(f"/proc/{self.process.pid}/task/*"):
            try:
                with open(f"{task}/stat", encoding="utf-8") as f:
                    name, _, rest = f.read().rpartition(")")
                with open(f"{task}/wchan", encoding="utf-8") as f:
                    fields = rest.split()
                    out.append(f"{name}) {fields[0]} {fields[11]} {fields[12]} {f.read()}")
            except OSError:
                continue
        return out

    def panic(self, ask):
        """Have the kernel panic, if it still can."""
        ask("inject-nmi")

    def interrupt(self):
        """Describe where a silent machine's processors are.

        Returns the registers as text, twice, to show which processor moves; and has the
        kernel panic if it still can.
        """
        out = self.threads()
        self.monitor.settimeout(10)
        try:
            with self.monitor.makefile("rw", encoding="utf-8") as monitor:
                def ask(command, **arguments):
                    monitor.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
                    monitor.flush()
                    while "return" not in (answer := json.loads(monitor.readline())):
                        if "error" in answer:
                            raise ValueError(answer["error"])
                    return str(answer["return"])

                def registers():
                    text = ask("human-monitor-command", **{"command-line": "info registers -a"})
                    return self.REGISTERS.findall(text)

                ask("qmp_capabilities")
                before = registers()
                time.sleep(self.WATCHDOG)
                after = registers()
                self.lost = asleep(before, after)
                out += before + after + [f"processor {cpu} has slept" for cpu in self.lost]
                self.panic(ask)
        except (OSError, ValueError) as e:
            out.append(f"the monitor: {e}")
        return out + self.threads()


class Arm64(Qemu):
    """KVM at EL2 (VHE), with a GICv3 and its ITS, in QEMU's software emulation."""

    REGISTERS = re.compile(r"^(?:CPU#| PC=|PSTATE=).*", re.M)

    def __init__(self, scratch, opts, kernel, initrd):
        # pylint: disable=super-init-not-called
        Machine.__init__(self, scratch)
        if opts.icount:
            accel = ["-accel", "tcg", "-icount", "shift=0,sleep=off"]
        else:
            threads = "single" if opts.one_thread else "multi"
            accel = ["-accel", f"tcg,thread={threads}"]
        machine, devices = "virt,virtualization=on,gic-version=3", []
        if opts.edu:
            machine += ",iommu=smmuv3"
            devices = ["-device", "edu"]
        # Pointer authentication by QEMU's own function costs much less than by QARMA.
        self.run(opts, ["qemu-system-aarch64", *accel, "-M", machine,
                        "-cpu", "max,pauth-impdef=on,sve=off,sme=off", "-kernel", kernel,
                        *devices], [*self.WORDS, "console=ttyAMA0"], initrd)

    def panic(self, ask):
        """A break and "c" on the console; the machine has no NMI."""
        ask("chardev-send-break", id="console")
        os.write(self.console, b"c")


class Bochs(Machine):
    # Bochs and its debugger print a few lines before the guest runs.
    magic = b"\0lab data\0"

    WORDS = (
        # Don't restart: the guest would boot again. The runner sees the panic.
        "panic=0", "lab.channel=bochs",
        # The TSC counts instructions, and so do all the other clocks.
        "tsc=reliable", "tsc_early_khz=100000", "kvm_intel.preemption_timer=0",
        # Self tests and certificates that the lab doesn't need: they take four seconds.
        "initcall_blacklist=jent_mod_init,load_system_certificate_list",
    )

    CONFIG = """\
config_interface: textconfig
display_library: rfb, options="timeout=0"
plugin_ctrl: voodoo=false, e1000=false, es1370=false, ne2k=false, sb16=false, speaker=false
cpu: model=corei7_haswell_4770, count=1, ips=100000000, reset_on_triple_fault=0
memory: guest={mem}, host={mem}
pci: enabled=1, chipset=i440fx
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
clock: sync=none, time0=utc
com1: enabled=1, mode=file, dev={console}
com2: enabled=1, mode=file, dev={verdict}
port_e9_hack: enabled=1
log: {log}
panic: action=fatal
error: action=ignore
info: action=ignore
"""

    ISOLINUX = """\
SERIAL 0 115200
PROMPT 0
TIMEOUT 1
DEFAULT lab
LABEL lab
KERNEL /vmlinuz
INITRD /initrd
APPEND {words}
"""

    def __init__(self, scratch, opts, kernel, initrd):
        super().__init__(scratch)
        iso = os.path.join(scratch, "iso")
        self._image(scratch, iso, opts, kernel, initrd)
        names = {}
        for name in ("console", "verdict"):
            names[name] = os.path.join(scratch, name)
            os.mkfifo(names[name])
            setattr(self, name, os.open(names[name], os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        rc = os.path.join(scratch, "bochsrc")
        with open(rc, "w", encoding="utf-8") as f:
            f.write(self.CONFIG.format(mem=opts.mem, iso=iso, **names,
                                       log=os.path.join(scratch, "bochs.log")))
        # Debian's Bochs stops in its debugger first.
        debug = os.path.join(scratch, "debugger")
        with open(debug, "w", encoding="utf-8") as f:
            f.write("c\n")
        self.start(["bochs-bin", "-q", "-f", rc, "-rc", debug], setup=self._setup,
                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=scratch)
        self.data = self.process.stdout.fileno()

    @staticmethod
    def _setup():
        # Bochs' display is a VNC server on every address of the machine. In a network
        # namespace of its own it can't be reached; without one it takes a free port.
        if os.geteuid() != 0:
            _libc.unshare(CLONE_NEWUSER)
        _libc.unshare(CLONE_NEWNET)
        die_with_parent()

    def _image(self, scratch, iso, opts, kernel, initrd):
        words = " ".join([*COMMON, CONSOLE, *self.WORDS, *opts.append])
        if "\n" in words or len(words) > 2000:
            raise Trouble("--append is too long, or has a line break")
        config = os.path.join(scratch, "isolinux.cfg")
        with open(config, "w", encoding="utf-8") as f:
            f.write(self.ISOLINUX.format(words=words))
        files = {"isolinux/isolinux.bin": "/usr/lib/ISOLINUX/isolinux.bin",
                 "isolinux/ldlinux.c32": "/usr/lib/syslinux/modules/bios/ldlinux.c32",
                 "isolinux/isolinux.cfg": config, "vmlinuz": kernel, "initrd": initrd}
        run = subprocess.run(
            ["xorriso", "-as", "mkisofs", "-quiet", "-o", iso, "-b", "isolinux/isolinux.bin",
             "-c", "isolinux/boot.cat", "-no-emul-boot", "-boot-load-size", "4",
             "-boot-info-table", "-graft-points",
             *(f"{to}={here}" for to, here in files.items())],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, errors="replace", check=False)
        if run.returncode:
            raise Trouble("no boot image: " + (run.stderr.strip().splitlines() or ["xorriso"])[-1])

    def said(self):
        lines = super().said()
        try:
            with open(os.path.join(os.path.dirname(self.messages), "bochs.log"),
                      encoding="utf-8", errors="replace") as f:
                lines += [x.rstrip() for x in f.readlines()[-50:]]
        except OSError:
            pass
        return lines
