// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts that bypass the host: a device that can deliver its interrupt by itself,
 * the producer, is connected with the one that the interrupt is for, the consumer.
 *
 * Neither knows the other.  Both register with the same token, a pointer to something
 * that both hold, for example an eventfd's context.  They are connected when the second
 * of them registers, and disconnected when the first of them unregisters.
 *
 * How a pair is found
 * -------------------
 * A token has a pair, with a place for a producer and one for a consumer.  Pairs are
 * looked up by the token.  A pair lives as long as a producer or a consumer is in it or
 * a call works on it.  Both are counted under the look-up's lock, so that no call can
 * find a pair that is being freed.
 *
 * A place belongs to a producer or consumer by its address, not by its token.  A second
 * one with the same token is refused.  If that one is unregistered, or one that has
 * already left is unregistered again, the owner of the place isn't affected.
 *
 * Which calls wait for each other
 * -------------------------------
 * The callbacks run under the pair's mutex.  A producer or consumer is in one pair at
 * most, so its callbacks never run at the same time, and after unregistering none is
 * running or will run.  They may sleep and take long: only calls with the same token
 * wait for them.  The order of locks is
 *
 *	what the callers hold
 *	  the pair's mutex
 *	    what the callbacks take
 *
 * and the look-up's spinlock is innermost and never held when one is called.  A
 * callback can't come or go itself with its own token.
 *
 * No module is pinned: a caller's module depends on this one by its symbols, and has
 * to unregister before it is unloaded in any case.
 */

#include <linux/irqbypass.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/xarray.h>

/**
 * struct bypass_pair - the producer and the consumer of a token
 * @token: the token
 * @users: how many of the two are in the pair, and calls that are underway; under the
 *	lock of @pairs
 * @lock: for the two places, and held while their callbacks run
 * @producer: the producer, or NULL
 * @consumer: the consumer, or NULL; if both are there, they are connected
 */
struct bypass_pair {
	void *token;
	unsigned int users;
	struct mutex lock; /* see above */
	struct irq_bypass_producer *producer;
	struct irq_bypass_consumer *consumer;
};

/* By token. */
static DEFINE_XARRAY_FLAGS(pairs, XA_FLAGS_ACCOUNT);

static unsigned long irq_bypass_index_of(void *token)
{
	return (unsigned long)token;
}

/* The token's pair, if it has one; it stays until pair_put(). */
static struct bypass_pair *pair_find(void *token)
{
	struct bypass_pair *pair;

	xa_lock(&pairs);
	pair = xa_load(&pairs, irq_bypass_index_of(token));
	if (pair)
		pair->users++;
	xa_unlock(&pairs);

	return pair;
}

/* The token's pair, old or new, or an ERR_PTR(); it stays until pair_put(). */
static struct bypass_pair *pair_get(void *token)
{
	struct bypass_pair *pair, *old;

	pair = pair_find(token);
	if (pair)
		return pair;

	pair = kzalloc(sizeof(*pair), GFP_KERNEL_ACCOUNT);
	if (!pair)
		return ERR_PTR(-ENOMEM);
	pair->token = token;
	pair->users = 1;
	mutex_init(&pair->lock);

	/* To make room it may let go of the lock, and then looks again. */
	xa_lock(&pairs);
	old = __xa_cmpxchg(&pairs, irq_bypass_index_of(token), NULL, pair,
			   GFP_KERNEL_ACCOUNT);
	if (old && !xa_is_err(old))
		old->users++;
	xa_unlock(&pairs);
	if (!old)
		return pair;

	mutex_destroy(&pair->lock);
	kfree(pair);

	return xa_is_err(old) ? ERR_PTR(xa_err(old)) : old;
}

static void pair_put(struct bypass_pair *pair)
{
	bool last;

	xa_lock(&pairs);
	last = !--pair->users;
	if (last)
		__xa_erase(&pairs, irq_bypass_index_of(pair->token));
	xa_unlock(&pairs);

	if (last) {
		mutex_destroy(&pair->lock);
		kfree(pair);
	}
}

/* Every stop has its start, whatever comes of what is between. */
static void irq_bypass_stop_both(struct bypass_pair *pair)
{
	if (pair->producer->stop)
		pair->producer->stop(pair->producer);
	if (pair->consumer->stop)
		pair->consumer->stop(pair->consumer);
}

static void irq_bypass_start_both(struct bypass_pair *pair)
{
	if (pair->consumer->start)
		pair->consumer->start(pair->consumer);
	if (pair->producer->start)
		pair->producer->start(pair->producer);
}

/* On an error both are as if they had never met. */
static int pair_connect(struct bypass_pair *pair)
{
	struct irq_bypass_producer *producer = pair->producer;
	struct irq_bypass_consumer *consumer = pair->consumer;
	int ret = 0;

	lockdep_assert_held(&pair->lock);

	irq_bypass_stop_both(pair);
	if (producer->add_consumer)
		ret = producer->add_consumer(producer, consumer);
	if (ret)
		goto start;
	ret = consumer->add_producer(consumer, producer);
	if (ret && producer->del_consumer)
		producer->del_consumer(producer, consumer);
start:
	irq_bypass_start_both(pair);

	return ret;
}

static void pair_disconnect(struct bypass_pair *pair)
{
	struct irq_bypass_producer *producer = pair->producer;
	struct irq_bypass_consumer *consumer = pair->consumer;

	lockdep_assert_held(&pair->lock);

	irq_bypass_stop_both(pair);
	consumer->del_producer(consumer, producer);
	if (producer->del_consumer)
		producer->del_consumer(producer, consumer);
	irq_bypass_start_both(pair);
}

/**
 * irq_bypass_register_producer - an interrupt can bypass the host from now on
 * @producer: its producer; it and its @token are left as they are until it has been
 *	unregistered
 *
 * If there is a consumer with this token the two are connected: stop() of both,
 * add_consumer(), add_producer(), start() of both.
 * Context: process context, may sleep; waits for calls with the same token alone.
 * Return: 0; -EINVAL without a token; -EBUSY if the token has a producer, be it this
 * one; -ENOMEM; the error of a callback that refused.  With an error nothing refers to
 * @producer, and a consumer waits as before.
 */
int irq_bypass_register_producer(struct irq_bypass_producer *producer)
{
	struct bypass_pair *pair;
	int ret = 0;

	might_sleep();

	if (!producer->token)
		return -EINVAL;

	pair = pair_get(producer->token);
	if (IS_ERR(pair))
		return PTR_ERR(pair);

	mutex_lock(&pair->lock);
	if (pair->producer) {
		ret = -EBUSY;
	} else {
		pair->producer = producer;
		if (pair->consumer)
			ret = pair_connect(pair);
		if (ret)
			pair->producer = NULL;
	}
	mutex_unlock(&pair->lock);

	/* A producer or consumer in the pair keeps it. */
	if (ret)
		pair_put(pair);

	return ret;
}
EXPORT_SYMBOL_GPL(irq_bypass_register_producer);

/**
 * irq_bypass_unregister_producer - an interrupt doesn't bypass the host any more
 * @producer: its producer
 *
 * When this returns @producer has no connection, none of its callbacks is
 * running, and nothing refers to it.  Nothing is done if it isn't registered, even
 * if another one is with its token.
 * Context: process context, may sleep; waits for calls with the same token alone.
 */
void irq_bypass_unregister_producer(struct irq_bypass_producer *producer)
{
	struct bypass_pair *pair;
	bool found;

	might_sleep();

	pair = pair_find(producer->token);
	if (!pair)
		return;

	mutex_lock(&pair->lock);
	found = pair->producer == producer;
	if (found && pair->consumer)
		pair_disconnect(pair);
	if (found)
		pair->producer = NULL;
	mutex_unlock(&pair->lock);

	if (found)
		pair_put(pair);
	pair_put(pair);
}
EXPORT_SYMBOL_GPL(irq_bypass_unregister_producer);

/**
 * irq_bypass_register_consumer - an interrupt can be taken directly from now on
 * @consumer: its consumer; it and its @token are left as they are until it has been
 *	unregistered
 *
 * If there is a producer with this token the two are connected, as in
 * irq_bypass_register_producer().
 * Context: process context, may sleep; waits for calls with the same token alone.
 * Return: 0; -EINVAL without a token, add_producer() or del_producer(); -EBUSY if the
 * token has a consumer, be it this one; -ENOMEM; the error of a callback that
 * refused.  With an error nothing refers to @consumer, and a producer waits as before.
 */
int irq_bypass_register_consumer(struct irq_bypass_consumer *consumer)
{
	struct bypass_pair *pair;
	int ret = 0;

	might_sleep();

	if (!consumer->token || !consumer->add_producer ||
	    !consumer->del_producer)
		return -EINVAL;

	pair = pair_get(consumer->token);
	if (IS_ERR(pair))
		return PTR_ERR(pair);

	mutex_lock(&pair->lock);
	if (pair->consumer) {
		ret = -EBUSY;
	} else {
		pair->consumer = consumer;
		if (pair->producer)
			ret = pair_connect(pair);
		if (ret)
			pair->consumer = NULL;
	}
	mutex_unlock(&pair->lock);

	if (ret)
		pair_put(pair);

	return ret;
}
EXPORT_SYMBOL_GPL(irq_bypass_register_consumer);

/**
 * irq_bypass_unregister_consumer - an interrupt is taken from the host again
 * @consumer: its consumer
 *
 * When this returns @consumer has no connection, none of its callbacks is
 * running, and nothing refers to it.  Nothing is done if it isn't registered, even
 * if another one is with its token.
 * Context: process context, may sleep; waits for calls with the same token alone.
 */
void irq_bypass_unregister_consumer(struct irq_bypass_consumer *consumer)
{
	struct bypass_pair *pair;
	bool found;

	might_sleep();

	pair = pair_find(consumer->token);
	if (!pair)
		return;

	mutex_lock(&pair->lock);
	found = pair->consumer == consumer;
	if (found && pair->producer)
		pair_disconnect(pair);
	if (found)
		pair->consumer = NULL;
	mutex_unlock(&pair->lock);

	if (found)
		pair_put(pair);
	pair_put(pair);
}
EXPORT_SYMBOL_GPL(irq_bypass_unregister_consumer);

MODULE_DESCRIPTION("Brings producers and consumers of bypassing interrupts together");
MODULE_LICENSE("GPL");
