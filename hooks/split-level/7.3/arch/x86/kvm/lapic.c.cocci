@@
@@
 #include "ioapic.h"
+#include "split_level.h"
