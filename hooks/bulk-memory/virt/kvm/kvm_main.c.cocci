// More than irqfd has something to set up for all VMs.

@@
@@
 #include "kvm_mm.h"
+#include "eventfd_module.h"

@@
@@
-kvm_irqfd_init()
+kvm_eventfd_module_init()

@@
@@
-kvm_irqfd_exit()
+kvm_eventfd_module_exit()
