// The device may be replaced while a vCPU is on its way to it.
@@
expression vcpu, bus, idx;
expression list more;
identifier access = { kvm_iodevice_read, kvm_iodevice_write };
@@
 access(vcpu,
-bus->range[idx].dev
+READ_ONCE(bus->range[idx].dev)
 , more)
