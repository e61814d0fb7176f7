@@
@@
 #include "stale_eoi.h"
+#include "directed_eoi.h"

@@
identifier kvm;
@@
 kvm_vm_ioctl_check_extension(struct kvm *kvm, ...)
 {
 <...
-r = KVM_X2APIC_API_VALID_FLAGS;
+r = KVM_X2APIC_API_VALID_FLAGS | kvm_directed_eoi_flags(kvm);
 ...>
 }

@@
identifier kvm, cap;
@@
 kvm_vm_ioctl_enable_cap(struct kvm *kvm, struct kvm_enable_cap *cap)
 {
 <...
-if (cap->args[0] & ~KVM_X2APIC_API_VALID_FLAGS)
+if (kvm_directed_eoi_choose(kvm, cap->args[0], KVM_X2APIC_API_VALID_FLAGS))
 	break;
 ...>
 }
