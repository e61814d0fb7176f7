// The I/O bus has its interface in kvm/iodev.h and its innards in iobus.c.
@@
@@
-struct kvm_io_range { ... };

@@
@@
-#define NR_IOBUS_DEVS 1000

@@
@@
-struct kvm_io_bus { ... };

@@
@@
-enum kvm_bus { ... };

@@
identifier f = {
	kvm_io_bus_write, kvm_io_bus_write_cookie, kvm_io_bus_read,
	kvm_io_bus_register_dev, kvm_io_bus_unregister_dev, kvm_io_bus_get_dev
};
type T;
@@
-T f(...);

@@
@@
-static inline struct kvm_io_bus *kvm_get_bus(...) { ... }

@@
@@
 #include <linux/kvm_types.h>
+#include <kvm/iodev.h>
