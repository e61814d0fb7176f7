@@
expression E;
@@
-eventfd_ctx_fileget(E)
+eventfd_producer_fileget(E)

@@
expression E;
@@
-eventfd_ctx_put(E)
+eventfd_producer_put(E)
