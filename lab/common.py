# SPDX-License-Identifier: GPL-2.0-only
"""Shared parts of the lab's runner."""

import os
import time

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
BUILD = os.path.join(TOP, "build")
LAB = os.path.join(BUILD, "lab")

# Whole kernels with our files that have a twin of the pristine source, by the twins' names
# below build/kernel.
STOCK = {"plain": "plain-stock"}

# How many files of each kind stay in build/lab; modules change often in development.
KEEP = {"base": 12, "init": 4, "vmlinux": 4}
YOUNG = 600


class Trouble(Exception):
    """The lab can't do what it was asked; the text says why, in one line."""


def identity(path):
    """A text that changes when the file does."""
    st = os.stat(path)
    return f"{os.path.realpath(path)} {st.st_size} {st.st_mtime_ns}\n"


def kept(name, make):
    """The path of a file in build/lab; MAKE writes it, given a file object, if it isn't there.

    NAME is KIND-KEY, and the key depends on all that the content depends on. So
    runs side by side need no lock: each writes the same content.
    """
    path = os.path.join(LAB, name)
    try:
        os.utime(path)
        return path
    except FileNotFoundError:
        os.makedirs(LAB, exist_ok=True)
    part = f"{path}.{os.getpid()}"
    try:
        with open(part, "wb") as out:
            make(out)
        os.rename(part, path)
    finally:
        if os.path.exists(part):
            os.unlink(part)
    _prune(name.partition("-")[0])
    return path


def _prune(kind):
    old = []
    for entry in os.scandir(LAB):
        try:
            used = entry.stat().st_mtime
        except FileNotFoundError:       # another run prunes, too
            continue
        if entry.name.startswith(kind + "-") and time.time() - used > YOUNG:
            old.append((used, entry.path))
    for _, path in sorted(old)[:-KEEP[kind]]:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
