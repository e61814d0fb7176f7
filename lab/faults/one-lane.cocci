// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_lane.c
// run: cloud irqfd_isolation_test.global.line_goes_on
// An injection that may wait for user space is left to the work for lines.
@@
expression irqfd;
@@
- irqfd->own_lane = ...;
+ irqfd->own_lane = LINES;
