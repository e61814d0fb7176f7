@@
expression kvm;
@@
-irqchip_kernel(kvm)
+irqchip_full(kvm)
