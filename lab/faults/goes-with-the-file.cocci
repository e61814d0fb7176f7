// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd.c
// run: cloud irqfd_keep_test.vm.closed
// The last close ends an irqfd that was to outlive it.
@@
@@
 irqfd_lose_file(...)
 {
- if (irqfd->keep)
-	kvm_irqfd_keep(irqfd);
- else
	kvm_irqfd_hang_up(irqfd);
 }
