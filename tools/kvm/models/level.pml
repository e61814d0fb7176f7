// SPDX-License-Identifier: GPL-2.0-only
/*
 * A model of level irqfds: virt/kvm/irqfd_level.c, and the unmask in
 * arch/x86/kvm/masked_irq.c; to be read beside them.  Names are those of the C code
 * where it has one.  tests/models runs Spin on it.
 *
 * To tell an irqfd is to signal its resamplefd.
 *
 * Processes
 * ---------
 *	user		KVM_IRQFD, the works and VM close, as far as they call this
 *			code: kvm_irqfd_level_attach() before an irqfd is LIVE; after
 *			it is quiesced kvm_irqfd_level_detach(), a grace period and
 *			kvm_irqfd_level_free().  VM close detaches first, and lowers
 *			the line again after it has quiesced
 *	guest		takes interrupts, serves some of the devices or none, and
 *			acknowledges: kvm_irqfd_level_acked()
 *	unmasker	unmasks the pin: kvm_ioapic_withhold(),
 *			masked_irq_resample_pin().  With RESTORE the line is up by a
 *			state that user space has set.  That state doesn't say that
 *			level irqfds raised it (line is 0), and the device has
 *			signalled before it
 *	router		KVM_SET_GSI_ROUTING, which gives the GSI its first route:
 *			kvm_irqfd_level_rerouted()
 *	worker		irqfd_resample_work(), for an acknowledge that may not signal
 *	device		one for each irqfd, with kvm_irqfd_level_raise().  It signals
 *			once.  When it is told, it signals again if it still, or
 *			again, wants service, as VFIO does with INTx
 *
 * What must hold
 * --------------
 * - No raise is lost: a process that lowers the line tells, after that, each irqfd
 *   that had raised it and is still attached (check_told()).  An acknowledge finds a
 *   resampler if any attached irqfd has raised (guest).  Hence, when no process can
 *   run any more, no device of a LIVE irqfd wants service (init).
 * - An irqfd that ends leaves no line up: not the GSI's last one (detach), and not
 *   those of a VM that closes (init).
 * - Memory: no irqfd or resampler is used after it was freed, or freed twice, and
 *   none is left at the end (use_*(), init).
 * - No process waits for ever: Spin's invalid end states.
 *
 * REPLACE has the four-step race of two irqfds that share a source id.  The old one
 * is off the list and a new one is there.  An acknowledge lowers the line and tells
 * the new one, which raises again.  Another acknowledge, which began with the old
 * one, lowers once more.
 *
 * What is left out, and why that hides no failure
 * -----------------------------------------------
 * Weak memory: a raise and a lowering take the irqchip's lock, which orders
 * "attached, then raised" against "lowered, then looked up".  Lists are changed under
 * a mutex, and each change is published by one store.  The router and a raise have
 * barriers, so they see each other's stores in the order that is modelled.
 *
 * Other GSIs: they share resampler_lock, and its holder waits for no other lock but
 * the irqchip's.  Other sources of the line: each has a bit in the irqchip.  The split
 * irqchip: a message in service corresponds to a line that is up.
 *
 * An irqfd's life is in irqfd.pml.  It is published after it was attached, and
 * quiesced before it is detached, except in VM close; in between it can raise.
 *
 * Acknowledges: an IOAPIC has one at a time for a pin, but a GSI may be routed to the
 * PIC as well.  With OVERLAP, acknowledges overlap freely.
 *
 * irqfds[] and resamplers[] are objects in memory, not slots for them: none is used
 * twice.  A pointer is a number, and 0 is NULL.
 *
 * How large a step is
 * -------------------
 * A step has at most one access that another process may interfere with.  The mutex
 * is held over several steps, because readers take no lock.
 *
 * BREAK_* are possible mistakes.  tests/models has their list, and Spin must find each.
 *
 * level_ack.pml is a part of this model.
 */

/*
 * The configurations, see the end.  TIMES is how often a device begins to want service;
 * -DTIMES=n searches more, and takes longer.  Devices beyond WANTING never want service,
 * and are only told.
 */
#if defined(REPLACE)
#define IRQFDS		2
#define GUESTS		1
#define UNMASKERS	0
#define MANY		1
#elif defined(OVERLAP)
#define IRQFDS		2
#define GUESTS		2
#define UNMASKERS	0
#define MANY		1
#elif defined(UNMASK)
#define IRQFDS		2
#define GUESTS		1
#define UNMASKERS	1
#define MANY		1
#elif defined(RESTORE)
#define IRQFDS		1
#define GUESTS		0
#define UNMASKERS	1
#define MANY		0
#elif defined(SHARE) || defined(BATCH)
#define IRQFDS		3
#define GUESTS		1
#define UNMASKERS	0
#define MANY		1
#elif defined(REROUTE)
#define IRQFDS		1
#define GUESTS		1
#define UNMASKERS	0
#define MANY		2
#elif defined(LEFT)
#define IRQFDS		2
#define GUESTS		1
#define UNMASKERS	0
#define MANY		1
#endif

#ifndef TIMES
#define TIMES	MANY
#endif

#if defined(BATCH) || defined(LEFT)
#define WANTING	1
#else
#define WANTING	2
#endif

/* Each configuration has two users at most. */
#define USERS	2

/* mem */
#define NONE	0
#define THERE	1
#define FREED	2

typedef irqfd_t {
	byte mem;
	byte next;		/* resampler_link */
	byte resampler;
	bit retired;		/* resampler_retired */
	bit live;		/* published and not quiesced */
	bit signalled;		/* an event is in the counter or the work queued */
	bit busy;		/* the work is running */
	/* Its device: */
	bit wants;		/* service */
	bit masked;		/* has signalled and waits to be told */
	byte again;		/* how often it will still want service */
};

typedef resampler_t {
	byte mem;
	byte first;		/* irqfds */
	byte users;
	bit up;			/* RESAMPLER_RAISED */
	bit stranded;		/* RESAMPLER_STRANDED */
	bit signal;		/* the work is queued */
};

irqfd_t irqfds[IRQFDS + 1];
resampler_t resamplers[IRQFDS + 1];
byte nr_resamplers;

byte by_gsi;			/* kvm->irqfds.resamplers, of this GSI */
bit routed;			/* has the GSI a route? */
bit closing;			/* kvm_irqfd_release() has begun */
bit working;			/* irqfd_resample_work() runs */
bit resampler_lock;

/* The irqchip; a step holds its lock. */
bit line;			/* this source's level */
bit irr;			/* the irqchip has an interrupt for the guest */

/* For the assertions only, a bit for each irqfd: */
byte attached;
byte raised;			/* since the line was last lowered */

#define B(i)	(1 << (i))

#define use_irqfd(i)		assert(irqfds[i].mem == THERE)
#define use_resampler(r)	assert(resamplers[r].mem == THERE)

inline mutex_lock()
{
	!resampler_lock;
	resampler_lock = 1
}

/*
 * kvm_irqfd_srcu: a grace period waits for the readers that are there when it begins.
 * The processes that tell are readers; users wait.
 */
byte readers;
byte wait_for[USERS];

inline srcu_read_lock(who)
{
	readers = readers | B(who)
}

inline srcu_read_unlock(who)
{
	readers = readers & ~B(who);
	wait_for[0] = wait_for[0] & ~B(who);
	wait_for[1] = wait_for[1] & ~B(who)
}

/* kvm_set_irq(..., 0); @mine: the irqfds whose raise it takes down */
inline lower()
{
	mine = raised & attached;
	raised = 0;
	line = 0;
	irr = 0
}

/* Each of these irqfds that is still attached has been told since. */
inline check_told()
{
	assert(!(mine & attached));
	mine = 0
}

#include "level_ack.pml"

/* Attach and detach */

inline kvm_irqfd_level_attach(a)
{
	atomic {
		mutex_lock();
		r = by_gsi
	};
	if
	:: !r ->
		/* irqfd_add_resampler() */
		atomic {
			nr_resamplers++;
			r = nr_resamplers;
			resamplers[r].mem = THERE;
			resamplers[r].first = a;
			resamplers[r].users = 1;
			attached = attached | B(a);
			by_gsi = r
		}
	:: else ->
		atomic {
			use_resampler(r);
			irqfds[a].next = resamplers[r].first;
			resamplers[r].first = a;
			resamplers[r].users++;
			attached = attached | B(a)
		}
	fi;
	atomic {
		irqfds[a].resampler = r;
		r = 0;
		resampler_lock = 0
	}
}

/* list_del_rcu(): a reader that is at @a can still follow its next pointer. */
inline list_del_irqfd(a)
{
	if
	:: resamplers[r].first == a -> resamplers[r].first = irqfds[a].next
	:: else ->
		i = resamplers[r].first;
		do
		:: irqfds[i].next != a -> i = irqfds[i].next
		:: else -> break
		od;
		irqfds[i].next = irqfds[a].next;
		i = 0
	fi;
	attached = attached & ~B(a)
}

/* With the mutex held, except in BREAK_UNLOCKED. */
inline lower_for(a)
{
	atomic {
		was_up = resamplers[r].up;
		resamplers[r].up = 0
	};
	if
	:: was_up || irqfds[a].retired ->
		atomic {
			lower();
			assert(!irqfds[a].retired || !mine)
		};
		if
		:: was_up && !irqfds[a].retired && !closing ->
			/* The mutex protects this walk; no grace period waits for it. */
#ifndef BREAK_STAY	/* doesn't tell the others */
			signal_all(r);
#endif
			check_told()
		:: else -> mine = 0
		fi
	:: else
	fi;
	was_up = 0
}

inline kvm_irqfd_level_detach(a)
{
	atomic {
		mutex_lock();
		use_irqfd(a);
		r = irqfds[a].resampler;
		use_resampler(r);
		list_del_irqfd(a)
	};
	if
	:: !resamplers[r].first ->
#ifndef BREAK_ERASE	/* readers still find it when the mutex is dropped */
		by_gsi = 0;
#endif
		irqfds[a].retired = 1
	:: else
	fi;
#ifndef BREAK_UNLOCKED
#ifndef BREAK_LAST	/* leaves the line up */
	lower_for(a);
#endif
	assert(!irqfds[a].retired || closing || !line);
#endif
	resampler_lock = 0;

#ifdef BREAK_UNLOCKED	/* lowers the line without the mutex */
	lower_for(a);
#endif
#ifdef BREAK_ERASE
	if
	:: irqfds[a].retired -> by_gsi = 0
	:: else
	fi;
#endif
	r = 0
}

inline synchronize_srcu()
{
#ifndef BREAK_SYNC	/* doesn't wait */
	wait_for[me] = readers;
	wait_for[me] == 0
#else
	skip
#endif
}

/* kvm_irqfd_level_close() */
inline close_line(a)
{
#ifndef BREAK_CLOSE	/* leaves the lowering to detach */
	atomic {
		was_up = resamplers[irqfds[a].resampler].up;
		resamplers[irqfds[a].resampler].up = 0
	};
	if
	:: was_up ->
		atomic {
			lower();
			mine = 0
		}
	:: else
	fi;
	was_up = 0
#else
	skip
#endif
}

/* This includes what irqfd_put_all() does. */
inline kvm_irqfd_level_free(a)
{
	atomic {
		use_irqfd(a);
		r = irqfds[a].resampler;
		use_resampler(r);
		resamplers[r].users--;
#ifdef BREAK_RETIRED	/* frees the resampler with the irqfd that was detached last */
		if
		:: !irqfds[a].retired -> r = 0
		:: else
		fi
#else
		if
		:: resamplers[r].users -> r = 0
		:: else
		fi
#endif
	};
	if
	:: r ->
#ifndef BREAK_CANCEL	/* leaves the work queued */
		resamplers[r].signal = 0;
		!working;
#endif
		atomic {
			use_resampler(r);
			resamplers[r].mem = FREED;
			r = 0
		}
	:: else
	fi;
	irqfds[a].mem = FREED
}

/* irqfd.c */

/* kvm_irqfd_assign() */
inline begin(a)
{
	irqfds[a].mem = THERE;
#ifdef BREAK_EARLY	/* is LIVE before it is attached */
	irqfds[a].live = 1;
	kvm_irqfd_level_attach(a)
#else
	kvm_irqfd_level_attach(a);
	irqfds[a].live = 1
#endif
}

/* irqfd_quiesce(): no more events, and the earlier ones are injected. */
inline quiesce(a)
{
	irqfds[a].live = 0;
	!irqfds[a].busy
}

/* irqfd_end() */
inline end_one(a)
{
#ifdef BREAK_LATE	/* can still raise when it is detached */
	kvm_irqfd_level_detach(a);
	quiesce(a);
#else
	quiesce(a);
	kvm_irqfd_level_detach(a);
#endif
	synchronize_srcu();
	kvm_irqfd_level_free(a)
}

proctype device(byte a)
{
	byte r;
	bit goes = 1;

end:	do
	:: atomic {
		irqfds[a].again && !irqfds[a].wants ->
		irqfds[a].again--;
		irqfds[a].wants = 1;
		if
		:: !irqfds[a].masked -> tell(a)
		:: else
		fi
	   }
	/* irqfd_inject_deferred(): kvm_irqfd_level_raise() */
	:: atomic {
		irqfds[a].signalled && irqfds[a].live ->
		use_irqfd(a);
		irqfds[a].signalled = 0;
		irqfds[a].busy = 1;
		r = irqfds[a].resampler
#if defined(BATCH) || defined(REROUTE)
	   /* In these configurations a raise takes several steps. */
	   };
#ifdef REROUTE
	   goes = routed;
	   if
	   :: !goes ->
		resamplers[r].stranded = 1;
#ifndef BREAK_BARRIER	/* doesn't look again */
		goes = routed
#endif
	   :: else
	   fi;
#endif
	   atomic {
		skip
#endif
		;
		if
		:: goes ->
			line = 1;
			irr = 1;
			raised = raised | B(a)
		:: else
		fi
	   };
	   atomic {
		use_resampler(r);
		resamplers[r].up = 1;
		irqfds[a].busy = 0;
		r = 0
	   }
	od
}

/* Configurations */

#if defined(REPLACE) || defined(LEFT)
/* The last irqfd of the GSI goes while another one comes, or they share it. */
proctype user(byte me)
{
	byte r, i, mine;
	bit was_up;

	begin(me + 1);
	if
	:: end_one(me + 1)
	:: skip
	fi
}
#endif

#if defined(OVERLAP) || defined(UNMASK)
/*
 * One irqfd goes and another one comes, with two acknowledges, or with an acknowledge and
 * an unmask.
 */
proctype user(byte me)
{
	byte r, i, mine;
	bit was_up;

	if
	:: me == 0 ->
		begin(1);
		run user(1);
		end_one(1)
	:: else -> begin(2)
	fi
}
#endif

#ifdef SHARE
/* The GSI has up to three irqfds, and one of them, or two, go. */
proctype user(byte me)
{
	byte r, i, mine;
	bit was_up;

	if
	:: me == 0 ->
		begin(1);
		begin(2);
		end_one(1)
	:: else ->
		begin(3);
		if
		:: end_one(3)
		:: skip
		fi
	fi
}
#endif

#ifdef BATCH
/* VM close ends two irqfds with one grace period, while a hang-up ends a third. */
proctype user(byte me)
{
	byte r, i, mine;
	bit was_up;

	if
	:: me == 0 ->
		begin(1);
		begin(2);
		/* irqfd_gather(): the VM's pointers are cleared */
		atomic {
			closing = 1;
			irqfds[1].live = 0;
			irqfds[2].live = 0;
			irqfds[3].live = 0
		};
		kvm_irqfd_level_detach(1);
		kvm_irqfd_level_detach(2);
		synchronize_srcu();
		quiesce(1);
		quiesce(2);
		close_line(1);
		close_line(2);
		kvm_irqfd_level_free(1);
		kvm_irqfd_level_free(2)
	:: else ->
		begin(3);
		end_one(3)
	fi
}
#endif

#if defined(REROUTE) || defined(RESTORE)
/* An irqfd is there, comes or goes while the GSI gets its route or is unmasked. */
proctype user(byte me)
{
	byte r, i, mine;
	bit was_up;

	if
	:: me == 0 ->
		begin(1);
		if
		:: end_one(1)
		:: skip
		fi
	:: else
	fi
}
#endif

#ifdef LEFT
#define WORKERS	1
#else
#define WORKERS	0
#endif

init {
	byte k;

	atomic {
#ifdef RESTORE
		/* A restored state has the line up: the irqfd had raised it in another VM. */
		irr = 1;
		raised = B(1);
		irqfds[1].wants = 1;
		irqfds[1].masked = 1;
#endif
		/* First the processes that never end. */
#if GUESTS
		for (k : 0 .. GUESTS - 1) {
			run guest(k)
		}
#endif
		for (k : 1 .. IRQFDS) {
			irqfds[k].again = (k <= WANTING -> TIMES : 0);
			run device(k)
		}
#if UNMASKERS
		run unmasker(GUESTS);
#endif
#ifdef LEFT
		run worker(GUESTS);
#endif
#ifdef REROUTE
		run router(GUESTS);
#else
		routed = 1;
#endif
		run user(0);
#if !defined(OVERLAP) && !defined(UNMASK) && !defined(REROUTE) && !defined(RESTORE)
		run user(1)
#endif
	}

	/* When no process can run any more: */
	timeout;
	_nr_pr <= 1 + GUESTS + IRQFDS + UNMASKERS + WORKERS;
	atomic {
		for (k : 1 .. IRQFDS) {
			assert(!irqfds[k].live || !irqfds[k].wants);
			assert(!irqfds[k].live || !irqfds[k].masked);
			assert(irqfds[k].live == (irqfds[k].mem == THERE));
			assert(resamplers[k].mem != THERE || k == by_gsi)
		}
		assert(!resampler_lock);
		assert(by_gsi || !line)
	}
}
