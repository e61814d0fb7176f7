// irqfds raise lines with a source id of their own.
@@
@@
 #define KVM_PIT_IRQ_SOURCE_ID 2
+#define KVM_IRQFD_IRQ_SOURCE_ID 3
