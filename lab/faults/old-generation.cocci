// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irq_routes_change.c
// run: cloud irqfd_gsi_routes_test.vm.storm
// Irqfds go on by the copy of a route that has been replaced.
@@
@@
 irq_put_in_place(...)
 {
 ...
- smp_store_release(&gsi->generation, gsi->generation + 1);
 ...
 }
