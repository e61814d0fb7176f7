@@
@@
-#include "kvm_cache_regs.h"
+#include "regs.h"

// KVM's virtual PMU takes the lock by itself, if there is something to count.
@@
identifier vcpu;
@@
 fastpath_count_instruction(struct kvm_vcpu *vcpu)
 {
-if (!vcpu_to_pmu(vcpu)->version)
-	return;
-
-kvm_vcpu_srcu_read_lock(vcpu);
-kvm_pmu_trigger_event(vcpu, ...);
-kvm_vcpu_srcu_read_unlock(vcpu);
+kvm_pmu_instruction_retired(vcpu);
 }

@@
declarer name EXPORT_SYMBOL_GPL;
declarer name EXPORT_SYMBOL_FOR_KVM_INTERNAL;
identifier f;
@@
-EXPORT_SYMBOL_GPL(f);
+EXPORT_SYMBOL_FOR_KVM_INTERNAL(f);
