// SPDX-License-Identifier: GPL-2.0-only
// file: arch/x86/kvm/level_irq.c
// run: debug irqfd_restore_test
// At the unmask a line counts as level irqfds' only if it is known that they raised it.
@@
expression kvm, irqchip, pin;
@@
- level_irq_has_irqfds(kvm, irqchip, pin)
+ false
