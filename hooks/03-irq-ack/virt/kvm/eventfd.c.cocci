// Acknowledge notifiers live in irq_ack.c.
@@
identifier f = {
	kvm_irq_has_notifier, kvm_notify_acked_gsi, kvm_notify_acked_irq,
	kvm_register_irq_ack_notifier, kvm_unregister_irq_ack_notifier
};
@@
-f(...) { ... }

@@
declarer name EXPORT_SYMBOL_GPL;
@@
-EXPORT_SYMBOL_GPL(kvm_irq_has_notifier);

@@
@@
-#include <trace/events/kvm.h>
