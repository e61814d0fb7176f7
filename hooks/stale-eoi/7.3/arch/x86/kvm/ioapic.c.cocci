@@
@@
 #include "masked_irq.h"
+#include "stale_eoi.h"

// Which vector's EOI a pin waits for.
@@
identifier ioapic, irq, irqe;
@@
 ioapic_service(struct kvm_ioapic *ioapic, int irq, ...)
 {
 ...
 irqe.msi_redir_hint = false;
+kvm_ioapic_sent(ioapic, irq, irqe.vector);
 ...
 }

@@
identifier ioapic, i, vector, ent;
@@
 kvm_ioapic_update_eoi(..., int vector, ...)
 {
 ...
 struct kvm_ioapic *ioapic = ...;
+u32 guesses;
 ...
+guesses = kvm_ioapic_guesses(ioapic, vector);
 for (i = 0; ...; i++) {
-union kvm_ioapic_redirect_entry *ent = &ioapic->redirtbl[i];
-
-if (ent->fields.vector != vector)
+if (!kvm_ioapic_awaits(ioapic, i, vector, guesses))
 	continue;
 ...
 }
 ...
 }

@@
identifier vcpu, vectors;
@@
 kvm_ioapic_scan_entry(struct kvm_vcpu *vcpu, ulong *vectors)
 {
 ...
+kvm_ioapic_scan_sent(vcpu, vectors);
 spin_unlock(...);
 }

@@
identifier ioapic;
expression irr;
@@
 kvm_set_ioapic(...)
 {
 ...
+kvm_ioapic_guess_sent(ioapic);
 kvm_ioapic_restored(ioapic, irr);
 ...
 }
