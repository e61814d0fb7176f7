// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iosignalfd.c
// run: debug iosignalfd_test leaks
// Deassigning keeps the item's reference to its eventfd.
@@
identifier kvm, args, eventfd;
@@
 static int remove_item(struct kvm *kvm, const struct kvm_ioeventfd *args,
			struct eventfd_ctx *eventfd)
 {
 <...
- eventfd_ctx_put(eventfd);
 ...>
 }
