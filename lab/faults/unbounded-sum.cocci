// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_stats.c
// run: cloud irqfd_stats_test.stats.batches
// However many irqfds there are, they are added up with interrupts off.
@@
@@
- FOLD_AT_ONCE
+ INT_MAX
