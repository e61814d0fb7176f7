// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iosignalfd_ring.c
// run: debug iosignalfd_trace_test
// A vCPU holds the item's lock with interrupts on, and others wait for it with them off.
@@
expression item, flags;
@@
- spin_lock_irqsave(&item->lock, flags);
+ flags = 0;
+ spin_lock(&item->lock);

@@
expression item, flags;
@@
- spin_unlock_irqrestore(&item->lock, flags);
+ spin_unlock(&item->lock);
