// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iosignalfd.c
// run: cloud iosignalfd_hangup_test.bus.pio.closed_makes_room
// A registration whose eventfd has no file any more still keeps its address.
@@
expression item;
@@
- iosignalfd_alive(item)
+ true
