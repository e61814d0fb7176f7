// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd.c
// run: debug eventfd_ends_test.ends.consumer_first
// An irqfd is freed while it listens to its eventfd.
@@
@@
 irqfd_put_all(...)
 {
 <...
- kvm_irqfd_unlisten(irqfd);
 ...>
 }
