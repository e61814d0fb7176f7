@@
identifier kvm;
@@
 kvm_destroy_vm(struct kvm *kvm)
 {
 <...
+kvm_iosignalfd_stop(kvm);
 kvm_io_bus_destroy(kvm);
 ...>
 }
