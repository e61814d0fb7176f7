// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iobus.c
// run: debug iosignalfd_border_test
// KVM reads eight bytes of a write that has three, five, six or seven.
@@
typedef u64;
identifier value, len, val;
@@
 kvm_io_odd_value(int len, const void *val)
 {
 <...
- memcpy(&value, val, len);
+ value = get_unaligned((const u64 *)val);
 ...>
 }
