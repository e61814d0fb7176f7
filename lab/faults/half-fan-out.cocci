// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iosignalfd_ring.c
// run: cloud iosignalfd_post_test.bus.pio.post_write_fanout
// Some of the eventfds that share a write are signalled before another one's store faults.
@@
identifier ret;
@@
 iosignalfd_post_and_ring_all(...)
 {
 ...
- ret = iosignalfd_post_all(...);
- if (ret)
-	return ret;
 ...
 }

@@
expression vcpu, item, addr, len, value;
@@
- iosignalfd_ring_item(vcpu, item, addr, len, value, false)
+ iosignalfd_ring_item(vcpu, item, addr, len, value, item->post)
