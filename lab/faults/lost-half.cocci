// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iobus.c
// run: intel iosignalfd_border_test.border.exit_path.crossing
// A write of which KVM knows only the address rings, though half of it may be in another page.
@@
expression addr;
@@
- iobus_may_end_in_next_page(addr)
+ (iobus_may_end_in_next_page(addr) && false)
