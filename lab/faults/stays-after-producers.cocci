// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_keep.c
// run: debug fuzz
// An irqfd that has outlived the file stays when the last producer goes.
@@
@@
 irqfd_told(...)
 {
 ...
- kvm_irqfd_hang_up(irqfd);
 }
