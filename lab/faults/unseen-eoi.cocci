// SPDX-License-Identifier: GPL-2.0-only
// file: arch/x86/kvm/split_level.c
// run: debug irqfd_split_test
// A message is sent to vCPUs that don't intercept its EOI.
@@
@@
- split_make_handled(kvm, &irq);
