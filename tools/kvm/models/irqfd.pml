// SPDX-License-Identifier: GPL-2.0-only
/*
 * A model of the life of an irqfd, to be read beside virt/kvm/irqfd.c, irqfd_inject.c and
 * irqfd_lane.c.  Names are those of the C code where it has one.  tests/models runs Spin
 * on it.
 *
 * Processes
 * ---------
 *	user		the ioctls: kvm_irqfd_assign(), kvm_irqfd_deassign()
 *	signaller	eventfd_signal() by a task that holds the context, not the
 *			file; it may signal after the file is closed
 *	writer		write(2), which sleeps while the counter is full
 *	fd_closer	close(2) of the eventfd and, when no system call holds the
 *			file any more, eventfd_release()
 *	vm_closer	close(2) of the VM and, when no ioctl is underway any more,
 *			kvm_irqfd_release(); then it frees the VM at once
 *	inject_work	a VM's work of that name
 *	shutdown_work	a VM's work of that name
 *	reader		debugfs, which walks kvm->irqfds.items without its lock
 *
 * What must hold
 * --------------
 * - Memory: no irqfd, eventfd context or VM is used after it was freed, or freed
 *   twice, and none is left at the end (use_*(), init).
 * - Ownership: no irqfd ever has two owners (irqfd_own()).
 * - Events: an event that was taken is injected unless the VM closes; no event
 *   stays in the counter while an irqfd is LIVE; a failed assign takes no event;
 *   an end drops no event (check_events(), irqfd_stop_events()).
 * - Quiet: an irqfd that was quiesced injects nothing.  It is quiesced before VM
 *   close returns, and before any DEASSIGN returns that ends it or that finds it
 *   ENDING (enter_vm(), kvm_irqfd_deassign()).
 * - An eventfd has one irqfd (irqfd_claim()), and can have another one as soon as
 *   such a DEASSIGN, or VM close, has returned (user).
 * - Bypass: an irqfd finds no other consumer (kvm_irqfd_bypass_start()).
 * - No process waits for ever: Spin's invalid end states.  A writer sleeps only
 *   while the counter is full (init).
 *
 * What is left out, and why that hides no failure
 * -----------------------------------------------
 * Weak memory: processes share three things without a common lock.  The bit "owned"
 * is tested and set with full ordering.  The pointer "vm" only turns NULL while others
 * may read it.  The count "undone" only tells when work is done.  A late read of "vm"
 * is the same as an earlier read; VM close's grace period bounds how late inject_work
 * can read it.  wake_up_var() looks for waiters after it has held irqfds.lock, and a
 * waiter queues itself before it takes that lock.
 *
 * The counter is a bit, because a reader takes all of it.  EFD_SEMAPHORE is left
 * out: its remaining count waits for the next signal by design.  The same bit says
 * that the counter is too full for the writer.
 *
 * Pollers of the eventfd, GSIs, routes and producers influence no decision here.
 * irqfd_event() chooses freely between an architecture that can inject in the wake-up
 * and one that can't.
 *
 * Level irqfds are in level.pml.  They and bypass add two things to this model: an
 * assign may fail after it has claimed the eventfd (ATTACH_FAILS), and a hang-up may
 * have to leave the end to work for more than one reason.
 *
 * inject_work takes one irqfd at a time from the list, not all that are there when it
 * begins: that is the same as if it had begun later.
 *
 * irqfds[] are objects in memory, not slots for them: none is used twice, so a stale
 * pointer never points to another irqfd.
 *
 * How large a step is
 * -------------------
 * A step has at most one access that another process may interfere with.  Locking,
 * accesses under the lock and unlocking belong to the same step.  The read section of
 * inject_work is one read, so it needs no steps.  An object that could be freed during
 * a use is used at the beginning and at the end, in two steps.
 *
 * BREAK_* are possible mistakes.  tests/models has their list, and Spin must find each.
 *
 * irqfd_inject.pml and irqfd_end.pml are parts of this model.
 */

/*
 * The configurations, see the end.  SIGNALS is how often the eventfd is signalled;
 * -DSIGNALS=n searches more, and takes longer.
 */
#if defined(ENDS)
#define VMS	1
#define FDS	1
#define IRQFDS	1
#define TIMES	2
#elif defined(KILLED)
#define VMS	1
#define FDS	1
#define IRQFDS	1
#define TIMES	1
#define KILLS
#elif defined(REBIND)
#define VMS	2
#define FDS	1
#define IRQFDS	2
#define TIMES	1
#elif defined(ANEW)
#define VMS	2
#define FDS	1
#define IRQFDS	2
#define TIMES	1
#elif defined(CONTEND)
#define VMS	2
#define FDS	1
#define IRQFDS	2
#define TIMES	1
#define ATTACH_FAILS
#elif defined(REUSE)
#define VMS	2
#define FDS	1
#define IRQFDS	2
#define TIMES	2
#elif defined(TWO_FDS)
#define VMS	1
#define FDS	2
#define IRQFDS	2
#define TIMES	1
#elif defined(WRITER)
#define VMS	1
#define FDS	1
#define IRQFDS	1
#define TIMES	1
#endif

#ifndef SIGNALS
#define SIGNALS	TIMES
#endif

/* mem */
#define NONE	0
#define THERE	1
#define LATER	2	/* kfree_rcu() */
#define FREED	3

/* irqfds[].list */
#define NOWHERE	0
#define ITEMS	1	/* kvm->irqfds.items */
#define CLOSING	2	/* kvm_irqfd_release()'s own */

/* What an assign returns. */
#define OK	0
#define EBUSY	1
#define EBADF	2
#define ENOMEM	3
#define EINTR	4

typedef irqfd_t {
	byte mem;
	byte vm;		/* the VM's number plus 1, or NULL */
	byte kvm;		/* the VM's number */
	byte eventfd;		/* the eventfd's number */
	bit owned;		/* IRQFD_OWNED */
	byte list;
	bit pending;		/* IRQFD_PENDING: on kvm->irqfds.pending */
	byte undone;		/* deferred - done */
	bit hung_up;		/* on kvm->irqfds.hung_up */
	bit ending;		/* irqfd_ending_wakeup() */
	bit token;		/* consumer.token */
	/* For the assertions only: */
	byte owners;
	bit due;		/* an event was taken and is not injected yet */
	bit quiet;		/* no event is injected any more */
};

typedef eventfd_t {
	bit lock;		/* the wait queue's */
	bit count;
	bit sleeper;		/* the writer sleeps, because the counter is full */
	byte first;		/* the number of the irqfd on the queue plus 1, or 0 */
	bit consumer;		/* there is a consumer of bypassed interrupts */
	byte refs;		/* to the context; freed with the last */
	bit open;		/* there is an fd */
	byte users;		/* system calls that hold the file */
};

typedef kvm_t {
	byte mem;
	bit lock;		/* irqfds.lock */
	bit open;		/* there is an fd */
	byte users;		/* system calls that hold the file */
	byte nr;		/* irqfds.nr */
	bit inject;		/* the work is queued ... */
	bit injecting;		/* ... or runs, or both */
	bit shutdown;
	bit shutting;
	bit wait_for;		/* the grace period waits for the reader */
	bit waiting;		/* wait_var_event(): on the wait queue ... */
	bit woken;		/* ... and off again */
	/* For the assertions only: */
	bit closing;		/* kvm_irqfd_release() has begun */
};

irqfd_t irqfds[IRQFDS];
eventfd_t eventfds[FDS];
kvm_t kvms[VMS];

#define use_irqfd(i)	assert(irqfds[i].mem == THERE)
#define use_eventfd(e)	assert(eventfds[e].refs > 0)
#define use_kvm(v)	assert(kvms[v].mem == THERE)

/*
 * Locks.  under_*() begins an atomic sequence that is a whole critical section;
 * lock_*() begins a critical section of several steps.
 */
inline under_wqh(e)
{
	!eventfds[e].lock;
	use_eventfd(e)
}

inline lock_wqh(e)
{
	under_wqh(e);
	eventfds[e].lock = 1
}

inline unlock_wqh(e)
{
	use_eventfd(e);
	eventfds[e].lock = 0
}

inline under_items(v)
{
	!kvms[v].lock;
	use_kvm(v)
}

inline lock_items(v)
{
	under_items(v);
	kvms[v].lock = 1
}

inline unlock_items(v)
{
	use_kvm(v);
	kvms[v].lock = 0
}

/*
 * RCU and kvm_irqfd_srcu: a grace period waits for the readers that are there when
 * it begins.  The one reader is in read sections of both at once.
 */
bit reading;

inline read_lock()
{
	reading = 1
}

inline read_unlock()
{
	reading = 0;
	kvms[0].wait_for = 0;
#if VMS > 1
	kvms[1].wait_for = 0;
#endif
	/* Free what kfree_rcu() deferred: the only read section has ended. */
	rcu_free(0);
#if IRQFDS > 1
	rcu_free(1);
#endif
}

inline rcu_free(i)
{
	if
	:: irqfds[i].mem == LATER -> irqfds[i].mem = FREED
	:: else
	fi
}

inline kfree_rcu(i)
{
#ifdef BREAK_RCU	/* at once */
	irqfds[i].mem = FREED
#else
	irqfds[i].mem = (reading -> LATER : FREED)
#endif
}

inline synchronize_srcu(v)
{
	kvms[v].wait_for = reading;
	!kvms[v].wait_for
}

/* The irqfd on the eventfd's wait queue. */
#define first_of(e)	irqfds[eventfds[e].first - 1]

/* To be called before the wait queue is unlocked. */
inline check_events(e)
{
	assert(!eventfds[e].first || !first_of(e).vm || first_of(e).ending ||
	       !eventfds[e].count)
}

#include "irqfd_inject.pml"
#include "irqfd_end.pml"

/* Assign */

inline irqfd_alloc(a, k, f)
{
	atomic {
		irqfds[a].mem = THERE;
		irqfds[a].kvm = k;
		irqfds[a].eventfd = f;
#ifndef BREAK_OWNED	/* has no owner as long as it is NEW */
		irqfds[a].owned = 1;
		irqfds[a].owners = 1;
#endif
		eventfds[f].refs++;
		under_items(k);
		irqfds[a].list = ITEMS;
		kvms[k].nr++
	}
}

/* After a wait for a DEASSIGN the assign tries again. */
inline irqfd_claim(a, f)
{
	do
	:: true ->
#ifdef BREAK_CLAIM	/* looks, then locks */
		ret = (eventfds[f].first -> EBUSY : OK);
		atomic {
			under_wqh(f);
#else
		atomic {
			under_wqh(f);
			ret = (eventfds[f].first -> EBUSY : OK);
#endif
			again = some_ending(f);
			if
			:: ret == OK ->
				assert(!eventfds[f].first);
				eventfds[f].first = a + 1
			:: else
			fi
		};
		if
		:: again -> irqfd_wait_for_end(f)
		:: else -> break
		fi;
		if
		:: ret != OK -> break
		:: else
		fi
	od
}

/*
 * A host without bypass has no consumers.  ENDS models such a host: there a hang-up that
 * has nothing to wait for ends the irqfd in the wake-up.
 */
inline kvm_irqfd_bypass_start(a, f)
{
#ifndef ENDS
	atomic {
		use_irqfd(a);
		assert(!eventfds[f].consumer);
		eventfds[f].consumer = 1;
		irqfds[a].token = 1
	}
#else
	skip
#endif
}

inline irqfd_publish(a, k, f)
{
	atomic {
		lock_wqh(f);
		use_irqfd(a);
		irqfds[a].vm = k + 1
	};
	atomic {
		use_irqfd(a);
		irqfds[a].owned = 0;
		irqfds[a].owners = 0
	};
#ifdef BREAK_PUBLISH	/* drains in a second go */
	atomic {
		unlock_wqh(f)
	};
	atomic {
		lock_wqh(f)
	};
#endif
#ifndef BREAK_DRAIN	/* leaves the count in the counter */
	atomic {
		use_irqfd(a);
		irqfd_take(a, f);
#ifndef BREAK_WRITER	/* wakes no writer */
		if
		:: taken -> kvm_irqfd_wake_writers(f)
		:: else
		fi
#endif
	};
	if
	:: taken -> irqfd_event(a, k)
	:: else
	fi;
#endif
	atomic {
		check_events(f);
		unlock_wqh(f)
	}
}

inline kvm_irqfd_assign(a, k, f)
{
	get_files(k, f);
	if
	:: ret == OK ->
		irqfd_alloc(a, k, f);
		irqfd_claim(a, f);
		if
		:: ret == OK ->
			kvm_irqfd_bypass_start(a, f);
			irqfd_publish(a, k, f)
#ifdef ATTACH_FAILS
		:: ret == OK ->
			ret = ENOMEM;
#ifdef BREAK_FAIL	/* takes the count from the counter */
			irqfd_leave(a);
#else
			/* remove_wait_queue() */
			atomic {
				under_wqh(f);
				eventfds[f].first = 0
			};
#endif
			irqfd_release(a)
#endif
		:: ret == EBUSY || ret == EINTR ->
			irqfd_release(a)
		fi;
		put_files(k, f)
	:: else
	fi
}

/* The eventfd */

proctype signaller(byte on)
{
	byte i, v, times = SIGNALS;
	bit taken;

	do
	:: times > 0 ->
		/* eventfd_signal() */
		atomic {
			lock_wqh(on);
			eventfds[on].count = 1;
			if
			:: eventfds[on].first -> irqfd_wakeup_take(on)
			:: else
			fi
		};
		irqfd_wakeup_event(on);
		atomic {
			check_events(on);
			unlock_wqh(on);
			i = 0;
			v = 0;
			taken = 0;
			times--
		}
	:: else -> break
	od;
	atomic {
		use_eventfd(on);
		eventfds[on].refs--
	}
}

#ifdef WRITER
/*
 * A wake-up needn't wake a writer: none can have gone to sleep while the irqfd was LIVE.
 * The writer holds the file.
 */
proctype writer(byte on)
{
	byte i, v;
	bit taken, there, done;

	atomic {
		there = eventfds[on].open;
		eventfds[on].users = eventfds[on].users + there
	};
	do
	:: there && !done ->
		atomic {
			lock_wqh(on);
			if
			:: eventfds[on].count -> eventfds[on].sleeper = 1
			:: else ->
				eventfds[on].count = 1;
				done = 1;
				if
				:: eventfds[on].first -> irqfd_wakeup_take(on)
				:: else
				fi
			fi
		};
		irqfd_wakeup_event(on);
		atomic {
			check_events(on);
			unlock_wqh(on)
		};
		!eventfds[on].sleeper
	:: else -> break
	od;
	eventfds[on].users = eventfds[on].users - there
}
#endif

proctype fd_closer(byte on)
{
	byte i, v, e;
	bit got, any;

	eventfds[on].open = 0;
	!eventfds[on].users;

	/* eventfd_release() */
	atomic {
		lock_wqh(on)
	};
	if
	:: eventfds[on].first -> irqfd_hang_up(on)
	:: else
	fi;
	atomic {
		unlock_wqh(on)
	};
	atomic {
		use_eventfd(on);
		eventfds[on].refs--
	}
}

/* Configurations */

#if defined(ENDS) || defined(KILLED)
/*
 * All that can end one irqfd, at once, beginning during its assign.  With KILLED, fatal
 * signals may end the waits.
 */
proctype user(byte me)
{
	byte i, v, e, ret, found, met;
	bit got, any, taken, again;

	if
	:: me == 0 -> kvm_irqfd_assign(0, 0, 0)
	:: else
	fi;
	kvm_irqfd_deassign(0, 0)
}
#endif

#ifdef WRITER
/* One irqfd's life, and a writer that may find the counter full. */
proctype user(byte me)
{
	byte i, v, e, ret, found, met;
	bit got, any, taken, again;

	kvm_irqfd_assign(0, 0, 0);
	kvm_irqfd_deassign(0, 0)
}
#endif

#ifdef REBIND
/*
 * Two DEASSIGNs.  The user whose DEASSIGN ends the irqfd, and isn't killed, then assigns
 * the eventfd to another VM.
 */
proctype user(byte me)
{
	byte i, v, e, ret, found, met;
	bit got, any, taken, again;

	if
	:: me == 0 -> kvm_irqfd_assign(0, 0, 0)
	:: else
	fi;
	kvm_irqfd_deassign(0, 0);
	if
	:: found && ret == OK ->
		kvm_irqfd_assign(1, 1, 0);
		assert(ret != EBUSY)
	:: else
	fi
}
#endif

#ifdef ANEW
/* A DEASSIGN, and an assign of the eventfd to another VM meanwhile; no VM closes. */
proctype user(byte me)
{
	byte i, v, e, ret, found, met;
	bit got, any, taken, again;

	if
	:: me == 0 ->
		kvm_irqfd_assign(0, 0, 0);
		kvm_irqfd_deassign(0, 0)
	:: me == 1 ->
		kvm_irqfd_assign(1, 1, 0)
	fi
}
#endif

#ifdef CONTEND
/* Two VMs assign one eventfd. */
proctype user(byte me)
{
	byte v, e, ret;
	bit any, taken, again;

	kvm_irqfd_assign(me, me, 0)
}
#endif

#ifdef REUSE
/* When a VM has closed, another VM can assign the eventfd. */
proctype user(byte me)
{
	byte v, n, e, ret;
	bit got, any, taken, again;

	kvm_irqfd_assign(0, 0, 0);
	close_vm(0);
	kvm_irqfd_assign(1, 1, 0);
	assert(ret != EBUSY)
}
#endif

#ifdef TWO_FDS
/* A VM with two eventfds. */
proctype user(byte me)
{
	byte v, e, ret;
	bit any, taken, again;

	kvm_irqfd_assign(0, 0, 0);
	kvm_irqfd_assign(1, 0, 1)
}
#endif

init {
	byte k;

	atomic {
		/* First the processes that never end. */
		for (k : 0 .. VMS - 1) {
			run inject_work(k);
			run shutdown_work(k)
		}

		for (k : 0 .. FDS - 1) {
			eventfds[k].refs = 1;
			eventfds[k].open = 1;
			run fd_closer(k)
		}
		eventfds[0].refs++;
		run signaller(0);
#ifdef WRITER
		run writer(0);
#endif
		for (k : 0 .. VMS - 1) {
			kvms[k].mem = THERE;
			kvms[k].open = 1
		}
#if !defined(REUSE) && !defined(ANEW)
		run vm_closer(0);
#endif
#if VMS > 1 && !defined(ANEW)
		run vm_closer(1);
#endif
#ifdef ENDS
		run reader(0);
#endif
		run user(0);
#if !defined(REUSE) && !defined(TWO_FDS) && !defined(WRITER)
		run user(1)
#endif
	}

	/* When no process can run any more, all have ended, and nothing is left. */
	timeout;
#ifdef WRITER
	/* Without an irqfd, user space reads the counter. */
	atomic {
		assert(!eventfds[0].sleeper || eventfds[0].count);
		eventfds[0].count = 0;
		eventfds[0].sleeper = 0
	};
	timeout;
#endif
	_nr_pr == 1 + 2 * VMS;
	atomic {
		for (k : 0 .. FDS - 1) {
			assert(!eventfds[k].refs && !eventfds[k].lock)
		}
		for (k : 0 .. VMS - 1) {
			assert(!kvms[k].lock)
		}
		for (k : 0 .. IRQFDS - 1) {
			assert(irqfds[k].mem == NONE || irqfds[k].mem == FREED)
		}
	}
}
