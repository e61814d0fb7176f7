// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd.c
// run: debug irqfd_pollers_test irqfd_inject_test
// KVM_IRQFD takes a full counter and doesn't wake the writers that wait for room.
@@
expression irqfd;
@@
 irqfd_go_live(...)
 {
 <...
- kvm_irqfd_wake_writers(irqfd);
 ...>
 }
