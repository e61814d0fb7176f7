// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd.c
// run: cloud irqfd_test fuzz
// What was in the counter at KVM_IRQFD stays there.
@@
expression irqfd;
@@
- kvm_irqfd_take(irqfd)
+ false
