// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_lane.c
// run: cloud irqfd_isolation_test.global.no_preference
// The worker has priority over all tasks that aren't real-time.
@@
@@
- WQ_UNBOUND
+ WQ_UNBOUND | WQ_HIGHPRI
