@@
@@
 #include "lapic.h"
+#include "level_irq.h"

// KVM still intercepts the EOIs of interrupts that are in service.
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

// The guest won't acknowledge a raise that the new state doesn't have.
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
