// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: what there is and what it has done.
 *
 * An irqfd counts for itself, under its eventfd's lock, and nobody counts for the
 * VM: its totals are added up when somebody wants to know.  Those of irqfds that
 * are gone are kept; an irqfd's counts move there in the step that takes it off
 * the list, so that a reader who sees that happen can begin again.
 *
 * Readers of the list are in a section of RCU, which DEASSIGN and hang-up leave the
 * memory to, and in one of kvm_irqfd_srcu, whose grace period VM close waits for
 * anyway.
 */

#include <linux/debugfs.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/seq_file.h>
#include <linux/seqlock.h>
#include <linux/wait.h>

#include "eventfd_ids.h"
#include "irqfd.h"

/* How often to begin again before irqfds are kept from coming and going. */
#define SUM_TRIES	3

/* The VM's totals */

static void add_to(struct kvm_irqfd_totals *sum,
		   const struct kvm_kernel_irqfd *irqfd)
{
	sum->injected += READ_ONCE(irqfd->at_once.injected);
	sum->injected_from_work += READ_ONCE(irqfd->from_work.injected);
	sum->undeliverable += READ_ONCE(irqfd->at_once.undeliverable) +
			      READ_ONCE(irqfd->from_work.undeliverable);
}

static struct kvm_irqfd_totals add_up(struct kvm *kvm)
{
	struct kvm_irqfd_totals sum = kvm->irqfds.gone;
	struct kvm_kernel_irqfd *irqfd;

	hlist_for_each_entry_rcu(irqfd, &kvm->irqfds.items, link,
				 lockdep_is_held(&kvm->irqfds.lock))
		add_to(&sum, irqfd);

	return sum;
}

static bool try_add_up(struct kvm *kvm, struct kvm_irqfd_totals *sum)
{
	unsigned int seq;
	bool there;
	int idx;

	idx = srcu_read_lock(&kvm_irqfd_srcu);
	rcu_read_lock();
	seq = read_seqcount_begin(&kvm->irqfds.gone_seq);
	*sum = add_up(kvm);
	there = !read_seqcount_retry(&kvm->irqfds.gone_seq, seq);
	rcu_read_unlock();
	srcu_read_unlock(&kvm_irqfd_srcu, idx);

	return there;
}

/**
 * kvm_irqfd_update_stats - bring a VM's statistics up to date
 * @kvm: the VM
 *
 * What is added is what has come since the last time, so that a statistic that
 * was set to 0 counts from there.
 * Context: process context.
 */
void kvm_irqfd_update_stats(struct kvm *kvm)
{
	struct kvm_vm_stat_generic *stat = &kvm->stat.generic;
	struct kvm_irqfd_totals sum, *told = &kvm->irqfds.told;
	bool there = false;
	int i;

	for (i = 0; i < SUM_TRIES && !there; i++)
		there = try_add_up(kvm, &sum);

	spin_lock_irq(&kvm->irqfds.lock);
	if (!there)
		sum = add_up(kvm);
	/* Another reader may have been faster, and seen more. */
	if (sum.injected > told->injected) {
		stat->irqfd_injected += sum.injected - told->injected;
		told->injected = sum.injected;
	}
	if (sum.injected_from_work > told->injected_from_work) {
		stat->irqfd_injected_from_work +=
			sum.injected_from_work - told->injected_from_work;
		told->injected_from_work = sum.injected_from_work;
	}
	if (sum.undeliverable > told->undeliverable) {
		stat->irqfd_undeliverable +=
			sum.undeliverable - told->undeliverable;
		told->undeliverable = sum.undeliverable;
	}
	stat->nr_irqfds = kvm->irqfds.nr;
	spin_unlock_irq(&kvm->irqfds.lock);
}

/**
 * kvm_irqfd_stats_add - an irqfd can be seen from now on
 * @kvm: its VM
 * @irqfd: the irqfd
 *
 * Context: kvm->irqfds.lock is held.
 */
void kvm_irqfd_stats_add(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd)
{
	lockdep_assert_held(&kvm->irqfds.lock);

	hlist_add_head_rcu(&irqfd->link, &kvm->irqfds.items);
}

/**
 * kvm_irqfd_stats_remove - an irqfd can be seen no more
 * @kvm: its VM
 * @irqfd: the irqfd, which counts nothing any more; it may be off the list
 *
 * Context: kvm->irqfds.lock is held.
 */
void kvm_irqfd_stats_remove(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd)
{
	lockdep_assert_held(&kvm->irqfds.lock);

	write_seqcount_begin(&kvm->irqfds.gone_seq);
	add_to(&kvm->irqfds.gone, irqfd);
	hlist_del_init_rcu(&irqfd->link);
	write_seqcount_end(&kvm->irqfds.gone_seq);
}

/* One line an irqfd */

struct irqfd_line {
	struct kvm_irqfd_route route;
	struct kvm_irqfd_count at_once;
	struct kvm_irqfd_count from_work;
	bool pending;
	bool stale;
};

static void show_route(struct seq_file *m, const struct kvm_irqfd_route *route)
{
	const struct kvm_kernel_irq_routing_entry *e = &route->entry;

	if (!route->generation)
		seq_puts(m, "unresolved");
	else if (!route->nr)
		seq_puts(m, "none");
	else if (route->nr > 1)
		seq_printf(m, "%u", route->nr);
	else if (e->type == KVM_IRQ_ROUTING_MSI)
		seq_printf(m, "msi:0x%llx:0x%x",
			   (u64)e->msi.address_hi << 32 | e->msi.address_lo,
			   e->msi.data);
	else if (e->type == KVM_IRQ_ROUTING_IRQCHIP)
		seq_printf(m, "irqchip:%u.%u", e->irqchip.irqchip,
			   e->irqchip.pin);
	else if (e->type == KVM_IRQ_ROUTING_HV_SINT)
		seq_printf(m, "hv_sint:%u.%u", e->hv_sint.vcpu,
			   e->hv_sint.sint);
	else
		seq_printf(m, "type:%u", e->type);
}

/* The file keeps the eventfd, and the lock with it, while the irqfd ends. */
static int show_irqfd(struct seq_file *m, struct kvm *kvm,
		      struct kvm_kernel_irqfd *irqfd, struct file *file)
{
	wait_queue_head_t *wqh = irqfd->wqh;
	struct irqfd_line line;
	char *sep = "";

	spin_lock_irq(&wqh->lock);
	line.route = irqfd->route;
	line.at_once = irqfd->at_once;
	line.pending = !kvm_irqfd_idle(irqfd);
	spin_unlock_irq(&wqh->lock);
	line.from_work.injected = READ_ONCE(irqfd->from_work.injected);
	line.from_work.undeliverable =
		READ_ONCE(irqfd->from_work.undeliverable);
	line.stale = line.route.generation &&
		     line.route.generation != READ_ONCE(kvm->irqfds.generation);

	seq_printf(m, "gsi=%u route=", irqfd->gsi);
	show_route(m, &line.route);
	seq_printf(m, " eventfd=%d flags=", kvm_eventfd_file_id(file));
	if (irqfd->resamplefd) {
		seq_puts(m, "resample");
		sep = ",";
	}
	if (READ_ONCE(irqfd->producer)) {
		seq_printf(m, "%sbypass", sep);
		sep = ",";
	}
	if (line.pending) {
		seq_printf(m, "%spending", sep);
		sep = ",";
	}
	if (line.stale) {
		seq_printf(m, "%sstale", sep);
		sep = ",";
	}
	if (!*sep)
		seq_putc(m, '-');
	seq_printf(m, " wakeup=%llu work=%llu undeliverable=%llu\n",
		   line.at_once.injected, line.from_work.injected,
		   line.at_once.undeliverable + line.from_work.undeliverable);

	return 0;
}

struct irqfds_reader {
	struct kvm *kvm;
	int idx;
};

static void *irqfds_start(struct seq_file *m, loff_t *pos)
	__acquires(&kvm_irqfd_srcu) __acquires(RCU)
{
	struct irqfds_reader *reader = m->private;

	reader->idx = srcu_read_lock(&kvm_irqfd_srcu);
	rcu_read_lock();
	return seq_hlist_start_rcu(&reader->kvm->irqfds.items, *pos);
}

static void *irqfds_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct irqfds_reader *reader = m->private;

	return seq_hlist_next_rcu(v, &reader->kvm->irqfds.items, pos);
}

static void irqfds_stop(struct seq_file *m, void *v)
	__releases(RCU) __releases(&kvm_irqfd_srcu)
{
	struct irqfds_reader *reader = m->private;

	rcu_read_unlock();
	srcu_read_unlock(&kvm_irqfd_srcu, reader->idx);
}

static int irqfds_show(struct seq_file *m, void *v)
{
	struct kvm_kernel_irqfd *irqfd =
		hlist_entry(v, struct kvm_kernel_irqfd, link);
	struct irqfds_reader *reader = m->private;
	struct file *file;
	int ret;

	/*
	 * NULL when it is new or ends.  Whoever releases the file clears the
	 * pointer first, which is what get_file_active() relies on.
	 */
	file = get_file_active(&irqfd->file);
	if (!file)
		return SEQ_SKIP;

	ret = show_irqfd(m, reader->kvm, irqfd, file);
	fput(file);

	return ret;
}

static const struct seq_operations irqfds_seq_ops = {
	.start = irqfds_start,
	.next = irqfds_next,
	.stop = irqfds_stop,
	.show = irqfds_show,
};

static int irqfds_open(struct inode *inode, struct file *file)
{
	struct kvm *kvm = inode->i_private;
	struct irqfds_reader *reader;

	if (!kvm_get_kvm_safe(kvm))
		return -ENOENT;

	reader = __seq_open_private(file, &irqfds_seq_ops, sizeof(*reader));
	if (!reader) {
		kvm_put_kvm(kvm);
		return -ENOMEM;
	}
	reader->kvm = kvm;

	return 0;
}

static int irqfds_release(struct inode *inode, struct file *file)
{
	kvm_put_kvm(inode->i_private);

	return seq_release_private(inode, file);
}

static const struct file_operations irqfds_fops = {
	.owner = THIS_MODULE,
	.open = irqfds_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = irqfds_release,
};

/**
 * kvm_irqfd_create_debugfs - have a VM's irqfds shown in its debugfs directory
 * @kvm: the VM, its directory there
 *
 * Context: VM creation.  The file goes with the directory.
 */
void kvm_irqfd_create_debugfs(struct kvm *kvm)
{
	debugfs_create_file("irqfds", 0444, kvm->debugfs_dentry, kvm,
			    &irqfds_fops);
}

/**
 * kvm_irqfd_stats_init_vm - set up a new VM's part of this
 * @kvm: the VM
 *
 * Context: kvm->irqfds.lock is there.
 */
void kvm_irqfd_stats_init_vm(struct kvm *kvm)
{
	INIT_HLIST_HEAD(&kvm->irqfds.items);
	seqcount_spinlock_init(&kvm->irqfds.gone_seq, &kvm->irqfds.lock);
}
