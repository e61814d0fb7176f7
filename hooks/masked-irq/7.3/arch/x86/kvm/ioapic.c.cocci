@@
@@
 #include "irq.h"
+#include "masked_irq.h"

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
