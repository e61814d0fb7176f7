@@
expression E;
@@
-eventfd_ctx_put(E)
+eventfd_producer_put(E)
