// What only x86 has is traced by its own file.
@@
@@
-#include <trace/events/kvm.h>

@@
@@
 #include "lapic.h"
+#include "trace.h"
