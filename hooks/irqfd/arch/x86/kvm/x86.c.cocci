@@
identifier kvm;
@@
 kvm_arch_init_vm(struct kvm *kvm, ...)
 {
 <...
 set_bit(KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID, &kvm->arch.irq_sources_bitmap);
+/* And bit 2 for all other irqfds. */
+set_bit(KVM_IRQFD_IRQ_SOURCE_ID, &kvm->arch.irq_sources_bitmap);
 ...>
 }
