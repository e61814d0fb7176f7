// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_bypass.c
// run: cloud irqfd_bypass_test.bypass.masked
// A producer that comes while the irqfd is masked is connected.
@@
expression irqfd, held;
@@
- held = irqfd->bypass_held;
+ held = false;
