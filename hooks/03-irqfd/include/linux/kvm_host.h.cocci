// What irqfd raises it raises in its own name.
@@
@@
 #define KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID 1
+#define KVM_IRQFD_IRQ_SOURCE_ID 2
