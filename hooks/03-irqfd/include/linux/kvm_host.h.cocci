// How often a vCPU's thread has signalled a level irqfd.
@@
@@
 struct kvm_vcpu {
 ...
 int mode;
+/* Of level irqfds, by the vCPU's thread, which alone looks at it. */
+unsigned int level_signals;
 ...
 };

// What irqfd raises it raises in its own name.
@@
@@
 #define KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID 1
+#define KVM_IRQFD_IRQ_SOURCE_ID 2
