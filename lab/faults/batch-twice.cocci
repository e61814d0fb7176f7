// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iosignalfd_item.h
// run: cloud iosignalfd_batch_race_test.ringing.mmio.fail iosignalfd_batch_test.bus.mmio.all_or_nothing
// What a batch adds takes writes as soon as it is in its place.
@@
typedef u32;
@@
 iosignalfd_takes(...)
 {
 ...
-return item->since <= epoch && !(leaves && leaves == (u32)epoch);
+return !(leaves && leaves == (u32)epoch);
 }
@@
@@
 iosignalfd_is_settled(...)
 {
-return item->since <= epoch && !READ_ONCE(item->leaves);
+return !READ_ONCE(item->leaves);
 }
