// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd.c
// run: cloud irqfd_inject_test fuzz
// KVM_IRQFD doesn't take the count that is in the eventfd.
@@
expression irqfd;
@@
- kvm_irqfd_take(irqfd)
+ false
