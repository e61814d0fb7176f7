// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irq_routes_change.c
// run: cloud irqfd_gsi_routes_test.vm.pin_of_two
// A route doesn't get the pin that it leads to.
@@
@@
 irq_commit(...)
 {
 ...
- irq_take_pins(change);
 ...
 }
