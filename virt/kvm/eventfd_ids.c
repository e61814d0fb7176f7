// SPDX-License-Identifier: GPL-2.0-only
/*
 * The numbers by which user space knows eventfds.
 *
 * An eventfd has a number of its own, which only its descriptors' fdinfo shows.  To ask
 * for it at each registration would cost more than the registration.  So it is asked
 * for when a debugfs file is read: of all eventfds that the VM's process has open, or
 * of one whose file is at hand.
 */

#include <linux/eventfd.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/kernel.h>
#include <linux/pid.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "eventfd_ids.h"

/* The process that made the VM, unless it has ended or executes another program. */
static struct task_struct *eventfd_ids_get_owner(struct kvm *kvm)
{
	struct pid *pid = find_get_pid(READ_ONCE(kvm->userspace_pid));
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);

	put_pid(pid);
	/* Only to compare: a number may have been given out again. */
	if (task && READ_ONCE(task->mm) != kvm->mm) {
		put_task_struct(task);
		return NULL;
	}

	return task;
}

/**
 * kvm_eventfd_file_id - the number of the eventfd that a file is of
 * @file: an eventfd's file
 *
 * Context: process context with @file held; takes the eventfd's wait queue lock.
 * Return: the number, or -1 in a kernel that has no fdinfo.
 */
int kvm_eventfd_file_id(struct file *file)
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

static void eventfd_ids_add(struct xarray *ids, struct file *file)
{
	struct eventfd_ctx *eventfd = eventfd_ctx_fileget(file);
	int id;

	if (IS_ERR(eventfd))
		return;

	id = kvm_eventfd_file_id(file);
	/* What there is no memory for remains unknown. */
	if (id >= 0)
		xa_store(ids, (unsigned long)eventfd, xa_mk_value(id),
			 GFP_KERNEL_ACCOUNT);

	eventfd_ctx_put(eventfd);
}

/**
 * kvm_eventfd_ids_init - the numbers of all eventfds that a VM's process has open
 * @ids: where they are put, for kvm_eventfd_id(); in the end the caller calls
 *	kvm_eventfd_ids_destroy()
 * @kvm: the VM
 *
 * They are those of this moment, and hold no reference to an eventfd.
 * Context: process context, no locks held; may sleep.
 */
void kvm_eventfd_ids_init(struct xarray *ids, struct kvm *kvm)
{
	struct task_struct *task = eventfd_ids_get_owner(kvm);
	unsigned int fd;

	xa_init_flags(ids, XA_FLAGS_ACCOUNT);
	if (!task)
		return;

	for (fd = 0; ; fd++) {
		struct file *file;

		rcu_read_lock();
		file = task_lookup_next_fdget_rcu(task, &fd);
		rcu_read_unlock();
		if (!file)
			break;

		eventfd_ids_add(ids, file);
		fput(file);
		cond_resched();
	}

	put_task_struct(task);
}

/**
 * kvm_eventfd_ids_destroy - let kvm_eventfd_ids_init()'s numbers go
 * @ids: the numbers
 */
void kvm_eventfd_ids_destroy(struct xarray *ids)
{
	xa_destroy(ids);
}

/**
 * kvm_eventfd_id - which eventfd is this?
 * @ids: from kvm_eventfd_ids_init()
 * @eventfd: the eventfd
 *
 * Context: any.
 * Return: the number, or -1 if the VM's process hasn't it open.
 */
int kvm_eventfd_id(struct xarray *ids, const struct eventfd_ctx *eventfd)
{
	void *entry = xa_load(ids, (unsigned long)eventfd);

	return entry ? xa_to_value(entry) : -1;
}
