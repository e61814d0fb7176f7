// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_stats.c
// run: debug irqfd_stats_test
// An irqfd that ends doesn't move the position of a reader that adds up the statistics.
@@
expression kvm, node;
@@
- if (unlikely(kvm->irqfds.fold_at == node))
-	kvm->irqfds.fold_at = node->next;
