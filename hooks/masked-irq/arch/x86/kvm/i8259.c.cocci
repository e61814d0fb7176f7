@@
@@
 #include "irq.h"
+#include "masked_irq.h"

// KVM tells a masked line's level irqfds when the guest unmasks it.
@@
identifier s, irq;
@@
 pic_clear_isr(struct kvm_kpic_state *s, int irq)
 {
 ...
-kvm_notify_acked_irq(s->pics_state->kvm, SELECT_PIC(irq), irq);
+kvm_pic_notify_acked(s, irq);
 ...
 }

@@
identifier s, wakeup;
@@
 pic_unlock(struct kvm_pic *s)
 {
 bool wakeup = s->wakeup_needed;
+u16 resample = s->resample;
 ...
 s->wakeup_needed = false;
+s->resample = 0;
 spin_unlock(&s->lock);
+
+if (resample)
+	kvm_pic_resample(s, resample);
 ...
 }
