// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: an eventfd's signal becomes a guest's interrupt.
 *
 * The life of an irqfd
 * --------------------
 *
 *	          KVM_IRQFD
 *	              |
 *	              v
 *	NEW	on the eventfd's wait queue, so that nobody else can have the
 *	 |	eventfd; owned by who assigns; @vm is NULL, so events stay in
 *	 |	the counter
 *	 |
 *	 | irqfd_publish(), under the wait queue's lock: sets @vm, ends the
 *	 | ownership and takes what is in the counter
 *	 v
 *	LIVE	an event is taken from the counter and injected in the wake-up,
 *	 |	or deferred to @inject
 *	 |
 *	 | irqfd_own(): of DEASSIGN, hang-up and VM close one gets it
 *	 v
 *	ENDING	the owner quiesces it: off the wait queue, which waits for a
 *	 |	wake-up in progress, @inject flushed, bypass and acknowledge
 *	 |	notification ended
 *	 v
 *	gone	off kvm->irqfds.items, then freed, by the owner
 *
 * Who may leave first
 * -------------------
 *
 * The eventfd: its hang-up comes in the wake-up, where nothing can be waited
 * for; it takes the ownership there and the rest is done from @shutdown.
 *
 * The VM: it clears @vm in each of its irqfds and waits for one grace period of
 * irqfd_srcu.  From there on no wake-up uses the VM, whatever the eventfds do.
 * The domain is not a VM's because a wake-up has to enter it before it knows
 * whether there still is a VM; and its read sections don't sleep, so that one
 * VM's injection can't hold up another's end.  The VM then ends the irqfds it
 * owns and waits for those a hang-up owns to leave kvm->irqfds.items, which is
 * the last an owner does with a VM.
 *
 * No list is walked but in VM close: an eventfd has one irqfd at most in the
 * whole system, and it stands first on the eventfd's wait queue.
 */

#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/irqbypass.h>
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd.h>
#include <linux/nospec.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/wait.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>
#include <trace/events/kvm.h>

#include "irqfd.h"

/* In kvm_kernel_irqfd.flags: somebody is busy with its beginning or its end. */
#define IRQFD_OWNED	0

DEFINE_STATIC_SRCU(irqfd_srcu);

/*
 * Unbound, so that neither a task that hogs the processor the event came in on
 * nor the work that SRCU queues there can be in the way, nor be waited for by it.
 * Two of them, because a shutdown waits for its irqfd's injection.
 */
static struct workqueue_struct *inject_wq;
static struct workqueue_struct *shutdown_wq;

bool __weak kvm_arch_irqfd_allowed(struct kvm *kvm, struct kvm_irqfd *args)
{
	return true;
}

int __weak kvm_arch_set_irq_inatomic(struct kvm_kernel_irq_routing_entry *e,
				     struct kvm *kvm, int irq_source_id,
				     int level, bool line_status)
{
	return -EWOULDBLOCK;
}

/* Injection */

/*
 * Up and down again, both by the same routes: were a new routing table to come
 * between, the line would stay up where the old one led, and the next edge there
 * would be none.  KVM_SET_GSI_ROUTING waits for the section, so that nothing is
 * injected by the old routes after it has returned.
 */
static void irqfd_pulse(struct kvm *kvm, unsigned int gsi)
{
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];
	int i, idx, level, nr;

	idx = srcu_read_lock(&kvm->irq_srcu);
	nr = kvm_irq_map_gsi(kvm, routes, gsi);
	for (level = 1; level >= 0; level--) {
		trace_kvm_set_irq(gsi, level, KVM_USERSPACE_IRQ_SOURCE_ID);
		for (i = 0; i < nr; i++)
			routes[i].set(&routes[i], kvm,
				      KVM_USERSPACE_IRQ_SOURCE_ID, level,
				      false);
	}
	srcu_read_unlock(&kvm->irq_srcu, idx);
}

/*
 * Does what the wake-up couldn't.  The VM outlives the read section because who
 * ends this irqfd flushes this work before letting go of the VM.  The section
 * must end before the injection, which may sleep as long as it likes.
 */
static void irqfd_inject(struct work_struct *work)
{
	struct kvm_kernel_irqfd *irqfd =
		container_of(work, struct kvm_kernel_irqfd, inject);
	struct kvm *kvm;
	int idx;

	idx = srcu_read_lock(&irqfd_srcu);
	kvm = srcu_dereference(irqfd->vm, &irqfd_srcu);
	srcu_read_unlock(&irqfd_srcu, idx);
	if (!kvm)
		return;

	if (irqfd->resampler)
		kvm_set_irq(kvm, KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID, irqfd->gsi,
			    1, false);
	else
		irqfd_pulse(kvm, irqfd->gsi);
}

/* The first of a GSI's routes, NULL when it has none. */
static struct hlist_node *first_route(struct kvm *kvm, u32 gsi)
{
	struct kvm_irq_routing_table *table;

	table = srcu_dereference(kvm->irq_routing, &kvm->irq_srcu);
	if (gsi >= table->nr_rt_entries)
		return NULL;

	return table->map[array_index_nospec(gsi, table->nr_rt_entries)].first;
}

static bool inject_at_once(struct kvm *kvm, struct hlist_node *route)
{
	struct kvm_kernel_irq_routing_entry *e =
		hlist_entry(route, struct kvm_kernel_irq_routing_entry, link);

	return kvm_arch_set_irq_inatomic(e, kvm, KVM_USERSPACE_IRQ_SOURCE_ID, 1,
					 false) != -EWOULDBLOCK;
}

/*
 * Inject at once if there is one route and the architecture can, else from work.
 * With no route there is nobody to interrupt, neither now nor, should it get one
 * in the meantime, from work.
 *
 * Delivery stays within the read section that the route was read in:
 * KVM_SET_GSI_ROUTING waits for it, and nothing is delivered here by the old
 * route afterwards.
 */
static void irqfd_event(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm)
{
	struct hlist_node *route;
	int idx;

	idx = srcu_read_lock(&kvm->irq_srcu);
	route = first_route(kvm, irqfd->gsi);
	if (route && (route->next || !inject_at_once(kvm, route)))
		queue_work(inject_wq, &irqfd->inject);
	srcu_read_unlock(&kvm->irq_srcu, idx);
}

/*
 * Take what is in the eventfd's counter.  Is there anything?  Who sleeps because
 * the counter was too full is woken, as by any other reader.
 */
static bool irqfd_take(struct kvm_kernel_irqfd *irqfd)
{
	wait_queue_head_t *wqh = irqfd->wqh;
	u64 count;

	eventfd_ctx_do_read(irqfd->eventfd, &count);
	if (!count)
		return false;

	/*
	 * When called from a wake-up this takes waiters off the queue that is
	 * being walked, which is well since the walk ends with this irqfd.  As
	 * in any wake-up under the queue's lock, who is woken must not signal
	 * back, and can tell from in_eventfd.
	 */
	if (!list_is_singular(&wqh->head)) {
		bool nested = current->in_eventfd;

		current->in_eventfd = 1;
		wake_up_locked_poll(wqh, EPOLLOUT);
		current->in_eventfd = nested;
	}

	return true;
}

/* Become the one who ends @irqfd. */
static bool irqfd_own(struct kvm_kernel_irqfd *irqfd)
{
	return !test_and_set_bit(IRQFD_OWNED, &irqfd->flags);
}

/*
 * The eventfd was signalled, or is being released.  Called under the wait
 * queue's lock with interrupts off, from whatever context signals.
 *
 * Returns non-zero, which ends the wake-up as the entry is exclusive, when the
 * event was consumed: there is nothing left for others to read.
 */
static int irqfd_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync,
			void *key)
{
	struct kvm_kernel_irqfd *irqfd =
		container_of(wait, struct kvm_kernel_irqfd, wait);
	__poll_t events = key_to_poll(key);
	struct kvm *kvm;
	int consumed = 0;
	int idx;

	/* Any reference to @kvm from here is gone when VM close goes on. */
	idx = srcu_read_lock(&irqfd_srcu);
	kvm = srcu_dereference(irqfd->vm, &irqfd_srcu);

	if ((events & EPOLLIN) && kvm && irqfd_take(irqfd)) {
		irqfd_event(irqfd, kvm);
		consumed = 1;
	}

	if ((events & EPOLLHUP) && irqfd_own(irqfd))
		queue_work(shutdown_wq, &irqfd->shutdown);

	srcu_read_unlock(&irqfd_srcu, idx);

	return consumed;
}

/* Bypass */

#if IS_ENABLED(CONFIG_HAVE_KVM_IRQ_BYPASS)
void __weak kvm_arch_irq_bypass_stop(struct irq_bypass_consumer *cons)
{
}

void __weak kvm_arch_irq_bypass_start(struct irq_bypass_consumer *cons)
{
}

int __weak kvm_arch_update_irqfd_routing(struct kvm *kvm, unsigned int host_irq,
					 u32 guest_irq, bool set)
{
	return 0;
}

bool __weak kvm_arch_irqfd_route_changed(struct kvm_kernel_irq_routing_entry *old,
					 struct kvm_kernel_irq_routing_entry *new)
{
	return true;
}

/* Note the route as it is now, for whoever the producer is going to be told. */
static void irqfd_note_route(struct kvm_kernel_irqfd *irqfd)
{
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];

	lockdep_assert_held(&irqfd->kvm->irqfds.lock);

	if (kvm_irq_map_gsi(irqfd->kvm, routes, irqfd->gsi) == 1)
		irqfd->irq_entry = routes[0];
	else
		irqfd->irq_entry.type = 0;
}

/*
 * An irqfd is on kvm->irqfds.bypassed before its producer is connected, so that
 * there is no moment at which a new route would pass it by.
 */
static int irqfd_add_producer(struct irq_bypass_consumer *cons,
			      struct irq_bypass_producer *prod)
{
	struct kvm_kernel_irqfd *irqfd =
		container_of(cons, struct kvm_kernel_irqfd, consumer);
	struct kvm *kvm = irqfd->kvm;
	int idx, ret;

	idx = srcu_read_lock(&kvm->irq_srcu);
	spin_lock_irq(&kvm->irqfds.lock);
	irqfd_note_route(irqfd);
	list_add(&irqfd->bypass_link, &kvm->irqfds.bypassed);
	spin_unlock_irq(&kvm->irqfds.lock);
	srcu_read_unlock(&kvm->irq_srcu, idx);

	ret = kvm_arch_irq_bypass_add_producer(cons, prod);
	if (!ret)
		return 0;

	/* Not connected: the producer may go without our being told. */
	spin_lock_irq(&kvm->irqfds.lock);
	irqfd->producer = NULL;
	list_del_init(&irqfd->bypass_link);
	spin_unlock_irq(&kvm->irqfds.lock);

	return ret;
}

static void irqfd_del_producer(struct irq_bypass_consumer *cons,
			       struct irq_bypass_producer *prod)
{
	struct kvm_kernel_irqfd *irqfd =
		container_of(cons, struct kvm_kernel_irqfd, consumer);
	struct kvm *kvm = irqfd->kvm;

	kvm_arch_irq_bypass_del_producer(cons, prod);

	spin_lock_irq(&kvm->irqfds.lock);
	list_del_init(&irqfd->bypass_link);
	spin_unlock_irq(&kvm->irqfds.lock);
}

/* Injecting by hand works without it, so that failing is no error. */
static void irqfd_start_bypass(struct kvm_kernel_irqfd *irqfd)
{
	int ret;

	if (!kvm_arch_has_irq_bypass())
		return;

	irqfd->consumer.token = irqfd->eventfd;
	irqfd->consumer.add_producer = irqfd_add_producer;
	irqfd->consumer.del_producer = irqfd_del_producer;
	irqfd->consumer.stop = kvm_arch_irq_bypass_stop;
	irqfd->consumer.start = kvm_arch_irq_bypass_start;

	ret = irq_bypass_register_consumer(&irqfd->consumer);
	if (ret) {
		pr_info_ratelimited("irqfd: no interrupt bypass for GSI %d: %d\n",
				    irqfd->gsi, ret);
		/* Unregistering goes by the token, which is another's. */
		irqfd->consumer.token = NULL;
	}
}

static void irqfd_stop_bypass(struct kvm_kernel_irqfd *irqfd)
{
	if (irqfd->consumer.token)
		irq_bypass_unregister_consumer(&irqfd->consumer);
}

/**
 * kvm_irq_routing_update - the VM has a new routing table
 * @kvm: the VM
 *
 * An irqfd that injects looks its route up for each event; who must be told at
 * once are the producers that bypass it.
 * Context: kvm->irq_lock, with the new table in place; the caller waits for a
 * grace period of kvm->irq_srcu before it frees the old one.
 */
void kvm_irq_routing_update(struct kvm *kvm)
{
	struct kvm_kernel_irqfd *irqfd;

	lockdep_assert_held(&kvm->irq_lock);

	spin_lock_irq(&kvm->irqfds.lock);
	list_for_each_entry(irqfd, &kvm->irqfds.bypassed, bypass_link) {
		struct kvm_kernel_irq_routing_entry old = irqfd->irq_entry;
		int ret;

		irqfd_note_route(irqfd);
		if (!irqfd->producer ||
		    !kvm_arch_irqfd_route_changed(&old, &irqfd->irq_entry))
			continue;

		ret = kvm_arch_update_irqfd_routing(kvm, irqfd->producer->irq,
						    irqfd->gsi, true);
		WARN_ON_ONCE(ret);
	}
	spin_unlock_irq(&kvm->irqfds.lock);
}
#else
static void irqfd_start_bypass(struct kvm_kernel_irqfd *irqfd)
{
}

static void irqfd_stop_bypass(struct kvm_kernel_irqfd *irqfd)
{
}

void kvm_irq_routing_update(struct kvm *kvm)
{
}
#endif /* CONFIG_HAVE_KVM_IRQ_BYPASS */

/* The end */

/*
 * When this returns no event comes in through the eventfd, all that came in
 * have been injected or found the VM closed, and the eventfd can have another
 * irqfd.
 */
static void irqfd_quiesce(struct kvm_kernel_irqfd *irqfd)
{
	u64 count;

	/* Under the queue's lock, so that a wake-up in progress is over. */
	eventfd_ctx_remove_wait_queue(irqfd->eventfd, &irqfd->wait, &count);
	flush_work(&irqfd->inject);
	irqfd_stop_bypass(irqfd);
	if (irqfd->resampler)
		kvm_irqfd_level_detach(irqfd->kvm, irqfd);
}

/* Give up all that @irqfd holds, the VM last. */
static void irqfd_free(struct kvm_kernel_irqfd *irqfd)
{
	struct kvm *kvm = irqfd->kvm;
	bool last;

	if (irqfd->resamplefd)
		kvm_irqfd_level_free(irqfd);
	eventfd_ctx_put(irqfd->eventfd);

	spin_lock_irq(&kvm->irqfds.lock);
	list_del(&irqfd->list);
	last = list_empty(&kvm->irqfds.items);
	spin_unlock_irq(&kvm->irqfds.lock);

	/* The VM may be gone by now; what is woken goes by the address alone. */
	if (last)
		wake_up_var(&kvm->irqfds.items);

	kfree(irqfd);
}

static void irqfd_end(struct kvm_kernel_irqfd *irqfd)
{
	irqfd_quiesce(irqfd);
	if (irqfd->resampler)
		kvm_irqfd_level_synchronize(irqfd->kvm);
	irqfd_free(irqfd);
}

static void irqfd_shutdown(struct work_struct *work)
{
	irqfd_end(container_of(work, struct kvm_kernel_irqfd, shutdown));
}

static bool has_irqfds(struct kvm *kvm)
{
	bool has;

	/* What takes the last one off holds the lock until it is done with us. */
	spin_lock_irq(&kvm->irqfds.lock);
	has = !list_empty(&kvm->irqfds.items);
	spin_unlock_irq(&kvm->irqfds.lock);

	return has;
}

/**
 * kvm_irqfd_release - end all irqfds of a VM
 * @kvm: the VM, whose file is being released: no ioctl can come any more
 *
 * Context: process context.  Waits for the VM's own irqfds, and for grace
 * periods that don't depend on their number: one, and one more if there are
 * level irqfds.
 */
void kvm_irqfd_release(struct kvm *kvm)
{
	struct kvm_kernel_irqfd *irqfd, *next;
	bool level = false;
	LIST_HEAD(owned);

	spin_lock_irq(&kvm->irqfds.lock);
	list_for_each_entry_safe(irqfd, next, &kvm->irqfds.items, list) {
		RCU_INIT_POINTER(irqfd->vm, NULL);
		if (irqfd_own(irqfd))
			list_move(&irqfd->list, &owned);
	}
	spin_unlock_irq(&kvm->irqfds.lock);

	if (list_empty(&owned) && !has_irqfds(kvm))
		return;

	synchronize_srcu_expedited(&irqfd_srcu);

	list_for_each_entry(irqfd, &owned, list) {
		irqfd_quiesce(irqfd);
		level |= !!irqfd->resampler;
	}
	if (level)
		kvm_irqfd_level_synchronize(kvm);
	list_for_each_entry_safe(irqfd, next, &owned, list)
		irqfd_free(irqfd);

	wait_var_event(&kvm->irqfds.items, !has_irqfds(kvm));
}

/* The irqfd of an eventfd, whichever VM's it is. */
static struct kvm_kernel_irqfd *irqfd_on(wait_queue_head_t *wqh)
{
	wait_queue_entry_t *first;

	lockdep_assert_held(&wqh->lock);

	first = list_first_entry_or_null(&wqh->head, wait_queue_entry_t, entry);
	if (!first || first->func != irqfd_wakeup)
		return NULL;

	return container_of(first, struct kvm_kernel_irqfd, wait);
}

struct irqfd_search {
	poll_table pt;
	struct kvm *kvm;
	int gsi;
	struct kvm_kernel_irqfd *owned;
};

/* It can't be freed under the lock, and not by others once it is owned. */
static void irqfd_search(struct file *file, wait_queue_head_t *wqh,
			 poll_table *pt)
{
	struct irqfd_search *search =
		container_of(pt, struct irqfd_search, pt);
	struct kvm_kernel_irqfd *irqfd;

	spin_lock_irq(&wqh->lock);
	irqfd = irqfd_on(wqh);
	if (irqfd && irqfd->kvm == search->kvm && irqfd->gsi == search->gsi &&
	    irqfd_own(irqfd))
		search->owned = irqfd;
	spin_unlock_irq(&wqh->lock);
}

/**
 * kvm_irqfd_deassign - untie an eventfd from a GSI
 * @kvm: the VM
 * @args: the eventfd and the GSI
 *
 * When this returns there are no more interrupts from this eventfd on this GSI,
 * and the eventfd can be assigned again; its counter was read (0 then, with
 * EFD_SEMAPHORE one less).  If two calls for the same irqfd overlap, that holds
 * for the one that found it.
 * Context: process context, no locks held.  Waits for this irqfd's own
 * injection; for a grace period only if it is a level irqfd.
 * Return: 0, also when the two weren't tied; -EBADF or -EINVAL for an fd that
 * isn't open or isn't an eventfd.
 */
int kvm_irqfd_deassign(struct kvm *kvm, const struct kvm_irqfd *args)
{
	struct irqfd_search search = { .kvm = kvm, .gsi = args->gsi };
	struct eventfd_ctx *eventfd;

	CLASS(fd, f)(args->fd);
	if (fd_empty(f))
		return -EBADF;

	/* Only to find out whether it is an eventfd. */
	eventfd = eventfd_ctx_fileget(fd_file(f));
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	eventfd_ctx_put(eventfd);

	init_poll_funcptr(&search.pt, irqfd_search);
	vfs_poll(fd_file(f), &search.pt);
	if (search.owned)
		irqfd_end(search.owned);

	return 0;
}

/* The beginning */

struct irqfd_claim {
	poll_table pt;
	struct kvm_kernel_irqfd *irqfd;
	int ret;
};

/*
 * An eventfd has one waiter that consumes its events, and such a waiter stands
 * first: to look there and to go there, under one lock, is what makes a second
 * irqfd impossible, whichever VM asks.
 */
static void irqfd_claim(struct file *file, wait_queue_head_t *wqh,
			poll_table *pt)
{
	struct irqfd_claim *claim = container_of(pt, struct irqfd_claim, pt);
	struct kvm_kernel_irqfd *irqfd = claim->irqfd;
	wait_queue_entry_t *first;

	spin_lock_irq(&wqh->lock);
	first = list_first_entry_or_null(&wqh->head, wait_queue_entry_t, entry);
	if (first && (first->flags & WQ_FLAG_PRIORITY)) {
		claim->ret = -EBUSY;
	} else {
		irqfd->wqh = wqh;
		irqfd->wait.flags |= WQ_FLAG_EXCLUSIVE | WQ_FLAG_PRIORITY;
		__add_wait_queue(wqh, &irqfd->wait);
		claim->ret = 0;
	}
	spin_unlock_irq(&wqh->lock);
}

static int irqfd_claim_eventfd(struct kvm_kernel_irqfd *irqfd,
			       struct file *file)
{
	struct irqfd_claim claim = { .irqfd = irqfd, .ret = -EINVAL };

	init_poll_funcptr(&claim.pt, irqfd_claim);
	vfs_poll(file, &claim.pt);

	return claim.ret;
}

/*
 * From here on events are taken.  What was in the counter before is taken too,
 * in the same step: nothing can come between that would be taken twice, or not.
 */
static void irqfd_publish(struct kvm_kernel_irqfd *irqfd)
{
	struct kvm *kvm = irqfd->kvm;

	spin_lock_irq(&irqfd->wqh->lock);
	rcu_assign_pointer(irqfd->vm, kvm);
	clear_bit_unlock(IRQFD_OWNED, &irqfd->flags);
	if (irqfd_take(irqfd))
		irqfd_event(irqfd, kvm);
	spin_unlock_irq(&irqfd->wqh->lock);
}

/* A NEW irqfd, on no list yet, with references to its eventfds. */
static struct kvm_kernel_irqfd *irqfd_alloc(struct kvm *kvm, struct file *file,
					    const struct kvm_irqfd *args)
{
	struct eventfd_ctx *eventfd, *resamplefd = NULL;
	struct kvm_kernel_irqfd *irqfd;

	eventfd = eventfd_ctx_fileget(file);
	if (IS_ERR(eventfd))
		return ERR_CAST(eventfd);

	if (args->flags & KVM_IRQFD_FLAG_RESAMPLE) {
		resamplefd = eventfd_ctx_fdget(args->resamplefd);
		if (IS_ERR(resamplefd)) {
			eventfd_ctx_put(eventfd);
			return ERR_CAST(resamplefd);
		}
	}

	irqfd = kzalloc(sizeof(*irqfd), GFP_KERNEL_ACCOUNT);
	if (!irqfd) {
		if (resamplefd)
			eventfd_ctx_put(resamplefd);
		eventfd_ctx_put(eventfd);
		return ERR_PTR(-ENOMEM);
	}

	irqfd->kvm = kvm;
	irqfd->gsi = args->gsi;
	irqfd->flags = BIT(IRQFD_OWNED);
	irqfd->eventfd = eventfd;
	irqfd->resamplefd = resamplefd;
	INIT_WORK(&irqfd->inject, irqfd_inject);
	INIT_WORK(&irqfd->shutdown, irqfd_shutdown);
	init_waitqueue_func_entry(&irqfd->wait, irqfd_wakeup);
	INIT_LIST_HEAD(&irqfd->bypass_link);

	return irqfd;
}

/**
 * kvm_irqfd_assign - tie an eventfd to a GSI
 * @kvm: the VM
 * @args: the eventfd, the GSI and, for a level irqfd, the resamplefd
 *
 * When this returns every signal of the eventfd is an interrupt, and so was,
 * once, what the eventfd's counter held before.
 * Context: process context, no locks held.  Waits for no reader.
 * Return: 0; -EAGAIN if the VM's interrupt controller isn't there yet; -EINVAL
 * for a level irqfd where acknowledges aren't known, or an fd that isn't an
 * eventfd; -EBADF for an fd that isn't open; -EBUSY if the eventfd has an irqfd,
 * in whichever VM, or another waiter that consumes its events; -ENOMEM.  With an
 * error nothing has changed, the eventfd's counter included.
 */
int kvm_irqfd_assign(struct kvm *kvm, struct kvm_irqfd *args)
{
	struct kvm_kernel_irqfd *irqfd;
	int ret;

	if (!kvm_arch_intc_initialized(kvm))
		return -EAGAIN;

	if (!kvm_arch_irqfd_allowed(kvm, args))
		return -EINVAL;

	/* Kept to the end: before it is dropped there can be no hang-up. */
	CLASS(fd, f)(args->fd);
	if (fd_empty(f))
		return -EBADF;

	irqfd = irqfd_alloc(kvm, fd_file(f), args);
	if (IS_ERR(irqfd))
		return PTR_ERR(irqfd);

	spin_lock_irq(&kvm->irqfds.lock);
	list_add_tail(&irqfd->list, &kvm->irqfds.items);
	spin_unlock_irq(&kvm->irqfds.lock);

	ret = irqfd_claim_eventfd(irqfd, fd_file(f));
	if (ret)
		goto free;

	if (irqfd->resamplefd) {
		ret = kvm_irqfd_level_attach(kvm, irqfd);
		if (ret)
			goto leave;
	}

	irqfd_start_bypass(irqfd);
	irqfd_publish(irqfd);
	return 0;

leave:
	/* Not eventfd_ctx_remove_wait_queue(): the counter isn't ours to take. */
	remove_wait_queue(irqfd->wqh, &irqfd->wait);
free:
	irqfd_free(irqfd);
	return ret;
}

/**
 * kvm_irqfd_init_vm - set up a new VM's part of this
 * @kvm: the VM
 */
void kvm_irqfd_init_vm(struct kvm *kvm)
{
	spin_lock_init(&kvm->irqfds.lock);
	INIT_LIST_HEAD(&kvm->irqfds.items);
	INIT_LIST_HEAD(&kvm->irqfds.bypassed);
	kvm_irqfd_level_init_vm(kvm);
}

/**
 * kvm_irqfd_init - set up what all VMs share
 *
 * Context: module initialisation.
 * Return: 0, or -ENOMEM with nothing done.
 */
int kvm_irqfd_init(void)
{
	inject_wq = alloc_workqueue("kvm-irqfd-inject",
				    WQ_UNBOUND | WQ_HIGHPRI, 0);
	if (!inject_wq)
		return -ENOMEM;

	shutdown_wq = alloc_workqueue("kvm-irqfd-shutdown", WQ_UNBOUND, 0);
	if (!shutdown_wq) {
		destroy_workqueue(inject_wq);
		return -ENOMEM;
	}

	return 0;
}

/**
 * kvm_irqfd_exit - the counterpart of kvm_irqfd_init()
 *
 * Context: module exit; there are no VMs, so there are no irqfds.
 */
void kvm_irqfd_exit(void)
{
	destroy_workqueue(shutdown_wq);
	destroy_workqueue(inject_wq);
}
