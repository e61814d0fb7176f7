// SPDX-License-Identifier: GPL-2.0-only
// file: arch/x86/kvm/masked_irq.c
// run: debug irqfd_restore_test
// An unmask lowers a line for level irqfds only if KVM knows that they raised it.
@@
expression kvm, irqchip, pin;
@@
- masked_irq_has_irqfds(kvm, irqchip, pin)
+ false
