// The PIC's interrupt, whose line was lowered since the vCPU saw it.
@@
identifier vcpu, req_immediate_exit;
identifier irq;
@@
 kvm_check_and_inject_events(struct kvm_vcpu *vcpu, bool *req_immediate_exit)
 {
 <...
-if (!WARN_ON_ONCE(irq == -1))
+if (irq != -1)
 {
 ...
 }
 ...>
 }
