// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_lane.c
// run: debug irqfd_isolation_test
// An injection waits for user space in a read section of kvm->irq_srcu.
@@
expression ret, kvm, e;
@@
- ret = kvm_arch_irqfd_page_in(kvm, e);
+ {
+	int idx = srcu_read_lock(&kvm->irq_srcu);
+
+	ret = kvm_arch_irqfd_page_in(kvm, e);
+	srcu_read_unlock(&kvm->irq_srcu, idx);
+ }
