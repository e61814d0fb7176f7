// SPDX-License-Identifier: GPL-2.0-only
/*
 * The number by which user space knows an eventfd.
 */

#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "eventfd_id.h"

/**
 * kvm_eventfd_id - which eventfd is this?
 * @file: an eventfd's file
 *
 * The number is the eventfd's own and stays when descriptors come and go.  It
 * is in the fdinfo of each of them, and eventfd tells it in no other way.
 * Context: process context with @file held; takes the eventfd's wait queue lock.
 * Return: the number, or -1 in a kernel that has no fdinfo.
 */
int kvm_eventfd_id(struct file *file)
{
	static const char label[] = "eventfd-id:";
	char text[160];
	struct seq_file fdinfo = { .buf = text, .size = sizeof(text) - 1 };
	const char *at;
	int id;

	if (!file->f_op->show_fdinfo)
		return -1;

	file->f_op->show_fdinfo(&fdinfo, file);
	text[fdinfo.count] = '\0';

	at = strstr(text, label);
	if (!at || sscanf(at + strlen(label), "%d", &id) != 1)
		return -1;

	return id;
}
