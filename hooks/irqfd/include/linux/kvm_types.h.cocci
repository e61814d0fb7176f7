@@
@@
+struct kvm_irqfd_totals {
+	u64 injected;
+	u64 injected_from_work;
+	u64 undeliverable;
+};
+
 struct kvm_vm_stat_generic {
 	...
+	u64 irqfd_injected;
+	u64 irqfd_injected_from_work;
+	u64 irqfd_undeliverable;
+	u64 nr_irqfds;
 };
