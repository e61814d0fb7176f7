// irqfds raise lines with a source id of their own.
@@
@@
 #define KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID 1
+#define KVM_IRQFD_IRQ_SOURCE_ID 2
