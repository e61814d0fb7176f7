// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iosignalfd.c
// run: cloud iosignalfd_flags_test.bus.pio.closed_makes_room
// A registration whose eventfd has been closed by everybody keeps its address.
@@
expression item;
@@
- iosignalfd_alive(item)
+ true
