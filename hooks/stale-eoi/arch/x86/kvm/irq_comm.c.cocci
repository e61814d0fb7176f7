@@
@@
 #include "lapic.h"
+#include "stale_eoi.h"

@@
identifier vcpu;
expression vector;
@@
 kvm_scan_ioapic_routes(struct kvm_vcpu *vcpu, ...)
 {
 <...
-kvm_apic_pending_eoi(vcpu, vector)
+kvm_apic_stale_eoi(vcpu, vector)
 ...>
 }
