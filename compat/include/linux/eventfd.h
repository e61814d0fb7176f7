/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For modules that are built against the headers of a kernel without the series.
 */
#include_next <linux/eventfd.h>

#ifndef __KVM_COMPAT_EVENTFD_H__
#define __KVM_COMPAT_EVENTFD_H__

#include <linux/bits.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/wait.h>

/* Such a kernel tells an eventfd's id to user space alone. */
static inline int eventfd_ctx_id(struct eventfd_ctx *ctx)
{
	return -1;
}

/*
 * It doesn't know an eventfd's producers, and takes its last close for the end of its
 * consumers.
 */
enum eventfd_event {
	EVENTFD_PRODUCERS_GONE,
	EVENTFD_CONSUMERS_GONE,
};

#define EVENTFD_EVENTS	BIT(EVENTFD_CONSUMERS_GONE)

#define eventfd_producer_fileget	eventfd_ctx_fileget
#define eventfd_producer_fdget		eventfd_ctx_fdget
#define eventfd_producer_put		eventfd_ctx_put

static inline bool eventfd_is_heard(struct eventfd_ctx *ctx)
{
	return false;
}

static inline void eventfd_ctx_leave_queue(struct eventfd_ctx *ctx,
					   wait_queue_entry_t *wait)
{
	/* __remove_wait_queue() doesn't look at the queue's head. */
	list_del(&wait->entry);
}

/* A listener is a waiter, which each signal passes; @link isn't used. */
struct eventfd_listener {
	struct hlist_node link;
	unsigned int events;
	void (*func)(struct eventfd_listener *listener, enum eventfd_event event, u64 data);

	poll_table pt;
	wait_queue_entry_t wait;
	wait_queue_head_t *queue;
	bool told;
};

static inline int eventfd_listener_wake(wait_queue_entry_t *wait, unsigned int mode,
					int sync, void *key)
{
	struct eventfd_listener *listener =
		container_of(wait, struct eventfd_listener, wait);

	if (unlikely(key_to_poll(key) & EPOLLHUP) && !listener->told) {
		listener->told = true;
		listener->func(listener, EVENTFD_CONSUMERS_GONE, 0);
	}

	return 0;
}

static inline void eventfd_listener_queue(struct file *file, wait_queue_head_t *queue,
					  poll_table *pt)
{
	struct eventfd_listener *listener =
		container_of(pt, struct eventfd_listener, pt);

	listener->queue = queue;

	/* Behind the consumers, which shouldn't wait for it. */
	spin_lock_irq(&queue->lock);
	__add_wait_queue_entry_tail(queue, &listener->wait);
	spin_unlock_irq(&queue->lock);
}

static inline int eventfd_listen(struct file *file, struct eventfd_listener *listener)
{
	init_waitqueue_func_entry(&listener->wait, eventfd_listener_wake);
	init_poll_funcptr(&listener->pt, eventfd_listener_queue);
	vfs_poll(file, &listener->pt);

	return 0;
}

static inline void eventfd_unlisten(struct eventfd_ctx *ctx,
				    struct eventfd_listener *listener)
{
	remove_wait_queue(listener->queue, &listener->wait);
}

static inline void eventfd_unlisten_locked(struct eventfd_ctx *ctx,
					   struct eventfd_listener *listener)
{
	list_del(&listener->wait.entry);
}

#endif /* __KVM_COMPAT_EVENTFD_H__ */
