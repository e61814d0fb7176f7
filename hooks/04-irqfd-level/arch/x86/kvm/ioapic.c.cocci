@@
@@
 #include "irq.h"
+#include "level_irq.h"

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
 <...
-kvm_apic_pending_eoi
+kvm_apic_stale_eoi
 	(...)
 ...>
+kvm_ioapic_scan_sent(vcpu, vectors);
 spin_unlock(...);
 }

// KVM tells a masked pin's level irqfds when the guest unmasks it.
@@
identifier ioapic, pin, trigger_mode;
@@
 kvm_ioapic_update_eoi_one(..., struct kvm_ioapic *ioapic, int trigger_mode, int pin)
 {
 ...
-spin_unlock(&ioapic->lock);
-kvm_notify_acked_irq(ioapic->kvm, KVM_IRQCHIP_IOAPIC, pin);
-spin_lock(&ioapic->lock);
+kvm_ioapic_notify_acked(ioapic, pin, trigger_mode);
 ...
 }

@@
identifier ioapic, index;
@@
 ioapic_write_indirect(struct kvm_ioapic *ioapic, ...)
 {
 <...
-if (kvm_notify_irqfd_resampler(ioapic->kvm, KVM_IRQCHIP_IOAPIC, index))
-	ioapic->irr &= ~(1 << index);
-else
+if (!kvm_ioapic_withhold(ioapic, index))
 	ioapic_service(ioapic, index, false);
 ...>
 }

@@
identifier f = { kvm_ioapic_update_eoi, ioapic_mmio_write };
identifier ioapic;
@@
 f(...)
 {
 <...
 spin_unlock(&ioapic->lock);
+kvm_ioapic_resample(ioapic);
 ...>
 }

@@
identifier ioapic, state;
@@
 kvm_set_ioapic(struct kvm *kvm, struct kvm_ioapic_state *state)
 {
 ...
+kvm_ioapic_restored(ioapic, state->irr);
 kvm_ioapic_inject_all(ioapic, state->irr);
 spin_unlock(&ioapic->lock);
+kvm_ioapic_resample(ioapic);
 }
