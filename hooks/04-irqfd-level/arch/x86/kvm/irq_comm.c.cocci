@@
@@
 #include "lapic.h"
+#include "level_irq.h"

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
