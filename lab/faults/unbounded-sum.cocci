// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_stats.c
// run: cloud irqfd_stats_test.stats.batches
// The statistics of any number of irqfds are added up with interrupts off.
@@
@@
- FOLD_AT_ONCE
+ INT_MAX
