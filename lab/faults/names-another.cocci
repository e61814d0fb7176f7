// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/eventfd_batch.c
// run: cloud iosignalfd_batch_test
// Of operations that are copied together none is looked at if one can't be read.
@@
expression E;
@@
 batch_copy_ops(...)
 {
 ...
-return E;
+return *ret ? 0 : nr;
 }
