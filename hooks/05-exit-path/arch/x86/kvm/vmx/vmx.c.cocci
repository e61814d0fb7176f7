// After nested guests have been sorted out.
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

@@
@@
 #include "vmx.h"
+#include "exit_path.h"
