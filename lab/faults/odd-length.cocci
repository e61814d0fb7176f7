// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iobus.c
// run: debug iosignalfd_border_test
// What has three, five, six or seven bytes is read as if it had eight.
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
