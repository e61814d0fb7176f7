@@
@@
 #include "stale_eoi.h"
+#include "split_level.h"

@@
identifier kvm, cap;
@@
 kvm_vm_ioctl_enable_cap(struct kvm *kvm, struct kvm_enable_cap *cap)
 {
 <...
 if (kvm->created_vcpus)
 	goto split_irqchip_unlock;
+r = kvm_split_init(kvm, cap->args[0]);
+if (r)
+	goto split_irqchip_unlock;
 ...>
 }

@@
identifier kvm;
@@
 kvm_arch_destroy_vm(struct kvm *kvm)
 {
 ...
+kvm_split_free(kvm);
 kvfree(rcu_dereference_check(kvm->arch.apic_map, 1));
 ...
 }
