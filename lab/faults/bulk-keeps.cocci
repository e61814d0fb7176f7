// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/bulk.c
// run: debug iosignalfd_batch_test leaks
// What a batch has ended is never freed.
@@
@@
-kfree_bulk(...);
