// SPDX-License-Identifier: GPL-2.0-only
// file: arch/x86/kvm/split_level.c
// run: cloud irqfd_level_race_test.resample.rerouted_under_raises
// A raise that has found a route looks it up once more before it uses it.
@@
expression kvm, resampler, routes, nr;
@@
- return kvm_irqfd_level_raise_by(kvm, resampler->gsi, routes, nr);
+ kvm_set_irq(kvm, KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID, resampler->gsi, 1, false);
+ return nr;
