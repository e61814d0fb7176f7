@@
expression E;
@@
 ioeventfd_free(...)
 {
 <...
-eventfd_ctx_put(E)
+eventfd_producer_put(E)
 ...>
 }

@@
expression E;
@@
 privcmd_ioeventfd_assign(...)
 {
 <...
-eventfd_ctx_fileget(E)
+eventfd_producer_fileget(E)
 ...>
 }

@@
expression E;
@@
 privcmd_ioeventfd_assign(...)
 {
 <...
-eventfd_ctx_put(E)
+eventfd_producer_put(E)
 ...>
 }
