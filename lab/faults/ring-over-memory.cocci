// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iosignalfd_ring.c
// run: intel iosignalfd_border_test.border.exit_path.memory_comes_and_goes
// A registration without a length rings though there is memory at the address by now.
@@
expression kvm, point, gen;
@@
- !kvm_io_bus_is_hole(kvm, point, gen)
+ false
