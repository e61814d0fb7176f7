// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd.c
// run: cloud irqfd_control_race_test.stuck.deassign
// A DEASSIGN that has waited for a mask takes the irqfd to have ended.
@@
expression search, ret;
@@
- ret = kvm_irqfd_wait_for_call(search.busy);
+ return kvm_irqfd_wait_for_call(search.busy);
