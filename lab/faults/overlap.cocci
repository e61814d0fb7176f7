// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd.c
// run: debug irqfd_isolation_test
// A DEASSIGN doesn't wait for another one that ends the same irqfd.
@@
expression E1, E2;
@@
 kvm_irqfd_deassign(...)
 {
 ...
-while (irqfd_find_and_own(E1, E2)) {...}
+irqfd_find_and_own(E1, E2);
 ...
 }
