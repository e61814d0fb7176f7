// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_lane.c
// run: debug irqfd_inject_test irqfd_isolation_test irqfd_stress
// The end of an injection doesn't wake the call that waits for it.
@@
expression irqfd;
@@
- wake_up_var(&irqfd->done);
