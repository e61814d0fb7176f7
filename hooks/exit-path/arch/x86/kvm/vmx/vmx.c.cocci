// After the check for nested guests.
@@
identifier vcpu;
expression is_nested;
@@
 vmx_exit_handlers_fastpath(struct kvm_vcpu *vcpu, ...)
 {
 if (is_nested)
 	return EXIT_FASTPATH_NONE;
+
+if (vmx_fastpath_write(vcpu)) {
+	/* The length is known: there is nothing to decode, nor to fail. */
+	skip_emulated_instruction(vcpu);
+	return EXIT_FASTPATH_REENTER_GUEST;
+}
 ...
 }

// A write to the local APIC's page doesn't belong on the bus.
@@
expression vcpu, gpa;
@@
 handle_ept_misconfig(...)
 {
 <...
-!is_guest_mode(vcpu)
+!is_guest_mode(vcpu) && !kvm_is_apic_page(vcpu, gpa)
 && !kvm_io_bus_write(vcpu, KVM_FAST_MMIO_BUS, gpa, 0, NULL)
 ...>
 }

@@
@@
 #include "vmx.h"
+#include "exit_path.h"
