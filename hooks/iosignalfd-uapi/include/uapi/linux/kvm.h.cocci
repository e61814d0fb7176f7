// The names of iosignalfd come with linux/kvm.h.
@@
@@
 #include <linux/ioctl.h>
+#include <linux/kvm_iosignalfd.h>
