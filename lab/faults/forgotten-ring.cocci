// SPDX-License-Identifier: GPL-2.0-only
// file: include/kvm/iobus.h
// run: cloud iosignalfd_flags_test.bus.pio.remembers
// A vCPU forgets what it rang for a write that didn't ring.
@@
identifier taker, memo, gen;
@@
- if (!taker && memo->taker && memo->gen == gen)
-	return;
