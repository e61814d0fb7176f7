// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_keep.c
// run: cloud irqfd_keep_test.vm.race
// Two deassigns of a GSI wait for an irqfd that none of them ends.
@@
@@
 irqfd_none_ending(...)
 {
 <...
- none = !routing->nr_ending;
+ none = !routing->nr_ending && hlist_empty(&routing->kept);
 ...>
 }
