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
-eventfd_ctx_fdget(E)
+eventfd_producer_fdget(E)
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
