# SPDX-License-Identifier: GPL-2.0-only
"""The guests' architectures, and what differs by them."""

import os
import struct
from typing import NamedTuple

from common import BUILD


class Arch(NamedTuple):
    """What programs, compilers and packages of an architecture are called."""
    name: str
    machine: int            # e_machine of its ELF files
    compiler: str
    libraries: str          # Debian's name of its folder in /usr/lib
    busybox: str


ARCHES = {
    "x86": Arch("x86", 62, "gcc", "x86_64-linux-gnu", "/bin/busybox"),
    # Debian's, unpacked by scripts/foreign.
    "arm64": Arch("arm64", 183, "aarch64-linux-gnu-gcc", "aarch64-linux-gnu",
                  os.path.join(BUILD, "foreign/arm64/bin/busybox")),
}


def machine_of(path):
    """e_machine of an ELF file, None of any other."""
    try:
        with open(path, "rb") as f:
            head = f.read(20)
    except OSError:
        return None
    if len(head) < 20 or head[:4] != b"\x7fELF":
        return None
    return struct.unpack_from("<H", head, 18)[0]
