// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd.c
// run: debug irqfd_pollers_test irqfd_test
// Who sleeps because the counter is full isn't woken when KVM_IRQFD takes it.
@@
expression irqfd;
@@
 irqfd_publish(...)
 {
 <...
- kvm_irqfd_wake_writers(irqfd);
 ...>
 }
