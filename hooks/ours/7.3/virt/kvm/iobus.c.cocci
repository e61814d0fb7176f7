// Modules of KVM's own call these, and no others.
@@
declarer name EXPORT_SYMBOL_GPL;
declarer name EXPORT_SYMBOL_FOR_KVM_INTERNAL;
identifier f;
@@
-EXPORT_SYMBOL_GPL(f);
+EXPORT_SYMBOL_FOR_KVM_INTERNAL(f);
