// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd.c
// run: cloud irqfd_batch_test.vm.deassign_in_failing_batch
// A deassign that finds its irqfd in a batch takes its end for granted.
@@
expression E1, E2;
@@
 kvm_irqfd_deassign(...)
 {
 ...
-while (irqfd_find_and_own(E1, E2)) {
+if (irqfd_find_and_own(E1, E2)) {
 ...
+return 0;
 }
 ...
 }
