// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iobus.c
// run: intel iosignalfd_border_test.border.exit_path.memory_comes_and_goes
// vCPUs keep their knowledge of addresses without memory when memory is added.
@@
expression kvm;
@@
 kvm_io_bus_memory_changed(...)
 {
- kvm_io_bus_forget(kvm);
 }
