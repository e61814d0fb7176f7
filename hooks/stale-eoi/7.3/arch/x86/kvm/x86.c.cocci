@@
@@
 #include "lapic.h"
+#include "stale_eoi.h"

// KVM still intercepts the EOIs of interrupts that are in service.
@@
identifier vcpu;
statement S1, S2;
@@
 vcpu_scan_ioapic(struct kvm_vcpu *vcpu)
 {
+DECLARE_BITMAP(before, 256);
+
 ...
+kvm_apic_begin_scan(vcpu, before);
 bitmap_zero(vcpu->arch.ioapic_handled_vectors, 256);
 ...
+kvm_apic_keep_stale(vcpu, before);
+
 if (is_guest_mode(vcpu)) S1 else S2
 }
