@@
@@
-void kvm_hv_irq_routing_update(struct kvm *kvm);
+void kvm_hv_irq_route_named(struct kvm *kvm,
+			    const struct kvm_kernel_irq_routing_entry *e);
