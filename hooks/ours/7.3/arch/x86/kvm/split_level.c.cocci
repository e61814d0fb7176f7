@@
@@
 #include "split_level.h"
+#include "x86.h"

// KVM of this version has the choice by itself.
@@
@@
-#include "directed_eoi.h"

@@
expression apic;
@@
-kvm_directed_eoi_used(apic)
+kvm_lapic_suppress_eoi_broadcast(apic)

// The local APIC scans anew after the EOI of the highest such vector.
@@
identifier vcpu, vectors, irq;
@@
 kvm_split_scan_sent(struct kvm_vcpu *vcpu, ulong *vectors)
 {
 ...
 struct kvm_lapic_irq *irq;
 <...
-vcpu->arch.apic->stale_eoi = true;
+if (vcpu->arch.highest_stale_pending_ioapic_eoi < (int)irq->vector)
+	vcpu->arch.highest_stale_pending_ioapic_eoi = irq->vector;
 ...>
 }

@@
expression kvm;
@@
-irqchip_kernel(kvm)
+irqchip_full(kvm)

@@
expression list es;
@@
-kvm_set_msi_irq(es)
+kvm_msi_to_lapic_irq(es)
