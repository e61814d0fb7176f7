#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Which lines and branches of our files were executed, from gcov's data.

Usage: lab/coverage.py [DIRECTORY]	default build/coverage

The directory has the guest's .gcda files; their .gcno are in build/kernels/gcov.
The report goes to DIRECTORY/report: the figures of each file, then each line and
branch that was missed.  lab/coverage-missed lists what may be missed, and why;
lab/coverage-floor has the percentages that must be reached.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
BUILT = os.path.join(TOP, "build/kernels/gcov")
TREE = os.path.join(TOP, "build/kernels/tree")
DEFAULT = os.path.join(TOP, "build/coverage")
MISSED = os.path.join(TOP, "lab/coverage-missed")
FLOOR = os.path.join(TOP, "lab/coverage-floor")


class Trouble(Exception):
    pass


def our_files():
    run = subprocess.run([os.path.join(TOP, "scripts/tree"), "files"], check=True,
                         stdout=subprocess.PIPE, text=True)
    return {f for f in run.stdout.split()
            if re.match(r"(virt/(kvm|lib)|arch/x86/kvm|include/(kvm|linux))/.*\.[ch]$", f)}


def gcov(directory):
    """gcov's output for each object, decoded."""
    units = []
    with tempfile.TemporaryDirectory() as tmp:
        for data in sorted(f for f in os.listdir(directory) if f.endswith(".gcda")):
            notes = os.path.join(BUILT, data.replace("%", "/")[:-5] + ".gcno")
            if not os.path.exists(notes):
                raise Trouble(f"no notes for {data}: it is of another kernel")
            shutil.copy(os.path.join(directory, data), tmp)
            shutil.copy(notes, os.path.join(tmp, data[:-5] + ".gcno"))
            run = subprocess.run(["gcov", "--json-format", "--stdout", "-b", data], cwd=tmp,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 check=False)
            if run.returncode or "stamp mismatch" in run.stderr:
                raise Trouble(f"{data}: {run.stderr.strip()}")
            units.append(json.loads(run.stdout))
    if not units:
        raise Trouble("no data came out of the guest")
    return units


# Macros that choose between two ways to do the same, by what the compiler knows of
# their arguments: most branches on their lines are that choice, so none is counted.
CHOOSING = re.compile(r"\b(__)?(test|set|clear)(_and_\w+)?_bit\(|\bfor_each_set_bit\(")


class Line:
    """One line, in all functions and objects that it has become part of."""

    def __init__(self, function):
        self.function = function
        self.count = 0
        self.branches = []      # how often each was taken

    def add(self, line):
        self.count += line["count"]
        taken = [b["count"] for b in line["branches"] if not b["throw"]]
        if len(taken) == len(self.branches):
            self.branches = [a + b for a, b in zip(taken, self.branches)]
        else:
            # The same source, optimised in two ways: keep the one with more branches.
            self.branches = max(taken, self.branches, key=len)


def replaced():
    """Our weak functions that the architecture overrides: they aren't in the module."""
    def symbols(kind, path):
        run = subprocess.run(["nm", "--defined-only", path], check=True, stdout=subprocess.PIPE,
                             text=True)
        return set(re.findall(f" [{kind}] (\\S+)", run.stdout))
    weak = set()
    for path in our_files():
        built = os.path.join(BUILT, os.path.splitext(path)[0] + ".o")
        if path.endswith(".c") and os.path.exists(built):
            weak |= symbols("W", built)
    return weak & symbols("T", os.path.join(BUILT, "arch/x86/kvm/kvm.o"))


def collect(units, ours):
    """path -> number -> Line"""
    files = {}
    absent = replaced()
    for unit in units:
        for file in unit["files"]:
            name = os.path.normpath(os.path.join(BUILT, file["file"]))
            path = os.path.relpath(name, TREE)
            if path not in ours:
                path = next((o for o in ours if name.endswith("/" + o)), None)
            if not path:
                continue
            lines = files.setdefault(path, {})
            for line in file["lines"]:
                if line.get("function_name") in absent:
                    continue
                number = line["line_number"]
                lines.setdefault(number, Line(line.get("function_name", ""))).add(line)
    for path, lines in files.items():
        text = source(path)
        for number, line in lines.items():
            if CHOOSING.search(text[number - 1]):
                line.branches = []
    return files


def allowed():
    """[[path, function, regex of the source line, reason, used]]"""
    entries, place = [], None
    if not os.path.exists(MISSED):
        return entries
    with open(MISSED, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip("\n")
            if not line.strip() or line.startswith("#"):
                continue
            key, _, value = line.partition(": ")
            where = f"lab/coverage-missed:{number}"
            if key == "at" and place is None and len(value.split(" ", 1)) == 2:
                place = value.split(" ", 1)
            elif key == "reason" and place is not None and value:
                entries.append([place[0], re.compile(place[1]), value, 0])
                place = None
            else:
                raise Trouble(f"{where}: neither 'at: PATH REGEX' nor its 'reason: TEXT'")
    return entries


def source(path):
    with open(os.path.join(TREE, path), encoding="utf-8") as f:
        return f.read().split("\n")


def misses(files):
    """(path, number, function, what, text) of each line that was missed, or its branches."""
    for path, lines in sorted(files.items()):
        text = source(path)
        for number, line in sorted(lines.items()):
            words = text[number - 1].strip()
            if not line.count:
                yield path, number, line.function, "line", words
            elif missed := sum(not b for b in line.branches):
                yield (path, number, line.function,
                       f"{missed} of {len(line.branches)} branches", words)


def percent(part, whole):
    return 100.0 * part / whole if whole else 100.0


def figures(files):
    """For each file and for all: lines, executed lines, branches, taken branches."""
    rows = {}
    for path, lines in sorted(files.items()):
        branches = [b for line in lines.values() for b in line.branches]
        rows[path] = (len(lines), sum(bool(x.count) for x in lines.values()),
                      len(branches), sum(bool(b) for b in branches))
    rows["all"] = tuple(sum(r[i] for r in rows.values()) for i in range(4))
    return rows


def table(rows):
    out = [f"{'':34}{'lines':>16}{'branches':>18}"]
    for name, (lines, hit, branches, taken) in rows.items():
        out.append(f"{name:34}{hit:5}/{lines:<5}{percent(hit, lines):5.1f}%"
                   f"{taken:6}/{branches:<5}{percent(taken, branches):5.1f}%")
    return out


def floor():
    with open(FLOOR, encoding="utf-8") as f:
        return {k: float(v) for k, v in (x.split() for x in f if x.strip() and x[0] != "#")}


def judge(directory):
    """The results that tests/debug prints: [(good, name, None, notes)]."""
    try:
        files = collect(gcov(directory), our_files())
        entries, least = allowed(), floor()
    except (Trouble, OSError, ValueError) as e:
        return [(False, "coverage", None, [str(e)])]
    rows = figures(files)
    lines, hit, branches, taken = rows["all"]
    got = {"lines": percent(hit, lines), "branches": percent(taken, branches)}
    report, unexplained = table(rows), []
    for path, number, function, what, words in misses(files):
        at = f"{function}: {words}"
        entry = next((e for e in entries if e[0] == path and e[1].search(at)), None)
        if entry:
            entry[3] += 1
        note = f"{path}:{number}: {what}: {at}"
        report.append(f"{note}\n\t{entry[2] if entry else 'NOT EXPLAINED'}")
        if not entry:
            unexplained.append(note)
    with open(os.path.join(directory, "report"), "w", encoding="utf-8") as f:
        f.writelines(x + "\n" for x in report)
    out = []
    for kind, value in got.items():
        out.append((value >= least[kind], f"coverage.{kind}", None,
                    [f"{value:.1f} %, and must be {least[kind]:.1f} %"] +
                    (table(rows) if kind == "lines" else [])))
    out.append((not unexplained, "coverage.explained", None,
                ["missed, and not in lab/coverage-missed:", *unexplained[:60]]
                if unexplained else []))
    return out


def main():
    directory = sys.argv[1] if len(sys.argv) > 1 else DEFAULT
    good = True
    for fine, name, _, notes in judge(directory):
        good = good and fine
        print(("ok" if fine else "not ok"), name)
        for note in notes:
            print("#", note)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
