// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iosignalfd_ring.c
// run: cloud iosignalfd_trace_test.bus.pio.statistics
// A write that can't be posted is counted in the exit path and once more after it.
@@
expression vcpu;
identifier in_exit_path;
@@
- if (in_exit_path)
-	return -EAGAIN;
  ++vcpu->stat.generic.iosignalfd_post_faults;
- return -EFAULT;
+ return in_exit_path ? -EAGAIN : -EFAULT;
