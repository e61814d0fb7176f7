@@
expression svm;
@@
-sev_guest(svm->vcpu.kvm)
+is_sev_guest(&svm->vcpu)

@@
expression e;
@@
-static_cpu_has(e)
+cpu_feature_enabled(e)
