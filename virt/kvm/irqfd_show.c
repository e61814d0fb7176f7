// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: debugfs' "irqfds", a line for each irqfd of a VM.
 *
 * Readers of the list are in two read sections.  RCU's keeps an irqfd that DEASSIGN or
 * a hang-up ends, kvm_irqfd_srcu's one that VM close ends, which waits for a grace
 * period of that anyway.
 */

#include <linux/debugfs.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/seq_file.h>
#include <linux/wait.h>

#include "eventfd_show.h"
#include "irqfd.h"

struct irqfd_line {
	struct kvm_irqfd_route route;
	struct kvm_irqfd_count at_once;
	struct kvm_irqfd_count from_work;
	int gsi;
	bool masked;
	bool held;
	bool pending;
	bool stale;
};

static void irqfd_show_route(struct seq_file *m, const struct kvm_irqfd_route *route)
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

/* The caller has the eventfd's file, which keeps the eventfd while the irqfd ends. */
static int irqfd_show_line(struct seq_file *m, struct kvm *kvm,
			   struct kvm_kernel_irqfd *irqfd)
{
	wait_queue_head_t *wqh = irqfd->wqh;
	struct irqfd_line line;
	char *sep = "";

	spin_lock_irq(&wqh->lock);
	line.gsi = irqfd->gsi;
	line.masked = irqfd->masked;
	line.held = irqfd->held;
	line.route = irqfd->route;
	line.at_once = irqfd->at_once;
	line.pending = !kvm_irqfd_idle(irqfd);
	spin_unlock_irq(&wqh->lock);
	line.from_work.injected = READ_ONCE(irqfd->from_work.injected);
	line.from_work.undeliverable =
		READ_ONCE(irqfd->from_work.undeliverable);
	line.stale = line.route.generation &&
		     line.route.generation != READ_ONCE(irqfd->routing->generation);

	seq_printf(m, "gsi=%u route=", line.gsi);
	irqfd_show_route(m, &line.route);
	seq_puts(m, " eventfd=");
	kvm_eventfd_show_id(m, irqfd->eventfd);
	seq_puts(m, " flags=");
	if (irqfd->resamplefd) {
		seq_puts(m, "resample");
		sep = ",";
	}
	if (READ_ONCE(irqfd->producer)) {
		seq_printf(m, "%sbypass", sep);
		sep = ",";
	}
	if (line.masked) {
		seq_printf(m, "%smasked", sep);
		sep = ",";
	}
	if (line.held) {
		seq_printf(m, "%sheld", sep);
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

/*
 * One that outlives its eventfd's file has nothing that keeps the eventfd here, so the
 * queue's lock may not be there, and where the last event went isn't told.  Not an owner's:
 * that puts the eventfd, after it has taken the irqfd off its GSI's list.
 */
static int irqfd_show_kept(struct seq_file *m, struct kvm *kvm,
			   struct kvm_kernel_irqfd *irqfd)
{
	struct kvm_irqfd_count at_once, from_work;
	int ret = SEQ_SKIP;

	spin_lock_irq(&kvm->irqfds.lock);
	if (!hlist_unhashed(&irqfd->kept_link)) {
		at_once.injected = READ_ONCE(irqfd->at_once.injected);
		at_once.undeliverable = READ_ONCE(irqfd->at_once.undeliverable);
		from_work.injected = READ_ONCE(irqfd->from_work.injected);
		from_work.undeliverable = READ_ONCE(irqfd->from_work.undeliverable);

		seq_printf(m, "gsi=%u route=- eventfd=", irqfd->gsi);
		kvm_eventfd_show_id(m, irqfd->eventfd);
		seq_printf(m, " flags=%skept%s", irqfd->resamplefd ? "resample," : "",
			   irqfd->producer ? ",bypass" : "");
		seq_printf(m, "%s%s wakeup=%llu work=%llu undeliverable=%llu\n",
			   READ_ONCE(irqfd->masked) ? ",masked" : "",
			   READ_ONCE(irqfd->held) ? ",held" : "",
			   at_once.injected, from_work.injected,
			   at_once.undeliverable + from_work.undeliverable);
		ret = 0;
	}
	spin_unlock_irq(&kvm->irqfds.lock);

	return ret;
}

struct irqfds_reader {
	struct kvm_eventfd_reader base;
	/* What the file's position was when show_at was this reader's last. */
	loff_t pos;
	int idx;
};

/* Take a place at @node, if that is still on the list or if it is the list's end. */
static void irqfds_stand_at(struct irqfds_reader *reader, struct hlist_node *node,
			    loff_t pos)
{
	struct kvm *kvm = reader->base.kvm;

	lockdep_assert_held(&kvm->irqfds.lock);

	if (node && hlist_unhashed(node)) {
		kvm->irqfds.show_to = NULL;
		return;
	}
	kvm->irqfds.show_to = reader;
	kvm->irqfds.show_at = node;
	reader->pos = pos;
}

/*
 * The file is read a page at a time, and a reader needn't walk the list again for each
 * page: a VM has one saved place, which a removal moves on.  A second reader takes the
 * saved place over, and the first one then finds its own by counting from the
 * beginning of the list.
 */
static void *irqfds_start(struct seq_file *m, loff_t *pos)
	__acquires(&kvm_irqfd_srcu) __acquires(RCU)
{
	struct irqfds_reader *reader = m->private;
	struct kvm *kvm = reader->base.kvm;
	struct hlist_node *node;

	reader->idx = srcu_read_lock(&kvm_irqfd_srcu);
	rcu_read_lock();

	spin_lock_irq(&kvm->irqfds.lock);
	if (kvm->irqfds.show_to == reader && reader->pos == *pos) {
		node = kvm->irqfds.show_at;
		spin_unlock_irq(&kvm->irqfds.lock);
		return node;
	}
	spin_unlock_irq(&kvm->irqfds.lock);

	node = seq_hlist_start_rcu(&kvm->irqfds.items, *pos);

	spin_lock_irq(&kvm->irqfds.lock);
	irqfds_stand_at(reader, node, *pos);
	spin_unlock_irq(&kvm->irqfds.lock);

	return node;
}

/* If @v has gone meanwhile, the place is the next one's already. */
static void *irqfds_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct irqfds_reader *reader = m->private;
	struct kvm *kvm = reader->base.kvm;
	struct hlist_node *node = v;

	++*pos;
	spin_lock_irq(&kvm->irqfds.lock);
	if (kvm->irqfds.show_to == reader && kvm->irqfds.show_at != v)
		node = kvm->irqfds.show_at;
	else
		node = node->next;
	irqfds_stand_at(reader, node, *pos);
	spin_unlock_irq(&kvm->irqfds.lock);

	return node;
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
	 * NULL while the irqfd is NEW or ENDING, or when the file has gone.  Its release
	 * clears the pointer first, which is what get_file_active() relies on.
	 */
	file = get_file_active(&irqfd->file);
	if (!file)
		return irqfd_show_kept(m, reader->base.kvm, irqfd);

	ret = irqfd_show_line(m, reader->base.kvm, irqfd);
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
	return kvm_eventfd_show_open(inode, file, &irqfds_seq_ops,
				     sizeof(struct irqfds_reader));
}

static int irqfds_release(struct inode *inode, struct file *file)
{
	struct irqfds_reader *reader =
		((struct seq_file *)file->private_data)->private;
	struct kvm *kvm = reader->base.kvm;

	/* The next reader may be where this one was in memory. */
	spin_lock_irq(&kvm->irqfds.lock);
	if (kvm->irqfds.show_to == reader)
		kvm->irqfds.show_to = NULL;
	spin_unlock_irq(&kvm->irqfds.lock);

	return kvm_eventfd_show_release(inode, file);
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
