// A file counts its references in another way.
@@
identifier item, count;
expression e;
@@
 iosignalfd_has_file(...)
 {
-typeof(item->file->f_count.counter) count;
+file_ref_t count;
 ...
 if (get_kernel_nofault(
-	count, &item->file->f_count.counter
+	count.refcnt.counter, &item->file->f_ref.refcnt.counter
	) || ...)
	return false;

-return count && e;
+return file_ref_read(&count) && e;
 }
