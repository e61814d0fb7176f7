// SPDX-License-Identifier: GPL-2.0-only
/*
 * A part of level.pml: the guest acknowledges or unmasks, and irqfds are told.
 */

/*
 * A device that is told signals at once if it wants service.  A device that reacts
 * later is the same as an event that waits longer.
 */
inline tell(a)
{
	irqfds[a].masked = irqfds[a].wants;
	irqfds[a].signalled = irqfds[a].signalled | irqfds[a].wants
}

/* Tell each irqfd that is on the list now. */
inline signal_all(list)
{
	atomic {
		use_resampler(list);
		i = resamplers[list].first
	};
	do
	:: i ->
		/* eventfd_signal() */
		atomic {
			use_irqfd(i);
			tell(i);
			mine = mine & ~B(i)
		};
		atomic {
			use_irqfd(i);
			i = irqfds[i].next
		}
	:: else -> break
	od
}

/* Tell the irqfds of the GSI's present resampler; @r0 was it when the acknowledge began. */
inline tell_gsi()
{
#ifdef BREAK_OWN_LIST	/* tells those of @r0 */
	r = r0;
#else
	r = by_gsi;
#endif
	if
	:: r ->
#ifdef LEFT
		atomic {
			use_resampler(r);
			resamplers[r].signal = 1;
			mine = 0
		};
#else
		signal_all(r);
#endif
		r = 0
	:: else
	fi
}

inline kvm_irqfd_level_acked()
{
	if
	:: r0 ->
		atomic {
			use_resampler(r0);
			resamplers[r0].up = 0
		};
#ifdef BREAK_ORDER	/* tells, then lowers */
		tell_gsi();
#endif
		atomic {
			lower()
		};
#ifndef BREAK_ORDER
		tell_gsi();
#endif
		check_told()
	:: else
	fi
}

proctype guest(byte me)
{
	byte r0, r, i, mine;

end:	do
	:: atomic {
		/* Without irqfds in a closing VM the loop would never end. */
		irr && (by_gsi || !closing) ->
		/* The handler serves any of the devices. */
		i = 1;
		do
		:: i <= IRQFDS -> irqfds[i].wants = 0; i++
		:: i <= IRQFDS -> i++
		:: i > IRQFDS -> break
		od;
		i = 0
	   };

	   atomic {
		srcu_read_lock(me);
		r0 = by_gsi;
		assert(r0 || !(raised & attached))
	   };
	   kvm_irqfd_level_acked();
	   atomic {
		r0 = 0;
		srcu_read_unlock(me)
	   }
	od
}

#if UNMASKERS
proctype unmasker(byte me)
{
	byte r0, r, i, mine, before;

end:	atomic {
#if defined(RESTORE)
		/* Only with irqfds: without them this KVM lowers nothing. */
#ifdef BREAK_SOURCE	/* takes back only what level irqfds are known to have raised */
		irr && by_gsi && line ->
#else
		irr && by_gsi ->
#endif
		/* The handler serves the device; the pin is masked and acknowledged. */
		irqfds[1].wants = 0;
#else
		irr ->
#endif
		/* kvm_ioapic_withhold() */
		lower();
		before = mine
	};

	/* masked_irq_resample_pin(): all of the GSI's routes, with the lock dropped */
	atomic {
		srcu_read_lock(me);
		r0 = by_gsi
	};
#ifdef BREAK_EARLY_TELL	/* tells while routes are still to be lowered */
	mine = before;
	tell_gsi();
#endif
	atomic {
		lower();
		mine = (mine | before) & attached
	};
#ifndef BREAK_EARLY_TELL
	tell_gsi();
#endif
	atomic {
		check_told();
		before = 0;
		r0 = 0;
		srcu_read_unlock(me)
	}
}
#endif

#ifdef REROUTE
/* kvm_irqfd_level_rerouted(), after the table was replaced */
proctype router(byte me)
{
	byte r, i, mine;

	routed = 1;
	atomic {
		srcu_read_lock(me);
		r = by_gsi
	};
	if
	:: r && resamplers[r].stranded ->
		resamplers[r].stranded = 0;
		signal_all(r)
	:: else
	fi;
	atomic {
		r = 0;
		srcu_read_unlock(me)
	}
}
#endif

#ifdef LEFT
/* irqfd_resample_work(), for either of the two resamplers */
proctype worker(byte me)
{
	byte k, i, mine;

end:	do
	:: atomic {
		resamplers[1].signal || resamplers[2].signal ->
		k = (resamplers[1].signal -> 1 : 2);
		resamplers[k].signal = 0;
		working = 1;
		srcu_read_lock(me)
	   };
	   signal_all(k);
	   atomic {
		k = 0;
		working = 0;
		srcu_read_unlock(me)
	   }
	od
}
#endif
