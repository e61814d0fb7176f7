// There the vendors' modules are handed the route.
@@
declarer name EXPORT_SYMBOL_GPL;
identifier f;
@@
-EXPORT_SYMBOL_GPL(f);
