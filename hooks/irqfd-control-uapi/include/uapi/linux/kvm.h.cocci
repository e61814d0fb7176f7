@@
@@
 #include <linux/types.h>
+#include <linux/kvm_irqfd_control.h>
