// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_level.c
// run: debug irqfd_level_test
// Attach takes two locks in one order, a new routing table in the other.
@@
identifier kvm;
@@
 int kvm_irqfd_level_attach(struct kvm *kvm, ...)
 {
 <...
 mutex_lock(&kvm->irqfds.resampler_lock);
+ mutex_lock(&kvm->irq_lock);
+ mutex_unlock(&kvm->irq_lock);
 ...>
 }

@@
identifier kvm;
@@
 void kvm_irqfd_level_rerouted(struct kvm *kvm, ...)
 {
 ...
 lockdep_assert_held(&kvm->irq_lock);
+ mutex_lock(&kvm->irqfds.resampler_lock);
+ mutex_unlock(&kvm->irqfds.resampler_lock);
 ...
 }
