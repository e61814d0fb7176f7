// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_control.c
// run: cloud irqfd_control_race_test.stuck.move
// A move gives the irqfd its new GSI while the worker injects by it.
@@
expression irqfd, c;
@@
- kvm_irqfd_idle(irqfd) && kvm_irqfd_set_gsi(irqfd, c->gsi, c->routing)
+ kvm_irqfd_set_gsi(irqfd, c->gsi, c->routing)
