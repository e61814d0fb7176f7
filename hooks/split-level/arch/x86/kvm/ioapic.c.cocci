@@
identifier kvm;
@@
 kvm_arch_post_irq_ack_notifier_list_update(struct kvm *kvm)
 {
-if (!ioapic_in_kernel(kvm))
+if (!irqchip_in_kernel(kvm))
 	return;
 ...
 }
