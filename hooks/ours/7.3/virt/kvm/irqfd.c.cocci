// The bypass manager keeps an eventfd where there was a token.
@@
expression irqfd;
@@
-irqfd->consumer.token
+irqfd->consumer.eventfd
