// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd.c
// run: debug irqfd_level_test irqfd_test
// Attaching takes the two locks in the other order.
@@
identifier kvm;
@@
 void kvm_irq_routing_update(struct kvm *kvm)
 {
 ...
 lockdep_assert_held(&kvm->irq_lock);
+ mutex_lock(&kvm->irqfds.resampler_lock);
+ mutex_unlock(&kvm->irqfds.resampler_lock);
 ...
 }
