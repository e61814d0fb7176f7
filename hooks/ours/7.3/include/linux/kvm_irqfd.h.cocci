// The architecture's: where it has the producer post the interrupt.
@@
@@
 struct kvm_kernel_irqfd {
 	...
 	struct list_head bypass_link;
+	struct kvm_vcpu *irq_bypass_vcpu;
+	struct list_head vcpu_list;
+	void *irq_bypass_data;
 };
