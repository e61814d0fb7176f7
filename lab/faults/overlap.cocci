// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd.c
// run: debug irqfd_isolation_test
// A DEASSIGN doesn't wait for another one that ends the same irqfd.
@@
identifier search;
@@
- if (search.ending)
-	return irqfd_wait_for_end(search.ending);
