@@
@@
 #include "irq.h"
+#include "masked_irq.h"

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
