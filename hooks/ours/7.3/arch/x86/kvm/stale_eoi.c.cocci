@@
expression vcpu, vector;
@@
 stale_eoi_is_level(...)
 {
-return test_bit(VEC_POS(vector), vcpu->arch.apic->regs + APIC_TMR + REG_POS(vector));
+return apic_test_vector(vector, vcpu->arch.apic->regs + APIC_TMR);
 }

// The local APIC scans anew after the EOI of the highest such vector.
@@
identifier vcpu, vector;
@@
 kvm_apic_stale_eoi(struct kvm_vcpu *vcpu, int vector)
 {
 ...
-vcpu->arch.apic->stale_eoi = true;
+if (vector > vcpu->arch.highest_stale_pending_ioapic_eoi)
+	vcpu->arch.highest_stale_pending_ioapic_eoi = vector;
 return true;
 }

@@
identifier vcpu;
@@
 kvm_apic_begin_scan(struct kvm_vcpu *vcpu, ...)
 {
 ...
-vcpu->arch.apic->stale_eoi = false;
 }
