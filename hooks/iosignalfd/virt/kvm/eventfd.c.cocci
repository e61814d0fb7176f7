// iosignalfd lives in iosignalfd.c; only the way there stays.
@@
@@
-struct _ioeventfd { ... };

@@
identifier f = {
	to_ioeventfd, ioeventfd_release, ioeventfd_in_range, ioeventfd_write,
	ioeventfd_destructor, ioeventfd_check_collision,
	ioeventfd_bus_from_flags, kvm_assign_ioeventfd_idx,
	kvm_deassign_ioeventfd_idx, kvm_deassign_ioeventfd,
	kvm_assign_ioeventfd
};
@@
-f(...) { ... }

@@
identifier ops = ioeventfd_ops;
@@
-static const struct kvm_io_device_ops ops = { ... };

@@
expression list e;
@@
-kvm_deassign_ioeventfd(e)
+kvm_iosignalfd_deassign(e)

@@
expression list e;
@@
-kvm_assign_ioeventfd(e)
+kvm_iosignalfd_assign(e)

@@
identifier kvm;
@@
-INIT_LIST_HEAD(&kvm->ioeventfds);
+kvm_iosignalfd_init(kvm);

@@
@@
-#include <linux/unaligned.h>

@@
@@
-#include <kvm/iodev.h>
+#include "iosignalfd.h"
