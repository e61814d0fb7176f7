// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iosignalfd.c
// run: debug iosignalfd_race_test fuzz
// Items are freed while vCPUs may still be ringing them.
@@
struct iosignalfd_item *item;
expression free;
@@
- kvm_bulk_kfree_rcu(free, item);
+ kfree(item);
