// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd.c
// run: debug fuzz
// A deassign by the GSI ends one of the irqfds whose eventfds have been closed.
@@
expression list es;
@@
 kvm_irqfd_deassign_kept(...)
 {
 <...
- while ((irqfd = irqfd_own_kept(es))) {
+ if ((irqfd = irqfd_own_kept(es))) {
 ...
 }
 ...>
 }
