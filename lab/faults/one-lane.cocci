// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_lane.c
// run: cloud irqfd_isolation_test.global.line_goes_on
// What may have to wait for user space goes by the lane of lines.
@@
expression irqfd;
@@
- irqfd->own_lane = ...;
+ irqfd->own_lane = LINES;
