// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_keep.c
// run: debug fuzz
// The last close of an eventfd has an irqfd that outlives it inject in spite of a mask.
@@
@@
 kvm_irqfd_keep(...)
 {
 ...
 WRITE_ONCE(irqfd->file, NULL);
+ kvm_irqfd_release_events(irqfd);
 ...
 }
