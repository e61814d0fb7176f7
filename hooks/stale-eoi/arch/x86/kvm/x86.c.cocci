@@
@@
 #include "masked_irq.h"
+#include "stale_eoi.h"

// KVM still intercepts the EOIs of interrupts that are in service.
@@
identifier vcpu;
@@
 vcpu_scan_ioapic(struct kvm_vcpu *vcpu)
 {
+DECLARE_BITMAP(before, 256);
+
 ...
+kvm_apic_begin_scan(vcpu, before);
 bitmap_zero(vcpu->arch.ioapic_handled_vectors, 256);
 ...
 if (irqchip_split(vcpu->kvm)) { ... }
 else if (ioapic_in_kernel(vcpu->kvm)) { ... }
+kvm_apic_keep_stale(vcpu, before);
 ...
 }
