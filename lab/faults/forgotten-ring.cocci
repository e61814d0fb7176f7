// SPDX-License-Identifier: GPL-2.0-only
// file: include/kvm/iobus.h
// run: cloud iosignalfd_trace_test.bus.pio.remembers
// A write that didn't ring evicts a ring from the vCPU's cache.
@@
identifier taker, memo, gen;
@@
- if (!taker && memo->taker && memo->gen == gen)
-	return;
