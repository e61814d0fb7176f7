@@
expression E;
@@
 ioeventfd_release(...)
 {
 <...
-eventfd_ctx_put(E)
+eventfd_producer_put(E)
 ...>
 }

@@
expression E;
@@
 mshv_assign_ioeventfd(...)
 {
 <...
-eventfd_ctx_fdget(E)
+eventfd_producer_fdget(E)
 ...>
 }

@@
expression E;
@@
 mshv_assign_ioeventfd(...)
 {
 <...
-eventfd_ctx_put(E)
+eventfd_producer_put(E)
 ...>
 }

@@
expression E;
@@
 mshv_irqfd_assign(...)
 {
 <...
-resamplefd = eventfd_ctx_fdget(E);
+resamplefd = eventfd_producer_fdget(E);
 ...>
 }

@@
@@
 mshv_irqfd_assign(...)
 {
 <...
-eventfd_ctx_put(resamplefd);
+eventfd_producer_put(resamplefd);
 ...>
 }

@@
expression irqfd;
@@
-eventfd_ctx_put(irqfd->irqfd_resamplefd);
+eventfd_producer_put(irqfd->irqfd_resamplefd);
