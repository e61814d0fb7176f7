// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iosignalfd_ring.c
// run: cloud iosignalfd_post_test.bus.pio.post_write_dirty_log
// A value that is posted to guest memory isn't in the dirty log.
@@
expression kvm, slot, gfn;
@@
- mark_page_dirty_in_slot(kvm, slot, gfn);
