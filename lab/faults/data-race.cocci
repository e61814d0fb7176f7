// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iosignalfd_ring.c
// run: kcsan iosignalfd_race_test iosignalfd_hangup_test fuzz
// A vCPU that rings reads the item's eventfd, and counts, without the item's lock.
@@
expression item, flags;
@@
- spin_lock_irqsave(&item->lock, flags);
+ local_irq_save(flags);

@@
expression item, flags;
@@
- spin_unlock_irqrestore(&item->lock, flags);
+ local_irq_restore(flags);
