// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iosignalfd.c
// run: cloud iosignalfd_fanout_test.bus.pio.fanout_limit
// Any number of registrations may share a write.
@@
expression other, nr;
@@
- if (!other->leaves && ++nr == KVM_IOSIGNALFD_MAX_FANOUT)
+ if (++nr < 0)
	return -EUSERS;
