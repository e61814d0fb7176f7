// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_level.c
// run: debug irqfd_ack_test
// However many there are, they are told with interrupts off.
@@
expression resampler;
@@
- irqfd_may_resample(resampler)
+ true
