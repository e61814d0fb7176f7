// The comment stands in the commit message: there is no room for it here.
@@
expression vcpu, cr8;
@@
 sync_cr8_to_lapic(...)
 {
 <...
-kvm_set_cr8(vcpu, cr8);
+if (cr8 != kvm_get_cr8(vcpu) || kvm_vcpu_apicv_active(vcpu))
+	kvm_set_cr8(vcpu, cr8);
 ...>
 }
