@@
expression list es;
@@
 kvm_fetch_guest_virt(...)
 {
 <...
-kvm_vcpu_read_guest_page(es)
+kvm_fetch_guest_page(es)
 ...>
 }

@@
@@
 #include "x86.h"
+#include "fetch.h"
