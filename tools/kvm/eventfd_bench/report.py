#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Make a table, a CSV, a Markdown fragment and plot data of bench results.

Usage: report.py DIR KVM...

Reads DIR/KVM.txt, lines "name N instructions" as eventfd_bench prints them,
for each KVM ("stock", "ours"). Writes DIR/bench.csv, DIR/table.md and
DIR/plot/NAME.dat, and the table to stdout.
"""

import csv
import pathlib
import sys

# Each operation's name in the Markdown fragment; None: not in that fragment.
OPERATIONS = {
    "exit-to-user-pio": "PIO write that exits to user space",
    "exit-to-user-pio-value": "the same where an iosignalfd takes another value",
    "exit-to-user-mmio": "MMIO write that exits to user space",
    "exit-floor": "PIO write that does nothing and re-enters",
    "doorbell-pio": "PIO ring, one eventfd",
    "doorbell-pio-value": "PIO ring, one eventfd, one value",
    "doorbell-pio-real": "PIO ring, one eventfd, a guest in real mode",
    "doorbell-mmio": "MMIO ring, one eventfd",
    "doorbell-mmio-value": "MMIO ring, one eventfd, one value",
    "doorbell-mmio-any": "MMIO ring, one eventfd, no length",
    "ring-pio-in-turn": "PIO rings, N ports in turn",
    "ring-pio-beside": "PIO ring, then 16 bytes to a port of KVM's own",
    "doorbell-pio-hangup": "PIO ring, watched for the eventfd's hang-up",
    "doorbell-pio-post": "PIO ring, the value posted",
    "doorbell-pio-fanout": "PIO ring, N eventfds share it",
    "ring-value-last": "PIO ring, last of N values at one port",
    "ring-value-first": "PIO ring, first of N values at one port",
    "ring-mmio-among": "MMIO ring, one of N addresses",
    "assign-value": "assign, N values at one port",
    "assign-value-work": None,
    "deassign-value": "deassign, N values at one port",
    "deassign-value-work": None,
    "deassign-value-all": "deassign all N values, each",
    "assign-addr": "assign, N addresses",
    "assign-addr-work": None,
    "deassign-addr": "deassign, N addresses",
    "deassign-addr-work": None,
    "irqfd-assign": "irqfd assign",
    "irqfd-assign-work": None,
    "irqfd-deassign": "irqfd deassign",
    "irqfd-deassign-work": None,
    "irqfd-hangup": "close of an irqfd's eventfd, its caller",
    "irqfd-hangup-work": "close of an irqfd's eventfd, all of it",
    "irqfd-signal-msi": "signal of an MSI, N irqfds",
    "irqfd-signal-ioapic": "signal of an IOAPIC pin, N irqfds",
    "signal-bare": "eventfd write, no irqfd",
    "signal-bare-switches": None,
    "signal-msi": "eventfd write, an MSI that a vCPU takes",
    "signal-msi-switches": None,
    "signal-msi-lost": "eventfd write, an MSI that no vCPU takes",
    "signal-msi-lost-switches": None,
    "signal-pin": "eventfd write, an edge of an IOAPIC pin",
    "signal-pin-switches": "its context switches",
    "signal-pins": "eventfd write, an edge of an IOAPIC pin and a PIC's",
    "signal-pins-switches": "its context switches",
    "signal-level": "eventfd write, a level irqfd raises an IOAPIC pin",
    "signal-level-switches": "its context switches",
    "set-gsi-routing-bare": "KVM_SET_GSI_ROUTING, N routes, no irqfd",
    "set-gsi-routing": "KVM_SET_GSI_ROUTING, N routes, N irqfds",
    "batch-assign-alone": "assign of N addresses by N calls, each",
    "batch-assign": "assign of N addresses by one call, each",
    "batch-deassign-alone": "deassign of N addresses by N calls, each",
    "batch-deassign": "deassign of N addresses by one call, each",
    "batch-move-alone": "move of N addresses by 2 N calls, each",
    "batch-move": "move of N addresses by one call, each",
    "batch-irqfd-alone": "assign of N irqfds by N calls, each",
    "batch-irqfd": "assign of N irqfds by one call, each",
    "batch-irqfd-end-alone": "deassign of N irqfds by N calls, each",
    "batch-irqfd-end": "deassign of N irqfds by one call, each",
    "set-gsi-routes-table": "KVM_SET_GSI_ROUTING changes one of N routes, N irqfds",
    "set-gsi-routing-all": "KVM_SET_GSI_ROUTING changes all of N routes, N irqfds",
    "set-gsi-routes": "KVM_SET_GSI_ROUTES changes one of N routes, N irqfds",
    "set-gsi-routes-first": "KVM_SET_GSI_ROUTES of a GSI without a route, N irqfds",
    "routes-signal-other": "signal of an MSI after another GSI's route has changed",
    "routes-signal-own": "signal of an MSI after its own route has changed",
    "level-assign": "level irqfd assign",
    "level-assign-work": None,
    "level-deassign": "level irqfd deassign",
    "level-deassign-work": None,
    "level-interrupt": "IOAPIC interrupt, N level irqfds on other GSIs",
    "level-scan": "the same after KVM_SET_IRQCHIP",
    "level-vm-release": "closing the VM with N level irqfds, its caller",
    "level-vm-release-work": "closing the VM with N level irqfds",
    "control-remake": "irqfd deassign and assign, N irqfds",
    "control-mask": "irqfd masked",
    "control-unmask": "irqfd unmasked, nothing is pending",
    "control-unmask-pending": "irqfd unmasked, an event is pending",
    "control-move": "irqfd moved to another GSI",
    "control-signal": "eventfd write, the irqfd is masked",
    "control-mask-many": "irqfd masked with 63 others in one call",
    "control-read-many": "irqfd's pending event read, with 63 others",
    "control-unmask-many": "irqfd unmasked with 63 others in one call",
    "bypass-register": "a bypass producer registers, N others and consumers",
    "bypass-register-work": None,
    "bypass-unregister": "a bypass producer unregisters, N others and consumers",
    "bypass-unregister-work": None,
    "eventfd-signal": "signal in the kernel, nothing waits",
    "eventfd-signal-epoll": "signal in the kernel, an epoll instance has the eventfd",
    "eventfd-signal-sleeper": "signal in the kernel, a thread sleeps in epoll_wait(2)",
    "eventfd-signal-irqfd": "signal in the kernel, an irqfd, an MSI that a vCPU takes",
    "eventfd-write": "write(2), nothing waits",
    "eventfd-write-epoll": "write(2), an epoll instance has the eventfd",
    "eventfd-write-sleeper": "write(2), a thread sleeps in epoll_wait(2)",
    "eventfd-read": "read(2) of an event, nothing waits",
    "eventfd-read-epoll": "read(2) of an event, an epoll instance has the eventfd",
    "vm-release": None,
    "vm-release-work": "closing the VM with N irqfds",
    "vm-release-addr-work": "closing the VM with N addresses",
}

# These are measured on both vendors' hosts.
BOTH_VENDORS = ("exit-", "doorbell-pio", "doorbell-mmio", "ring-pio-in-turn",
                "ring-pio-beside")
NOT_THERE = ("hangup", "post", "fanout")
OPERATIONS |= {f"intel-{name}": f"Intel: {text}" for name, text in OPERATIONS.items()
               if name.startswith(BOTH_VENDORS) and not name.endswith(NOT_THERE)}

# The columns of the Markdown fragment. A routing table has room for 4,096 routes,
# and the rows of irqfd need one more, so they have N=4,000 in that column.
COLUMNS = (1, 64, 1024, 4096, 16384)
STAND_IN = {4096: 4000}

NOTES = """\
Instructions for one operation where N are registered, host and guest together,
counted by the emulator (QEMU -icount, an AMD host) as nanoseconds of
CLOCK_MONOTONIC; one processor, a guest in 64-bit mode. A world switch counts as
one. Rows of Intel are counted by Bochs, ten nanoseconds an instruction.

- Medians: of 9 batches of rings, of the 16 operations that reach N, of 48
  signals, whose interrupt is pending already, of 16 eventfd writes in the rows that
  begin so, which find nothing pending, of 7 routing tables, and of 15 changes of one
  route or signals after them. An operation ends when
  its caller goes on; if the caller sleeps meanwhile, idle time counts, as the clock
  leaps to the next timer.
- "-work", or "all of it": what is executed for it by any thread at any time, without
  idle time; a mean of the 64 operations that reach N. Of one, where a VM is closed.
- "-all": a mean from N down to none.
- Irqfds beyond 4,000 share the GSIs of the first 4,000: a routing table has no
  more than 4,096 entries.{stand_in}"""
STAND_IN_NOTE = """ Irqfds and routes stand in the column of
  N=4,096 with N=4,000."""


def die(text):
    """Exit with a message of one line."""
    sys.exit(f"report: {text}")


def read(path):
    """Return {(name, n): instructions} of a result file."""
    results = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split()
        if len(words) != 3 or words[0] not in OPERATIONS:
            die(f"{path}:{number}: not a result: {line}")
        results[words[0], int(words[1])] = int(words[2])
    return results


def rows(results):
    """Yield (name, n, [instructions or None for each KVM]) in table order."""
    keys = {key for result in results.values() for key in result}
    order = list(OPERATIONS)
    for name, n in sorted(keys, key=lambda key: (order.index(key[0]), key[1])):
        yield name, n, [result.get((name, n)) for result in results.values()]


def ratio(values):
    """Return the second over the first, or None."""
    if len(values) != 2 or None in values or not values[0]:
        return None
    return values[1] / values[0]


def grouped(value):
    """Return a number with commas, or a dash."""
    return "-" if value is None else f"{value:,}"


def print_table(results):
    """Print every result, a line each."""
    heads = list(results)
    both = len(heads) == 2
    print(f"{'operation':22} {'N':>6} " +
          " ".join(f"{head:>13}" for head in heads) +
          (f" {'/'.join(reversed(heads)):>11}" if both else ""))
    last = None
    for name, n, values in rows(results):
        if last not in (None, name):
            print()
        last = name
        line = f"{name:22} {n:6,} " + " ".join(f"{grouped(v):>13}" for v in values)
        if ratio(values) is not None:
            line += f" {ratio(values):11.3f}"
        print(line)
    print()
    print(NOTES.format(stand_in=""))


def write_csv(path, results):
    """Write every result, one a line."""
    with path.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        both = len(results) == 2
        out.writerow(["operation", "n", *results] + ["ratio"] * both)
        for name, n, values in rows(results):
            quotient = ratio(values)
            out.writerow([name, n, *("" if v is None else v for v in values)] +
                         ["" if quotient is None else f"{quotient:.4f}"] * both)


def write_markdown(path, results):
    """Write the operations with a description, N across."""
    columns = [c for c in COLUMNS
               if any(n in (c, STAND_IN.get(c)) for r in results.values() for _, n in r)]
    lines = ["| operation | modules | " + " | ".join(f"N={c:,}" for c in columns) + " |",
             "|---|---|" + "---:|" * len(columns)]
    stood_in = False
    for name, text in OPERATIONS.items():
        if not text or not any(key[0] == name for r in results.values() for key in r):
            continue
        for kvm, result in results.items():
            cells = []
            for column in columns:
                value = result.get((name, column))
                if value is None and (name, STAND_IN.get(column)) in result:
                    value = result[name, STAND_IN[column]]
                    stood_in = True
                cells.append("" if value is None else f"{value:,}")
            lines.append(f"| {text} | {kvm} | " + " | ".join(cells) + " |")
    lines += ["", NOTES.format(stand_in=STAND_IN_NOTE if stood_in else "")]
    path.write_text("\n".join(lines) + "\n")


def write_plot_data(directory, results):
    """Write NAME.dat, "N stock ours", with ? for a missing result."""
    directory.mkdir(exist_ok=True)
    data = {name: [] for name in OPERATIONS}
    for name, n, _ in rows(results):
        values = [results.get(kvm, {}).get((name, n)) for kvm in ("stock", "ours")]
        if n:
            data[name].append(f"{n} " + " ".join("?" if v is None else str(v) for v in values))
    for name, lines in data.items():
        (directory / f"{name}.dat").write_text("\n".join(lines or ["1 ? ?"]) + "\n")


def main():
    """Do what the usage says."""
    if len(sys.argv) < 3:
        die("usage: report.py DIR KVM...")
    directory = pathlib.Path(sys.argv[1])
    results = {kvm: read(directory / f"{kvm}.txt") for kvm in sys.argv[2:]}
    print_table(results)
    write_csv(directory / "bench.csv", results)
    write_markdown(directory / "table.md", results)
    write_plot_data(directory / "plot", results)


main()
