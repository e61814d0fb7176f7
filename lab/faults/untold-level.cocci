// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irq_routes_change.c
// run: cloud irqfd_split_test
// A level irqfd that waits for a route isn't told of it.
@@
@@
 irq_commit(...)
 {
 ...
- irq_tell_level(change);
 ...
 }
