// SPDX-License-Identifier: GPL-2.0-only
/*
 * Level irqfds: virt/kvm/irqfd_level.c, and of virt/kvm/irq_ack.c the list that
 * it is called from; to be read beside them.  Names are those of the C where it
 * has one; tests/models does the search.
 *
 * Who runs
 * --------
 *	user		KVM_IRQFD, the works and VM close, as far as they call in
 *			here: kvm_irqfd_level_attach() before an irqfd is LIVE;
 *			when it is quiesced kvm_irqfd_level_detach(),
 *			kvm_irqfd_level_synchronize(), kvm_irqfd_level_free()
 *	guest		takes interrupts, looks after some of the devices or none,
 *			and acknowledges: kvm_notify_acked_gsi()
 *	unmasker	the irqchip that calls kvm_notify_irqfd_resampler() rather
 *			than inject what it has withheld
 *	device		one for each irqfd, with its irqfd_inject().  It signals
 *			once, and then only if it still, or again, wants service
 *			when it is told through the resamplefd, as VFIO does with
 *			INTx
 *
 * What must hold
 * --------------
 * - No raise is swallowed: who lowers the line tells all who had raised it and
 *   are still attached, and tells them afterwards (check_told()).  An acknowledge
 *   does that once if there is anybody who has raised (guest).  Hence, when
 *   nothing moves any more, no device of a LIVE irqfd wants service (init).
 * - Who lowers the line because the last irqfd goes takes down no other's raise,
 *   and does take it down (kvm_irqfd_level_detach()).
 * - kvm_notify_irqfd_resampler() says true only if it has told somebody
 *   (unmasker).
 * - Memory: no irqfd or resampler is used when it is freed, or freed twice, and
 *   none is left over (use_*(), init).
 * - Nobody waits for ever: Spin's invalid end states.
 *
 * What is left out, and why nothing is missed for it
 * --------------------------------------------------
 * Weak memory: a raise and a lowering are under the irqchip's lock, and that is
 * what orders "attached, then raised" against "lowered, then looked up".  Lists are
 * changed under a mutex and published by one store each.
 *
 * Other GSIs: they share resampler_lock, under which nothing is waited for but
 * the irqchip's lock, and the list of notifiers, of which another GSI's are
 * skipped.  Other sources of the line: they have a bit each in the irqchip.
 *
 * kvm->irq_lock is innermost and guards one store, which is a step.
 *
 * An irqfd's life is irqfd.pml's.  From there: it can raise from when it is
 * published, which is after it was attached, until it was quiesced, which is
 * before it is detached.
 *
 * Acknowledges: an IOAPIC has one at a time for a pin, but a GSI may be on the
 * PIC's as well.  With OVERLAP they overlap as they like.
 *
 * irqfds[] and resamplers[] are objects in memory, not places for them: none is
 * used twice.  A pointer is a number, and 0 is NULL.
 *
 * How large a step is
 * -------------------
 * A step has at most one access that another process may interfere with.  The
 * mutex is held over several, because readers take no lock.
 *
 * BREAK_* are mistakes that one could make; tests/models has the list, and each
 * has to be found.
 */

/*
 * The configurations, see the end.  TIMES is how often a device comes to want
 * service; more of it with -D, for who has the time.  A third device never does,
 * and is only told.
 */
#if defined(REPLACE)
#define IRQFDS		2
#define GUESTS		1
#define UNMASKERS	0
#define MANY		2
#elif defined(OVERLAP)
#define IRQFDS		2
#define GUESTS		2
#define UNMASKERS	0
#define MANY		1
#elif defined(UNMASK)
#define IRQFDS		2
#define GUESTS		1
#define UNMASKERS	1
#define MANY		2
#elif defined(SHARE) || defined(BATCH)
#define IRQFDS		3
#define GUESTS		1
#define UNMASKERS	0
#define MANY		1
#endif

#ifndef TIMES
#define TIMES	MANY
#endif

/* All of them have two users. */
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
	/* Its device: */
	bit wants;		/* service */
	bit masked;		/* has signalled and waits to be told */
	byte again;		/* how often it will want service yet */
};

typedef resampler_t {
	byte mem;
	byte first;		/* irqfds */
	byte next;		/* in the list of acknowledge notifiers */
};

irqfd_t irqfds[IRQFDS + 1];
resampler_t resamplers[IRQFDS + 1];
byte nr_resamplers;

byte by_gsi;			/* kvm->irqfds.resamplers, of this GSI */
byte notifiers;			/* kvm->irq_ack_notifier_list */
bit resampler_lock;

bit chip_lock;			/* the irqchip's */
bit line;			/* this source's level */
bit irr;			/* the irqchip has an interrupt for the guest */

/* For what must hold only, by bits for irqfds: */
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
 * kvm->irq_srcu: a grace period waits for the readers that there are when it
 * begins.  Readers are guests and the unmasker; users wait.
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

/* kvm_set_irq(..., 0): whose raise is it that this takes down? */
inline lower()
{
	mine = raised & attached;
	raised = 0;
	line = 0;
	irr = 0
}

/* Each that is still attached has been told since. */
inline check_told()
{
	assert(!(mine & attached));
	mine = 0
}

/* Acknowledge */

/*
 * When it is told it signals again at once if it has to: that somebody hears of
 * it later is the same as that the event waits longer.
 */
inline tell(a)
{
	irqfds[a].masked = irqfds[a].wants;
	irqfds[a].signalled = irqfds[a].signalled | irqfds[a].wants
}

/* For @kian; tells who is there now, whoever that belongs to. */
inline notify_gsi()
{
#ifdef BREAK_LOCK	/* takes the mutex */
	atomic {
		mutex_lock()
	};
#endif
#ifdef BREAK_OWN_LIST	/* tells @kian's own */
	r = kian;
#else
	r = by_gsi;
#endif
	found = 0;
	heard = 0;
	if
	:: r ->
		atomic {
			use_resampler(r);
			i = resamplers[r].first
		};
#ifdef BREAK_FOUND	/* takes a resampler for an irqfd */
		found = 1;
#endif
		do
		:: i ->
			/* eventfd_signal() */
			atomic {
				use_irqfd(i);
				tell(i);
				mine = mine & ~B(i);
				found = 1;
				heard = 1
			};
			atomic {
				use_irqfd(i);
				i = irqfds[i].next
			}
		:: else -> break
		od;
		r = 0
	:: else
	fi;
#ifdef BREAK_LOCK
	resampler_lock = 0
#endif
}

inline resampler_acked()
{
#ifdef BREAK_ORDER	/* tells, then lowers */
	notify_gsi();
#endif
	atomic {
		!chip_lock;
		lower()
	};
#ifndef BREAK_ORDER
	notify_gsi();
#endif
	atomic {
		check_told()
	}
}

proctype guest(byte me)
{
	byte kian, r, i, mine;
	bit found, heard;

end:	do
	:: atomic {
		irr ->
		/* The handler: which of the devices does it look after? */
		i = 1;
		do
		:: i <= IRQFDS -> irqfds[i].wants = 0; i++
		:: i <= IRQFDS -> i++
		:: i > IRQFDS -> break
		od;
		i = 0
	   };

	   /* kvm_notify_acked_gsi() */
	   atomic {
		srcu_read_lock(me);
		kian = notifiers;
		assert(kian || !(raised & attached))
	   };
	   if
	   :: kian ->
		use_resampler(kian);
		resampler_acked();
		/* No other of this GSI comes after it: it is lowered once. */
		atomic {
			use_resampler(kian);
			assert(!resamplers[kian].next)
		}
	   :: else
	   fi;
	   atomic {
		kian = 0;
		found = 0;
		heard = 0;
		srcu_read_unlock(me)
	   }
	od
}

#if UNMASKERS
/* An IOAPIC's pin is unmasked.  Its lock is held all the time. */
proctype unmasker(byte me)
{
	byte kian, r, i, mine;
	bit found, heard;

end:	atomic {
		irr && !chip_lock ->
		chip_lock = 1;
		mine = raised & attached
	};

	/* kvm_notify_irqfd_resampler() */
	atomic {
		srcu_read_lock(me)
	};
	notify_gsi();
	atomic {
		srcu_read_unlock(me)
	};

	atomic {
		assert(!found || heard);
		if
		:: found ->
			check_told();
			raised = 0;
			irr = 0
		:: else
		fi;
		chip_lock = 0
	}
}
#endif

/* Attach and detach */

inline kvm_irqfd_level_attach(a)
{
	atomic {
		mutex_lock();
		r = by_gsi
	};
	if
	:: !r ->
		/* add_resampler() */
		atomic {
			nr_resamplers++;
			r = nr_resamplers;
			resamplers[r].mem = THERE;
			by_gsi = r
		};
		atomic {
			resamplers[r].first = a;
			attached = attached | B(a)
		};
		/* kvm_register_irq_ack_notifier() */
		atomic {
			resamplers[r].next = notifiers;
			notifiers = r
		}
	:: else ->
		atomic {
			use_resampler(r);
			irqfds[a].next = resamplers[r].first;
			resamplers[r].first = a;
			attached = attached | B(a)
		}
	fi;
	atomic {
		irqfds[a].resampler = r;
		r = 0;
		resampler_lock = 0
	}
}

/* list_del_rcu(): who stands on it may go on from there. */
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

/*
 * hlist_del_init_rcu(): likewise.  There is no other resampler of this GSI on the
 * list, for they get on and off it under the mutex.
 */
inline list_del_notifier()
{
	assert(notifiers == r);
	notifiers = resamplers[r].next
}

inline lower_for_last()
{
	atomic {
		!chip_lock;
		lower();
		assert(!mine)
	}
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
#ifndef BREAK_ERASE	/* can still be looked up when the mutex is dropped */
		by_gsi = 0;
#endif
		atomic {
			list_del_notifier()
		};
#ifndef BREAK_UNLOCKED
#ifndef BREAK_LAST	/* leaves the line up */
		lower_for_last();
#endif
		assert(!line);
#endif
		irqfds[a].retired = 1
	:: else
	fi;
	resampler_lock = 0;

#ifdef BREAK_UNLOCKED	/* takes the line down without the mutex */
	if
	:: irqfds[a].retired -> lower_for_last()
	:: else
	fi;
#endif
#ifdef BREAK_ERASE
	if
	:: irqfds[a].retired -> by_gsi = 0
	:: else
	fi;
#endif
	r = 0
}

inline kvm_irqfd_level_synchronize()
{
#ifndef BREAK_SYNC	/* doesn't wait */
	wait_for[me] = readers;
	wait_for[me] == 0
#else
	skip
#endif
}

/* With it goes what irqfd_free() does. */
inline kvm_irqfd_level_free(a)
{
	atomic {
		use_irqfd(a);
		if
		:: irqfds[a].retired ->
			r = irqfds[a].resampler;
			use_resampler(r);
			resamplers[r].mem = FREED;
			r = 0
		:: else
		fi;
		irqfds[a].mem = FREED
	}
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

/* irqfd_quiesce() */
inline quiesce(a)
{
#ifdef BREAK_LATE	/* can still raise when it is detached */
	kvm_irqfd_level_detach(a);
	irqfds[a].live = 0
#else
	irqfds[a].live = 0;
	kvm_irqfd_level_detach(a)
#endif
}

/* irqfd_end() */
inline end_one(a)
{
	quiesce(a);
	kvm_irqfd_level_synchronize();
	kvm_irqfd_level_free(a)
}

proctype device(byte a)
{
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
	/* irqfd_inject(): kvm_set_irq(..., 1) */
	:: atomic {
		irqfds[a].signalled && irqfds[a].live && !chip_lock ->
		use_irqfd(a);
		irqfds[a].signalled = 0;
		line = 1;
		irr = 1;
		raised = raised | B(a)
	   }
	od
}

/* Configurations */

#ifdef REPLACE
/* The last irqfd of the GSI goes while another one comes, or they share it. */
proctype user(byte me)
{
	byte r, i, mine;

	begin(me + 1);
	if
	:: end_one(me + 1)
	:: skip
	fi
}
#endif

#if defined(OVERLAP) || defined(UNMASK)
/* One goes, another one comes; two acknowledge, or one does and one unmasks. */
proctype user(byte me)
{
	byte r, i, mine;

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
/* The list has up to three, and one of them goes. */
proctype user(byte me)
{
	byte r, i, mine;

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
/* VM close: one wait for two, while a hang-up ends the third. */
proctype user(byte me)
{
	byte r, i, mine;

	if
	:: me == 0 ->
		begin(1);
		begin(2);
		quiesce(1);
		quiesce(2);
		kvm_irqfd_level_synchronize();
		kvm_irqfd_level_free(1);
		kvm_irqfd_level_free(2)
	:: else ->
		begin(3);
		end_one(3)
	fi
}
#endif

init {
	byte k;

	atomic {
		/* First those who never end. */
		for (k : 0 .. GUESTS - 1) {
			run guest(k)
		}
		for (k : 1 .. IRQFDS) {
			irqfds[k].again = (k < 3 -> TIMES : 0);
			run device(k)
		}
#if UNMASKERS
		run unmasker(GUESTS);
#endif
		run user(0);
#if !defined(OVERLAP) && !defined(UNMASK)
		run user(1)
#endif
	}

	/* When nothing moves any more ... */
	timeout;
	_nr_pr <= 1 + GUESTS + IRQFDS + UNMASKERS;
	atomic {
		for (k : 1 .. IRQFDS) {
			assert(!irqfds[k].live || !irqfds[k].wants);
			assert(irqfds[k].live == (irqfds[k].mem == THERE));
			assert(resamplers[k].mem != THERE || k == by_gsi)
		}
		assert(!resampler_lock && !chip_lock)
	}
}
