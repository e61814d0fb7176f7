// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd.c
// run: debug irqfd_test fuzz
// What was in the counter at KVM_IRQFD stays there.
@@
identifier irqfd;
@@
 static void irqfd_publish(struct kvm_kernel_irqfd *irqfd)
 {
 <...
- irqfd_take(irqfd)
+ false
 ...>
 }
