// The bypass manager takes the eventfd, keeps it while the consumer is registered, and
// takes a consumer that isn't.
@@
identifier irqfd;
@@
 kvm_irqfd_bypass_start(struct kvm_kernel_irqfd *irqfd)
 {
 ...
-irqfd->consumer.token = irqfd->eventfd;
 ...
-ret = irq_bypass_register_consumer(&irqfd->consumer);
-if (ret) {
+ret = irq_bypass_register_consumer(&irqfd->consumer, irqfd->eventfd);
+if (ret)
 	pr_info_ratelimited(...);
-	irqfd->consumer.token = NULL;
-}
 }

@@
identifier irqfd;
@@
 kvm_irqfd_bypass_stop(struct kvm_kernel_irqfd *irqfd)
 {
-if (!irqfd->consumer.token)
-	return;
-
 irq_bypass_unregister_consumer(&irqfd->consumer);
-irqfd->consumer.token = NULL;
 }

// The architecture compares the routes by itself, and gives the interrupt back to the
// host where it can't be posted.
@@
@@
-int
+void
 kvm_arch_update_irqfd_routing(
-struct kvm *kvm, unsigned int host_irq, u32 guest_irq, bool set
+struct kvm_kernel_irqfd *irqfd, struct kvm_kernel_irq_routing_entry *old, struct kvm_kernel_irq_routing_entry *new
 )
 {
-return 0;
 }

@@
@@
-kvm_arch_irqfd_route_changed(...) { ... }

@@
identifier irqfd, old, kvm, ret;
@@
 irqfd_tell_producer(struct kvm_kernel_irqfd *irqfd)
 {
 struct kvm_kernel_irq_routing_entry old = ...;
-struct kvm *kvm = irqfd->kvm;
-int ret;

 irqfd_note_route(irqfd);
-if (!irqfd->producer || ...)
-	return;
-
-ret = kvm_arch_update_irqfd_routing(...);
-if (!ret)
-	return;
-
-pr_warn_ratelimited(...);
-kvm_arch_update_irqfd_routing(...);
+if (irqfd->producer)
+	kvm_arch_update_irqfd_routing(irqfd, &old, &irqfd->irq_entry);
 }
