// Before the check of next RIP, which an OUT doesn't need.
@@
identifier vcpu, svm, control;
@@
 svm_exit_handlers_fastpath(struct kvm_vcpu *vcpu)
 {
 struct vcpu_svm *svm = ...;
 struct vmcb_control_area *control = ...;
+
+if (svm_fastpath_write(svm))
+	return EXIT_FASTPATH_REENTER_GUEST;
 ...
 }

@@
@@
 #include "svm.h"
+#include "exit_path.h"
