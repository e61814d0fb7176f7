@@
expression E;
@@
-eventfd_ctx_fdget(E)
+eventfd_producer_fdget(E)

@@
expression E;
@@
-eventfd_ctx_put(E)
+eventfd_producer_put(E)
