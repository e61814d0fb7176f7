// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iobus.c
// run: cloud iosignalfd_post_test.bus.mmio.post_write_fault_in_zone
// A write that can't be posted goes to the other devices instead of user space.
@@
identifier ret;
@@
 int kvm_io_bus_write(...)
 {
 <...
- if (ret == -EOPNOTSUPP)
+ if (ret)
	ret = iobus_write_ranges(...);
 ...>
 }
