// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irq_routes_change.c
// run: cloud irqfd_gsi_routes_test.global.split_pin
// vCPUs don't look which EOIs they exit for when a split irqchip's pin has a new route.
@@
@@
 irq_commit(...)
 {
 ...
- kvm_arch_irq_routing_update(kvm, irq_lowest(change));
+ kvm_arch_irq_routing_update(kvm, U32_MAX);
 ...
 }
