@@
@@
 #include "ioapic.h"
+#include "stale_eoi.h"

// An EOI for an earlier redirection entry is intercepted only once.
@@
identifier apic, vector;
@@
 kvm_ioapic_send_eoi(struct kvm_lapic *apic, int vector)
 {
 ...
 if (!kvm_ioapic_handles_vector(apic, vector))
 	return;
+
+if (apic->stale_eoi)
+	kvm_make_request(KVM_REQ_SCAN_IOAPIC, apic->vcpu);
 ...
 }
