@@
expression vmx, vcpu;
@@
-to_vmx(vcpu)->exit_reason
+vmx_get_exit_reason(vcpu)

@@
expression vmx;
@@
-vmx->exit_reason
+vmx_get_exit_reason(vcpu)

@@
expression e;
@@
-static_cpu_has(e)
+cpu_feature_enabled(e)
