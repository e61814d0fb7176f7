@@
@@
 #include "stale_eoi.h"
+#include "directed_eoi.h"

// If the guest may suppress EOI broadcasts, the IOAPIC has an EOI register.
@@
identifier ioapic;
@@
 ioapic_read_indirect(struct kvm_ioapic *ioapic)
 {
 <...
-(IOAPIC_VERSION_ID & 0xff)
+kvm_ioapic_version(ioapic)
 ...>
 }

@@
identifier vcpu, this, addr;
@@
 ioapic_mmio_write(struct kvm_vcpu *vcpu, struct kvm_io_device *this, gpa_t addr, ...)
 {
 <...
 addr &= 0xff;
+kvm_ioapic_write_eoi(vcpu, to_ioapic(this), addr, data);
 ...>
 }

// kvm_ioapic_ends() decides whether an EOI is meant for a pin.
@@
identifier vcpu, ioapic, i, vector, trigger_mode, guesses;
@@
 kvm_ioapic_update_eoi(struct kvm_vcpu *vcpu, int vector, int trigger_mode)
 {
 <...
-!kvm_ioapic_awaits(ioapic, i, vector, guesses)
+!kvm_ioapic_ends(vcpu, ioapic, i, vector, trigger_mode, guesses)
 ...>
 }

@@
identifier vcpu, ioapic, apic, trigger_mode;
expression e;
@@
 kvm_ioapic_update_eoi_one(struct kvm_vcpu *vcpu, struct kvm_ioapic *ioapic, int trigger_mode, ...)
 {
-struct kvm_lapic *apic = e;
 ...
-if (trigger_mode != IOAPIC_LEVEL_TRIG || kvm_lapic_get_reg(apic, APIC_SPIV) & APIC_SPIV_DIRECTED_EOI)
+if (trigger_mode == IOAPIC_EDGE_TRIG)
 	return;
 ...
 }
