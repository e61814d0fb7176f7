// SPDX-License-Identifier: GPL-2.0-only
// file: arch/x86/kvm/exit_path.c
// run: intel iosignalfd_border_test.border.exit_path.local_apic
// A registration without a length rings at the address of the vCPU's local APIC.
@@
expression vcpu, gpa;
@@
- kvm_is_apic_page(vcpu, gpa)
+ false
