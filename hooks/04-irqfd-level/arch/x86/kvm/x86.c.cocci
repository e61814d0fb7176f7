@@
@@
 #include "lapic.h"
+#include "level_irq.h"

// What is still in service stays intercepted.
@@
identifier vcpu;
@@
 vcpu_scan_ioapic(struct kvm_vcpu *vcpu)
 {
+DECLARE_BITMAP(before, 256);
+
 ...
+kvm_apic_begin_scan(vcpu, before);
 bitmap_zero(vcpu->arch.ioapic_handled_vectors, 256);
 ...
 if (irqchip_split(vcpu->kvm)) { ... }
 else if (ioapic_in_kernel(vcpu->kvm)) { ... }
+kvm_apic_keep_stale(vcpu, before);
 ...
 }

// What a new state leaves out nobody would acknowledge.
@@
identifier pic, chip;
expression i;
@@
 kvm_vm_ioctl_set_irqchip(struct kvm *kvm, struct kvm_irqchip *chip)
 {
 <...
 memcpy(&pic->pics[i], &chip->chip.pic, sizeof(struct kvm_pic_state));
+kvm_pic_restored(&pic->pics[i]);
 ...>
 }
