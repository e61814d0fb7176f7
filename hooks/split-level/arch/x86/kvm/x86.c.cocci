@@
@@
 #include "directed_eoi.h"
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
 kvm_ioapic_destroy(kvm);
+kvm_split_free(kvm);
 ...
 }

// User space's IOAPIC takes a line down.
@@
identifier kvm, irq_event;
@@
 kvm_vm_ioctl_irq_line(struct kvm *kvm, struct kvm_irq_level *irq_event, ...)
 {
 ...
+if (!irq_event->level)
+	kvm_split_ended(kvm, irq_event->irq);
 irq_event->status = kvm_set_irq(...);
 ...
 }
