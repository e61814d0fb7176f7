// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_level.c
// run: debug irqfd_ack_test
// An acknowledge signals any number of resamplefds with interrupts off.
@@
expression resampler;
@@
- irqfd_may_resample(resampler)
+ true
