// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_counter.c
// run: debug irqfd_pollers_test
// Every signal wakes all other waiters on the eventfd.
@@
expression irqfd;
@@
- bool full = irqfd_full(irqfd);
+ bool full = irqfd_full(irqfd) || true;
