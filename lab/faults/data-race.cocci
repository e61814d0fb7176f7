// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iosignalfd.c
// run: kcsan iosignalfd_test fuzz
// Ringing looks at the item's eventfd without its lock.
@@
identifier item;
@@
 static int ring(struct iosignalfd_item *item)
 {
 <...
- spin_lock(&item->lock);
 ...
- spin_unlock(&item->lock);
 ...>
 }
