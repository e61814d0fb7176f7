@@
@@
-#include <linux/kvm_irqfd.h>
+#include <linux/kvm_irqfd_arch.h>

@@
@@
 #include "masked_irq.h"
+#include "split_level.h"

@@
identifier kvm, args, resample;
@@
 kvm_arch_irqfd_allowed(struct kvm *kvm, struct kvm_irqfd *args)
 {
 ...
-return resample ? irqchip_full(kvm) : irqchip_in_kernel(kvm);
+return resample ? kvm_level_irqfd_allowed(kvm, args->gsi) : irqchip_in_kernel(kvm);
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

@@
identifier vcpu, vectors;
@@
 kvm_scan_ioapic_routes(struct kvm_vcpu *vcpu, ulong *vectors)
 {
 ...
+kvm_split_scan_sent(vcpu, vectors);
 srcu_read_unlock(...);
 }
