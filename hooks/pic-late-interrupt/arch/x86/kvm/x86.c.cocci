// The PIC's line may have been lowered since the vCPU saw the interrupt.
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
