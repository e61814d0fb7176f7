// The I/O bus lives in iobus.c.
@@
@@
-static void kvm_io_bus_destroy(struct kvm_io_bus *bus);

@@
identifier f = {
	kvm_iodevice_destructor, kvm_io_bus_destroy, kvm_io_bus_cmp,
	kvm_io_bus_sort_cmp, kvm_io_bus_get_first_dev, __kvm_io_bus_write,
	kvm_io_bus_write, kvm_io_bus_write_cookie, __kvm_io_bus_read,
	kvm_io_bus_read, kvm_io_bus_register_dev, kvm_io_bus_unregister_dev,
	kvm_io_bus_get_dev
};
@@
-f(...) { ... }

@@
identifier o = kvm_io_no_ops;
@@
-static const struct kvm_io_device_ops o;

@@
identifier d = kvm_io_no_dev;
@@
-static struct kvm_io_device d = { ... };

@@
declarer name EXPORT_SYMBOL_GPL;
identifier f = { kvm_io_bus_write, kvm_io_bus_get_dev };
@@
-EXPORT_SYMBOL_GPL(f);

// A VM has all of its buses or none.
@@
expression e;
@@
 kvm_create_vm(...)
 {
 <...
-for (...; ...; ...) {
-	rcu_assign_pointer(e, ...);
-	...
-}
+r = kvm_io_bus_init(kvm);
+if (r)
+	goto out_err_no_arch_destroy_vm;
 ...>
 }

@@
@@
 kvm_create_vm(...)
 {
 <...
-for (...; ...; ...)
-	kfree(kvm_get_bus(...));
+kvm_io_bus_destroy(kvm);
 ...>
 }

@@
@@
 kvm_destroy_vm(...)
 {
 <...
-for (...; ...; ...) {
-	struct kvm_io_bus *bus = kvm_get_bus(...);
-	...
-}
+kvm_io_bus_destroy(kvm);
+kvm_iosignalfd_destroy(kvm);
 ...>
 }

@@
@@
 kvm_create_vm_debugfs(...)
 {
 <...
+kvm_iosignalfd_create_debugfs(kvm);
 kvm_arch_create_vm_debugfs(kvm);
 ...>
 }

// There may be memory now where vCPUs know that there was none.
@@
@@
 kvm_swap_active_memslots(...)
 {
 <...
 kvm_arch_memslots_updated(...);
+kvm_io_bus_memory_changed(kvm);
 ...>
 }

@@
@@
 #include "vfio.h"
+#include "iosignalfd.h"
