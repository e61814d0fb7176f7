// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iosignalfd_batch.c
// run: cloud iosignalfd_batch_race_test.ringing.pio.swap iosignalfd_batch_race_test.ringing.mmio.swap
// A batch ends what it takes away before what it adds takes writes.
@@
@@
 iosignalfd_batch_commit(...)
 {
 ...
-kvm_io_bus_begin_epoch(batch->kvm, batch->epoch);
 ...
+kvm_io_bus_begin_epoch(batch->kvm, batch->epoch);
 iosignalfd_batch_end(...);
 }
