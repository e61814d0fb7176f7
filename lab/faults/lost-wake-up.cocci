// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd.c
// run: debug irqfd_test irqfd_stress death
// Nobody tells a closing VM that the last irqfd has gone.
@@
expression last, var;
@@
- if (last)
-	wake_up_var(var);
