// SPDX-License-Identifier: GPL-2.0-only
/*
 * A model of masks and moves of an irqfd, to be read beside virt/kvm/irqfd_control.c and
 * irqfd_bypass.c.  Names are those of the C code where it has one.  tests/models runs Spin
 * on it.
 *
 * Processes
 * ---------
 *	device		interrupts TIMES times: by the hardware if that posts the
 *			interrupt, and otherwise it signals the eventfd
 *	worker		the lane that has what the wake-up leaves to it
 *	masker		masks the irqfd, and unmasks it
 *	mover		moves it from GSI 0 to GSI 1
 *	producer	registers with the bypass manager, and goes (or stays)
 *	deassigner	DEASSIGN, by one GSI and then by the other (ENDS)
 *
 * What must hold
 * --------------
 * - After a mask has returned nothing is injected until the unmask is called, neither by
 *   KVM nor by the hardware; after a move nothing by the former GSI; after a DEASSIGN
 *   nothing (inject()).
 * - Nothing is lost: each event is followed by an injection, unless a DEASSIGN comes first
 *   (init).  None is injected twice: there are no more injections than events (inject()).
 * - In the end the hardware posts for a producer that is there, by the irqfd's GSI (init).
 * - A DEASSIGN that returns has ended the irqfd, if it was at that GSI (deassigner), and
 *   no call uses it after that (use_irqfd()).
 * - Nobody waits for ever: Spin's invalid end states.
 *
 * What is left out, and why that hides no failure
 * -----------------------------------------------
 * Weak memory: the wait queue's lock, kvm->irqfds.lock and the pair's mutex have all that
 * is shared, but IRQFD_PENDING, deferred and done, which irqfd.pml relies on, too.  A
 * section of the wait queue's lock, in which no other lock is waited for but
 * kvm->irqfds.lock, is one step here.
 *
 * Hang-up and VM close: the calls have both files.  NEW irqfds: irqfd.pml.  Routes: what
 * the hardware is told when they change is told under kvm->irqfds.lock, and only with a
 * connected producer.
 *
 * BREAK_* are possible mistakes.  tests/models has their list, and Spin must find each.
 */

#define TIMES	2

#define LIVE	0
#define HOLD	1
#define ENDING	2

mtype = { MASK, UNMASK, MOVE };

#define OK	0
#define ENOENT	1
#define EINTR	2

/* The irqfd. */
byte func;
bit on_queue = 1;
bit owned;
bit masked, held;
byte gsi;
bit pending;
byte deferred, done;
bit freed;

/* Its bypass: of the consumer, of the manager's pair, and of the hardware. */
bit bypass_held, bypass_waits, bypass_link;
bit registered = 1;
bit pair;
bit there;
byte posted_to;

/* What must not happen, and what must. */
bit no_injection, quiet, due;
bit stale[2];
byte events, injections;
bit work;
#ifdef BREAK_SECTION
bit looked;
#endif

#define idle	(done == deferred)

inline use_irqfd()
{
	assert(!freed)
}

inline inject(g)
{
	assert(!no_injection);
	assert(!quiet);
	assert(!stale[g]);
	injections++;
	assert(injections <= events)
}

/* In the wake-up, or left to the worker. */
inline kvm_irqfd_event()
{
	if
	:: inject(gsi) -> due = 0
	:: !pending ->
		pending = 1;
		deferred++;
		work = 1
	:: pending
	fi
}

inline eventfd_signal()
{
	if
	:: !on_queue || func == ENDING -> due = 0
	:: on_queue && func == LIVE ->
		use_irqfd();
		kvm_irqfd_event()
	:: on_queue && func == HOLD ->
		use_irqfd();
		held = 1
	fi
}

proctype device()
{
	byte times = TIMES;

	do
	:: times > 0 ->
		atomic {
			events++;
			due = 1;
			if
			:: posted_to -> inject(posted_to - 1) -> due = 0
			:: else -> eventfd_signal()
			fi;
			times--
		}
	:: else -> break
	od
}

proctype worker()
{
	byte g;

end:	do
	:: atomic {
		work ->
		work = 0;
		use_irqfd();
		pending = 0
	   };
	   atomic {
		use_irqfd();
		g = gsi;
		/* It relies on this injection, as it comes before it. */
		due = 0
	   };
	   atomic {
		use_irqfd();
		inject(g)
	   };
	   atomic {
		use_irqfd();
		g = 0;
		done++
	   }
	od
}

/* The callbacks, under the pair's mutex. */

inline add_producer()
{
	atomic {
		use_irqfd();
#ifdef BREAK_PARK	/* connects it though producers are held back */
		bypass_link = 1
#else
		if
		:: bypass_held -> bypass_waits = 1
		:: else -> bypass_link = 1
		fi
#endif
	};
	atomic {
		if
		:: bypass_link -> posted_to = gsi + 1
		:: else
		fi
	}
}

inline del_producer()
{
	atomic {
		use_irqfd();
		if
		:: bypass_waits -> bypass_waits = 0
		:: else -> posted_to = 0
		fi
	};
	bypass_link = 0
}

inline lock_pair()
{
	atomic {
		!pair -> pair = 1
	}
}

inline kvm_irqfd_bypass_stop()
{
	lock_pair();
	if
	:: registered && there -> del_producer()
	:: else
	fi;
	atomic {
		registered = 0;
		pair = 0
	}
}

inline kvm_irqfd_bypass_start()
{
	lock_pair();
	registered = 1;
	if
	:: there -> add_producer()
	:: else
	fi;
	pair = 0
}

inline kvm_irqfd_bypass_reconnect()
{
	kvm_irqfd_bypass_stop();
	kvm_irqfd_bypass_start()
}

proctype producer()
{
	lock_pair();
	there = 1;
	if
	:: registered -> add_producer()
	:: else
	fi;
	pair = 0;
	if
	:: true ->
		lock_pair();
		if
		:: registered -> del_producer()
		:: else
		fi;
		there = 0;
		pair = 0
	:: true
	fi
}

/* The calls */

inline kvm_irqfd_release_events()
{
	func = LIVE;
	if
	:: held ->
		held = 0;
		kvm_irqfd_event()
	:: else
	fi
}

/* @slow: it has to be finished by irqfd_control_finish(). */
inline irqfd_mask()
{
	masked = 1;
	func = HOLD;
	bypass_held = 1;
	reconnect = bypass_link;
#ifdef BREAK_BYPASS	/* leaves the producer connected */
	reconnect = 0;
#endif
	slow = reconnect || !idle;
#ifdef BREAK_FLUSH	/* doesn't wait for the worker */
	slow = reconnect
#endif
}

inline irqfd_unmask()
{
	masked = 0;
	bypass_held = 0;
	reconnect = bypass_waits;
#ifdef BREAK_BACK	/* leaves a producer that waits */
	reconnect = 0;
#endif
	slow = reconnect;
#ifdef BREAK_SECTION	/* has looked for an event before it had the lock */
	held = held && looked;
#endif
	if
	:: !slow -> kvm_irqfd_release_events()
	:: else
	fi
}

inline irqfd_move()
{
	if
#ifdef BREAK_CONNECTED	/* changes the GSI of a producer that is connected */
	:: idle -> gsi = 1
	:: !idle ->
#else
	:: idle && !bypass_link -> gsi = 1
	:: !idle || bypass_link ->
#endif
#ifndef BREAK_HOLD	/* lets events come in while it waits */
		func = HOLD;
#endif
		bypass_held = 1;
		reconnect = bypass_link;
		slow = 1
	fi
}

/* Sets @ret, and @slow if the call is the owner now. */
inline irqfd_control_begin(op)
{
#ifdef BREAK_SECTION
	looked = held;
#endif
	do
	:: atomic {
		!on_queue || func == ENDING && !owned -> ret = ENOENT;
		break
	   }
	:: atomic {
		on_queue && !owned && func != ENDING ->
		use_irqfd();
		ret = OK;
		slow = 0;
		reconnect = 0;
		if
		:: op == MASK -> irqfd_mask()
		:: op == UNMASK -> irqfd_unmask()
		:: op == MOVE -> irqfd_move()
		fi;
#ifdef BREAK_OWN	/* isn't the owner while it waits */
		skip;
#else
		owned = slow;
#endif
		break
	   }
	od
}

inline irqfd_control_finish(op)
{
	if
	:: reconnect -> kvm_irqfd_bypass_reconnect()
	:: else
	fi;
	if
	:: op == UNMASK
	:: op != UNMASK && idle
#ifdef KILLED
	:: op != UNMASK -> ret = EINTR
#endif
	fi;
	if
	:: op == MOVE ->
		atomic {
			use_irqfd();
			reconnect = 0;
			if
			:: ret == OK ->
				assert(!bypass_link);
				gsi = 1
			:: else
			fi;
			if
			:: !masked ->
				bypass_held = 0;
				reconnect = bypass_waits
			:: else
			fi
		};
		if
		:: reconnect -> kvm_irqfd_bypass_reconnect()
		:: else
		fi
	:: else
	fi;
	atomic {
		use_irqfd();
		if
		:: !masked -> kvm_irqfd_release_events()
		:: else
		fi;
		owned = 0
	}
}

inline kvm_irqfd_control(op)
{
	irqfd_control_begin(op);
	if
	:: ret == OK && slow -> irqfd_control_finish(op)
	:: else
	fi
}

proctype masker()
{
	bit slow, reconnect;
	byte ret;

	kvm_irqfd_control(MASK);
	if
	:: ret == OK -> no_injection = 1
	:: else
	fi;
	no_injection = 0;
	kvm_irqfd_control(UNMASK)
}

proctype mover()
{
	bit slow, reconnect;
	byte ret;

	kvm_irqfd_control(MOVE);
	if
	:: ret == OK -> stale[0] = 1
	:: else
	fi
}

#ifdef ENDS
/* What is held is gone. */
inline irqfd_end()
{
	kvm_irqfd_bypass_stop();
	atomic {
		use_irqfd();
		func = ENDING;
		if
		:: held ->
			held = 0;
			due = 0
		:: else
		fi
	};
	idle;
	atomic {
		on_queue = 0;
		owned = 0;
		freed = 1;
		quiet = 1
	}
}

proctype deassigner()
{
	byte by = 0;
	bit found;

	do
	:: by < 2 ->
		do
		:: atomic {
			!on_queue || gsi != by -> break
		   }
		:: atomic {
			on_queue && gsi == by && !owned ->
			owned = 1;
			found = 1
		   };
		   irqfd_end();
		   break
#ifdef BREAK_AGAIN	/* doesn't look again after it has waited */
		:: atomic {
			on_queue && gsi == by && owned -> found = 1
		   };
		   !owned || !on_queue;
		   break
#endif
		od;
		assert(!found || freed);
		by++
	:: else -> break
	od
}
#endif

init {
	atomic {
		/* First the process that never ends. */
		run worker();
		run device();
		run masker();
		run mover();
		run producer();
#ifdef ENDS
		run deassigner()
#endif
	}

	/* When no process can run any more, all others have ended. */
	timeout;
	_nr_pr == 2;
	atomic {
		assert(!owned && !pair && !held && !due);
		assert(!masked || freed);
		assert(freed || idle);
		assert(freed || !there || posted_to == gsi + 1);
		assert(there || !posted_to)
	}
}
