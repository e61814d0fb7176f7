@@
@@
 #include <linux/kvm_irqfd_control.h>
+#include <linux/kvm_irqfd_keep.h>
