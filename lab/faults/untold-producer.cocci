// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irq_routes_change.c
// run: cloud irqfd_bypass_test.bypass.one_route
// What bypasses an irqfd goes on by the old route.
@@
@@
 irq_put_in_place(...)
 {
 ...
- if (!list_empty(&gsi->bypassed))
- 	kvm_irqfd_bypass_rerouted(kvm, gsi);
 }
