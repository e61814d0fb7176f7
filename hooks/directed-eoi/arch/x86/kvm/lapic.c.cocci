@@
@@
 #include "stale_eoi.h"
+#include "directed_eoi.h"

@@
identifier vcpu;
@@
 kvm_apic_set_version(struct kvm_vcpu *vcpu)
 {
 <...
-!ioapic_in_kernel(vcpu->kvm)
+kvm_directed_eoi_advertised(vcpu->kvm)
 ...>
 }

@@
identifier apic, vector;
@@
 kvm_ioapic_send_eoi(struct kvm_lapic *apic, int vector)
 {
 ...
 if (irqchip_split(apic->vcpu->kvm)) {
+if (kvm_directed_eoi_awaited(apic, vector))
+	return;
 ...
 }
 ...
 }
