@@
@@
+#include <linux/kvm_gsi_routes.h>
 #include <linux/kvm_iosignalfd.h>
