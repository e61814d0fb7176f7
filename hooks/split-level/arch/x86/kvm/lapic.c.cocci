@@
@@
 #include "directed_eoi.h"
+#include "split_level.h"

@@
identifier apic, vector;
@@
 kvm_ioapic_send_eoi(struct kvm_lapic *apic, int vector)
 {
 ...
 if (irqchip_split(apic->vcpu->kvm)) {
 ...
+kvm_split_acked(apic->vcpu, vector);
 apic->vcpu->arch.pending_ioapic_eoi = vector;
 ...
 }
 ...
 }
