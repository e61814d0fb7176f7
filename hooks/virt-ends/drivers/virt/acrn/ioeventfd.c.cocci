@@
expression E;
@@
 acrn_ioeventfd_shutdown(...)
 {
 <...
-eventfd_ctx_put(E)
+eventfd_producer_put(E)
 ...>
 }

@@
expression E;
@@
 acrn_ioeventfd_assign(...)
 {
 <...
-eventfd_ctx_fdget(E)
+eventfd_producer_fdget(E)
 ...>
 }

@@
expression E;
@@
 acrn_ioeventfd_assign(...)
 {
 <...
-eventfd_ctx_put(E)
+eventfd_producer_put(E)
 ...>
 }
