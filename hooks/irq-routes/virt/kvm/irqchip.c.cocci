// irq_routes.c has the routes.  What is left raises lines by them.
@@
@@
-kvm_irq_map_gsi(...) { ... }

@@
@@
-kvm_irq_map_chip_pin(...) { ... }

@@
@@
-free_irq_routing_table(...) { ... }

@@
@@
-kvm_free_irq_routing(...) { ... }

@@
@@
-setup_routing_entry(...) { ... }

@@
@@
-kvm_arch_irq_routing_update(...) { ... }

@@
@@
-kvm_arch_can_set_irq_routing(...) { ... }

@@
@@
-kvm_set_irq_routing(...) { ... }

@@
@@
-kvm_init_irq_routing(...) { ... }
