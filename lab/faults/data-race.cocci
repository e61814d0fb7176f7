// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iosignalfd.c
// run: kcsan iosignalfd_test iosignalfd_flags_test fuzz
// Ringing looks at the item's eventfd, and counts, without the item's lock.
@@
expression item;
@@
 int kvm_iosignalfd_ring(...)
 {
 <...
- spin_lock(&item->lock);
 ...>
 }

@@
expression item;
@@
 int kvm_iosignalfd_ring(...)
 {
 <...
- spin_unlock(&item->lock);
 ...>
 }
