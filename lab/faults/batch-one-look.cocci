// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iobus.c
// run: cloud iosignalfd_batch_race_test.ringing.mmio.swap iosignalfd_batch_race_test.ringing.mmio.replace
// A vCPU that has found what went while something came doesn't look again.
@@
@@
 iobus_must_look_again(...)
 {
 ...
-cond_resched();
-return !fatal_signal_pending(current);
+return false;
 }
