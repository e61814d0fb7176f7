@@
@@
 #include "i8254.h"
+#include "split_level.h"

@@
identifier kvm, args, resample;
@@
 kvm_arch_irqfd_allowed(struct kvm *kvm, struct kvm_irqfd *args)
 {
 ...
-return resample ? irqchip_kernel(kvm) : irqchip_in_kernel(kvm);
+return resample ? kvm_level_irqfd_allowed(kvm, args->gsi) : irqchip_in_kernel(kvm);
 }
