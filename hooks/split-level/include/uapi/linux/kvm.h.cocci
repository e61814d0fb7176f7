@@
@@
 #include <linux/kvm_iosignalfd.h>
+#include <linux/kvm_split_level.h>
