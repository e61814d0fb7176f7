@@
@@
 #include <linux/kvm_host.h>
+#include <linux/kvm_irqfd_arch.h>

@@
@@
 #include "stale_eoi.h"
+#include "split_level.h"

@@
identifier vcpu, vectors;
@@
 kvm_scan_ioapic_routes(struct kvm_vcpu *vcpu, ulong *vectors)
 {
 ...
+kvm_split_scan_sent(vcpu, vectors);
 srcu_read_unlock(...);
 }
