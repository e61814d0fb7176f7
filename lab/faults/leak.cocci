// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iosignalfd.c
// run: debug iosignalfd_test leaks
// Deassigning keeps the item's reference to its eventfd.
@@
expression item;
identifier eventfd;
@@
 eventfd = item->eventfd;
 item->eventfd = NULL;
 ...
- eventfd_ctx_put(eventfd);
