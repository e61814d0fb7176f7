# SPDX-License-Identifier: GPL-2.0-only
"""The guest's root file system: a cpio archive in two parts.

The base (init, busybox, modules) is the same for many runs and is kept in
build/lab, named by a hash of its inputs. The second part holds the program, its
libraries and the user's files, and is made for each run. The kernel unpacks
archives that follow one another into one tree.

This module writes the archive and not cpio(1): so entries for device nodes and
root's ownership need no privilege.
"""

import functools
import hashlib
import lzma
import os
import re
import shutil
import stat
import struct
import subprocess

from arch import ARCHES, machine_of
from common import TOP, Trouble, identity, kept

# As on Debian, so that a path of the calling machine is valid in the guest.
MERGED = {"/bin": "usr/bin", "/sbin": "usr/sbin", "/lib": "usr/lib", "/lib64": "usr/lib64"}
DIRS = {"/dev": 0o755, "/proc": 0o555, "/sys": 0o555, "/run": 0o755, "/root": 0o700,
        "/etc": 0o755, "/tmp": 0o1777, "/var": 0o755, "/var/tmp": 0o1777, "/mnt": 0o755,
        "/lab": 0o755, "/usr": 0o755, "/usr/bin": 0o755, "/usr/sbin": 0o755, "/usr/lib": 0o755,
        "/usr/lib64": 0o755}
LINKS = MERGED | {"/var/run": "../run"}
BUSYBOX = "/bin/busybox"
MOUNTED = ("/dev", "/proc", "/sys", "/lab")

PASSWD = """root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/:/bin/false
nobody:x:65534:65534:nobody:/:/bin/false
"""
GROUP = "root:x:0:\ndaemon:x:1:\ntty:x:5:\nkvm:x:104:\nnogroup:x:65534:\n"
HOSTS = "127.0.0.1 localhost lab\n::1 localhost\n"


class Tree:
    """Guest paths and what stands there; later entries replace earlier ones.

    KNOWN are paths of an archive that comes before this one.
    """

    def __init__(self, links=None, known=()):
        self.links = dict(links or {})
        self.known = set(known)
        self.entries = {}

    def place(self, path, depth=0):
        """PATH with every symbolic link of this tree on the way there followed."""
        if depth > 20:
            raise Trouble(f"{path}: too many symbolic links")
        done = ""
        parts = [p for p in os.path.normpath("/" + path).split("/") if p]
        for i, part in enumerate(parts):
            done += "/" + part
            if i < len(parts) - 1 and done in self.links:
                target = os.path.join(os.path.dirname(done), self.links[done])
                return self.place("/".join([target] + parts[i + 1:]), depth + 1)
        return done

    def _add(self, path, entry):
        path = self.place(path)
        if path in self.links and entry[0] == "dir":
            return path
        self.links.pop(path, None)
        parent = os.path.dirname(path)
        if parent != "/" and parent not in self.entries and parent not in self.known:
            self._add(parent, ("dir", 0o755))
        self.entries.pop(path, None)
        self.entries[path] = entry
        return path

    def directory(self, path, mode=0o755):
        place = self.place(path)
        if self.entries.get(place, ("",))[0] == "dir":
            # It must stay before its contents in the archive.
            self.entries[place] = ("dir", mode)
        elif place not in self.known:
            self._add(path, ("dir", mode))

    def data(self, path, content, mode=0o644):
        if isinstance(content, str):
            content = content.encode()
        self._add(path, ("data", mode, content))

    def file(self, path, source):
        return self._add(path, ("file", os.stat(source).st_mode & 0o7777, source))

    def link(self, path, target):
        self.links[self._add(path, ("link", target))] = target

    def node(self, path, mode, major, minor):
        self._add(path, ("node", mode, major, minor))

    def __contains__(self, path):
        path = self.place(path)
        return path in self.entries or path in self.known

    def write(self, out):
        for path, entry in self.entries.items():
            kind = entry[0]
            if kind == "dir":
                _header(out, path, stat.S_IFDIR | entry[1], 0)
            elif kind == "data":
                _header(out, path, stat.S_IFREG | entry[1], len(entry[2]))
                out.write(entry[2])
                _pad(out, len(entry[2]))
            elif kind == "link":
                target = entry[1].encode()
                _header(out, path, stat.S_IFLNK | 0o777, len(target))
                out.write(target)
                _pad(out, len(target))
            elif kind == "node":
                _header(out, path, entry[1], 0, entry[2], entry[3])
            else:
                try:
                    with open(entry[2], "rb") as src:
                        size = os.fstat(src.fileno()).st_size
                        _header(out, path, stat.S_IFREG | entry[1], size)
                        left = size
                        while left:
                            block = src.read(min(left, 1 << 20))
                            if not block:
                                raise Trouble(f"{entry[2]} shrank while it was read")
                            out.write(block)
                            left -= len(block)
                except OSError as e:
                    raise Trouble(f"{entry[2]}: {e.strerror}") from None
                _pad(out, size)
        _header(out, "TRAILER!!!", 0, 0)
        # The kernel finds the next archive at any multiple of four.
        out.write(b"\0" * (-out.tell() % 512))


def _header(out, path, mode, size, major=0, minor=0):
    name = path.lstrip("/").encode() + b"\0"
    if size >= 1 << 32:
        raise Trouble(f"{path}: too big for the guest's archive")
    nlink = 2 if stat.S_ISDIR(mode) else 1
    fields = (0, mode, 0, 0, nlink, 0, size, 0, 0, major, minor, len(name), 0)
    head = b"070701" + b"".join(b"%08x" % f for f in fields) + name
    out.write(head)
    _pad(out, len(head))


def _pad(out, size):
    out.write(b"\0" * (-size % 4))


# Modules

def norm(name):
    return name.replace("-", "_")


def module_name(path):
    return norm(re.sub(r"\.ko(\.xz)?$", "", os.path.basename(path)))


def read_module(path):
    with open(path, "rb") as f:
        content = f.read()
    return lzma.decompress(content) if path.endswith(".xz") else content


def modinfo(path, content):
    """The pairs in a module's .modinfo section."""
    try:
        shoff, = struct.unpack_from("<Q", content, 0x28)
        size, count, strndx = struct.unpack_from("<HHH", content, 0x3A)
        heads = [struct.unpack_from("<IIQQQQ", content, shoff + i * size) for i in range(count)]
        names = heads[strndx][4]
        for name, _, _, _, offset, length in heads:
            if content[names + name:].startswith(b".modinfo\0"):
                text = content[offset:offset + length]
                return [p.decode().partition("=")[::2] for p in text.split(b"\0") if p]
    except (struct.error, IndexError):
        pass
    raise Trouble(f"{path} is not a kernel module")


class Modules:
    """The modules of one kernel image, with others put before them."""

    def __init__(self, image, release, first=()):
        root = os.path.join(image, "lib/modules", release)
        self.paths = {}
        for where, _, files in os.walk(os.path.join(root, "kernel")):
            for f in files:
                if f.endswith((".ko", ".ko.xz")):
                    self.paths[module_name(f)] = os.path.join(where, f)
        if not self.paths:
            raise Trouble(f"no modules below {root}: run make modules")
        with open(os.path.join(root, "modules.builtin"), encoding="utf-8") as f:
            self.builtin = {module_name(line.strip()) for line in f}
        for path in first:
            self.paths[module_name(path)] = path
        self.content = {}

    def read(self, name):
        if name not in self.content:
            self.content[name] = read_module(self.paths[name])
        return self.content[name]

    def order(self, wanted):
        """WANTED (names, or paths of .ko files) and what they depend on, dependencies first."""
        done = []

        def visit(name, why):
            name = norm(name)
            if name in done or name in self.builtin:
                return
            if name not in self.paths:
                raise Trouble(f"no module {name} in this kernel{why}")
            info = modinfo(self.paths[name], self.read(name))
            for key, value in info:
                if key == "depends":
                    for dep in filter(None, value.split(",")):
                        visit(dep, f" ({name} needs it)")
            done.append(name)

        for want in wanted:
            if want.endswith((".ko", ".ko.xz")):
                if not os.path.isfile(want):
                    raise Trouble(f"module {want}: no such file")
                self.paths[module_name(want)] = want
                want = module_name(want)
            visit(want, "")
        return done


# Programs and libraries

def libraries(paths):
    """The libraries of these ELF files, as {path: name}, and the names not found."""
    found, missing = {}, []
    if not paths:
        return found, missing
    run = subprocess.run(["ldd", *paths], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"},
                         text=True, errors="replace", check=False)
    for line in run.stdout.splitlines():
        m = re.match(r"\s+(\S+) => (/.*) \(0x", line)
        if m:
            found[m[2]] = os.path.basename(m[1])
            continue
        m = re.match(r"\s+(/\S+) \(0x", line)
        if m:
            found[m[1]] = os.path.basename(m[1])
            continue
        m = re.match(r"\s+(\S+) => not found", line)
        if m:
            missing.append(m[1])
    return found, missing


class Payload:
    """The part of the tree that is the user's."""

    def __init__(self, tree, arch):
        self.tree, self.arch = tree, arch
        self.elves = {}         # path here -> must its libraries be found?
        self.folders = (f"/usr/lib/{arch.libraries}", "/usr/lib", "/usr/lib64")

    def file(self, source, target, needed=False):
        if self.tree.place(target).startswith(tuple(m + "/" for m in MOUNTED)):
            raise Trouble(f"{target}: no file of yours can stand there")
        try:
            self.tree.file(target, source)
            machine = machine_of(source)
            if machine and needed and machine != self.arch.machine:
                raise Trouble(f"{source}: not a program of {self.arch.name}")
            if machine == self.arch.machine:
                self.elves[source] = self.elves.get(source, False) or needed
            elif not os.access(source, os.R_OK):
                raise Trouble(f"{source}: Permission denied")
        except OSError as e:
            raise Trouble(f"{source}: {e.strerror}") from None

    def path(self, source, target):
        """A file or a whole directory; links in a directory stay links."""
        if not os.path.isdir(source):
            if not os.path.isfile(source):
                what = "is neither a file nor a directory" if os.path.exists(source) \
                    else "No such file or directory"
                raise Trouble(f"--file {source}: {what}")
            self.file(source, target)
            return
        self.tree.directory(target)
        for where, dirs, files in os.walk(source):
            there = os.path.normpath(os.path.join(target, os.path.relpath(where, source)))
            for name in sorted(dirs + files):
                here, to = os.path.join(where, name), os.path.join(there, name)
                if os.path.islink(here):
                    self.tree.link(to, os.readlink(here))
                elif os.path.isdir(here):
                    self.tree.directory(to)
                elif os.path.isfile(here):
                    self.file(here, to)

    def program(self, source, depth=0):
        """SOURCE at its own path, with the interpreter that its first line names.

        A guest of another architecture has busybox' programs, not this machine's.
        """
        if machine_of(source) not in (None, self.arch.machine) and source[1:] in _applets():
            return
        self.file(source, source, needed=True)
        with open(source, "rb") as f:
            first = f.readline(4096)
        if not first.startswith(b"#!"):
            return
        words = first[2:].decode(errors="replace").split()
        if not words or depth > 4:
            raise Trouble(f"{source}: no interpreter after #!")
        needs = [words[0]]
        if os.path.basename(words[0]) == "env":
            rest = [w for w in words[1:] if not w.startswith("-") and "=" not in w]
            if rest:
                needs.append(shutil.which(rest[0]) or rest[0])
        for need in needs:
            if os.path.isfile(need):
                self.program(need, depth + 1)
            elif need.lstrip("/") not in _applets():
                raise Trouble(f"{source}: its interpreter {need} is not on this machine")

    def close(self):
        """Add the libraries."""
        for path, needed in list(self.elves.items()):
            if needed:
                _, missing = libraries([path])
                if missing:
                    raise Trouble(f"{path}: library {missing[0]} not found")
        found, _ = libraries(list(self.elves))
        for path, name in found.items():
            if path in self.tree:
                continue
            self.tree.file(path, path)
            where = os.path.dirname(self.tree.place(path))
            plain = f"{self.folders[0]}/{name}"
            # The guest has no ld.so.cache: the loader looks in the standard places.
            if where not in self.folders and plain not in self.tree:
                self.tree.link(plain, path)


# The two parts

def compiled_init(arch):
    """lab/init.c as a static program, built when its text changes."""
    source = os.path.join(TOP, "lab/init.c")
    with open(source, "rb") as f:
        key = hashlib.sha256(arch.compiler.encode() + f.read()).hexdigest()[:16]

    def build(out):
        run = subprocess.run([arch.compiler, "-O2", "-Wall", "-static", "-s", "-o", out.name, source],
                             stdin=subprocess.DEVNULL, check=False)
        if run.returncode:
            raise Trouble("lab/init.c does not compile")

    return kept(f"init-{key}", build)


@functools.cache
def _applets():
    """What busybox can be, the same in all of Debian's architectures."""
    run = subprocess.run([ARCHES["x86"].busybox, "--list-full"], stdout=subprocess.PIPE,
                         text=True, check=True)
    return run.stdout.split()


def _directories(arch):
    return DIRS | {f"/usr/lib/{arch.libraries}": 0o755}


def _base_tree(arch, init, modules, names):
    tree = Tree()
    for path, mode in _directories(arch).items():
        tree.directory(path, mode)
    for link, target in LINKS.items():
        tree.link(link, target)
    # The kernel opens /dev/console for init before anything is mounted.
    tree.node("/dev/console", stat.S_IFCHR | 0o600, 5, 1)
    tree.node("/dev/null", stat.S_IFCHR | 0o666, 1, 3)
    tree.data("/etc/passwd", PASSWD)
    tree.data("/etc/group", GROUP)
    tree.data("/etc/hosts", HOSTS)
    tree.file("/init", init)
    tree.link("/usr/bin/limit", "/init")
    tree.file(BUSYBOX, arch.busybox)
    for path in _applets():
        if "/" + path not in tree:
            tree.link("/" + path, BUSYBOX)
    for name in names:
        tree.data(f"/lab/{name}.ko", modules.read(name))
    tree.data("/lab/modules", "".join(f"/lab/{name}.ko\n" for name in names))
    return tree




def base(arch, modules, names):
    """The base archive's path; it is made if it isn't there."""
    init = compiled_init(arch)
    key = hashlib.sha256()
    with open(__file__, "rb") as f:
        key.update(f.read())
    for path in [init, arch.busybox] + [modules.paths[n] for n in names]:
        key.update(identity(path).encode())
    return kept(f"base-{key.hexdigest()[:16]}.cpio",
                lambda out: _base_tree(arch, init, modules, names).write(out))


def user_tree(arch):
    """An empty tree that goes on top of the base."""
    return Tree(LINKS, [*_directories(arch), "/usr/bin/busybox"])


def write(path, base_path, tree):
    with open(path, "wb") as out:
        with open(base_path, "rb") as src:
            shutil.copyfileobj(src, out, 1 << 20)
        tree.write(out)
