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
+if (to_vmx(vcpu)->exit_reason.basic == EXIT_REASON_IO_INSTRUCTION)
+	return vmx_fastpath_io(vcpu);
 ...
 }

@@
@@
 #include "vmx.h"
+#include "exit_path.h"
