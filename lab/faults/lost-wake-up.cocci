// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_lane.c
// run: debug irqfd_test irqfd_isolation_test irqfd_stress
// Who waits for an injection that is under way is not told of its end.
@@
expression irqfd;
@@
- wake_up_var(&irqfd->done);
