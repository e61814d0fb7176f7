// Each irqfd has counters of its own; a reader of the statistics adds them up.
@@
identifier kvm;
@@
 kvm_vm_stats_read(...)
 {
 struct kvm *kvm = ...;
+
+kvm_irqfd_update_stats(kvm);
 ...
 }

@@
identifier kvm;
@@
 kvm_get_stat_per_vm(struct kvm *kvm, ...)
 {
+kvm_irqfd_update_stats(kvm);
 ...
 }

@@
identifier kvm;
@@
 kvm_clear_stat_per_vm(struct kvm *kvm, ...)
 {
+kvm_irqfd_update_stats(kvm);
 ...
 }

@@
@@
 kvm_create_vm_debugfs(...)
 {
 <...
+kvm_irqfd_create_debugfs(kvm);
 kvm_arch_create_vm_debugfs(kvm);
 ...>
 }
