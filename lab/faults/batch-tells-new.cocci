// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_level.c
// run: cloud irqfd_batch_test.vm.level
// A batch that fails takes down the lines of those that it would have joined.
@@
@@
 kvm_irqfd_level_withdraw(...)
 {
 mutex_lock(...);
 irqfd_leave_resampler(kvm, irqfd);
+irqfd_lower(kvm, irqfd->gsi);
+irqfd_resample_all(irqfd->resampler);
 mutex_unlock(...);
 ...
 }
