// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_control.c
// run: cloud irqfd_control_race_test.stuck.mask
// A mask returns while the worker injects what came before.
@@
expression c, irqfd;
@@
- !c->reconnect && kvm_irqfd_idle(irqfd)
+ !c->reconnect
