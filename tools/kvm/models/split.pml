// SPDX-License-Identifier: GPL-2.0-only
/*
 * Level irqfds with a split irqchip: arch/x86/kvm/split_level.c, and of x86.c what
 * a vCPU does with a request; to be read beside them.  Names are those of the C
 * where it has one; tests/models does the search.
 *
 * Who runs
 * --------
 *	worker		kvm_arch_irqfd_level_raise(), for a device that signals when it
 *			is told, and TIMES times in all
 *	vcpu		scans, enters the guest, takes an interrupt, sends the EOI
 *	router		KVM_SET_GSI_ROUTING: the pin's message has the other vector, and
 *			with MASKED the pin is masked in between
 *
 * What must hold
 * --------------
 * - No EOI of a message passes unseen: when nothing moves any more, nothing is in
 *   service, and the device has been told as often as it has signalled (init).
 * - The worker doesn't wait for ever with the lock held: Spin's invalid end states.
 *
 * What is left out, and why nothing is missed for it
 * --------------------------------------------------
 * Weak memory: "emptied the set, then looked for messages" and "noted the message,
 * then looked at the set" have the same lock between them.  A request and the mode
 * of the vCPU have full barriers in kvm_make_vcpus_request_mask() and in
 * vcpu_enter_guest(), and are here in one order for all.
 *
 * Several vCPUs: each has a set and requests of its own, and the worker treats one
 * after the other before it sends.  Several pins: each has a message of its own, and
 * the lock is the same.
 *
 * That a vector isn't handled for ever: what a scan finds too much does no harm
 * here.  A GSI that gets its first route is level.pml's.
 *
 * A local APIC that gets another state, or another id, while a message is on its
 * way; nested guests; AVIC, which goes by the trigger mode and by no set.
 *
 * How large a step is
 * -------------------
 * A step has at most one access that another process may interfere with.
 *
 * BREAK_* are mistakes that one could make; tests/models has the list, and each
 * has to be found.
 */

/*
 * The configurations: an interrupt that is taken when the guest is entered, or one
 * that is posted to a vCPU in the guest (POSTED), or the former with a pin that is
 * masked in between (MASKED).
 */
#ifndef TIMES
#define TIMES	3
#endif
#ifndef TABLES
#define TABLES	2
#endif

/* The two vectors, as bits. */
#define FIRST	1
#define SECOND	2

byte table = FIRST;		/* the vector of the pin's message, 0 if masked */
bit stranded;			/* RESAMPLER_STRANDED */
bit reading;			/* the worker is in a read section of irq_srcu */

bit lock;			/* split->lock */
byte noted;			/* the vector in service, or 0 */

bit request;			/* KVM_REQ_SCAN_IOAPIC */
bit in_guest;
byte handled = FIRST;		/* ioapic_handled_vectors, as the hardware has it */
byte pir, irr, isr;

bit signalled = 1;
byte again = TIMES;		/* how often the device will signal yet */
bit routing;			/* the router isn't through */

inline spin_lock()
{
	!lock;
	lock = 1
}

/* Until it has left the guest, which it doesn't enter with a request. */
inline make_request()
{
	request = 1;
	!in_guest || !request
}

inline make_handled(v)
{
	if
#if defined(BREAK_NEW)		/* trusts that a new table has been scanned */
	:: !(handled & v) && v != table ->
#elif defined(BREAK_OLD)	/* trusts that an old one isn't used any more */
	:: !(handled & v) && v == table ->
#else
	:: !(handled & v) ->
#endif
		make_request()
	:: else
	fi
}

inline send_message(v)
{
#ifdef POSTED
	pir = pir | v
#else
	irr = irr | v
#endif
}

/* The device signals when it is told, but not for ever. */
inline tell()
{
	atomic {
		signalled = again > 0;
		again = (again -> again - 1 : 0)
	}
}

proctype worker()
{
	byte v;

end:	do
	:: atomic {
		signalled ->
		signalled = 0;
		reading = 1
	   };
#ifdef BREAK_STRAND	/* first, and takes it back when it has sent */
	   stranded = 1;
	   v = table;
#else
	   v = table;
	   if
	   :: !v ->
		stranded = 1;
		v = table
	   :: else
	   fi;
#endif
	   if
	   :: !v ->
		goto waits
	   :: else
	   fi;
	   atomic {
		spin_lock()
	   };
	   if
	   :: !noted ->
		noted = v;
#ifndef BREAK_LATE	/* asks when it has been sent */
		make_handled(v);
#endif
		send_message(v);
#ifdef BREAK_LATE
		make_handled(v);
#endif
	   :: else
	   fi;
	   lock = 0;
#ifdef BREAK_STRAND
	   stranded = 0;
#endif
waits:	   atomic {
		reading = 0;
		v = 0
	   }
	od
}

/* vcpu_scan_ioapic() */
inline scan()
{
	request = 0;
	before = handled;
#ifdef BREAK_EMPTY	/* looks for messages, and then empties the set */
	found = noted;
	handled = found;
#else
	handled = 0;
#endif
	/* sync_pir_to_irr() */
	atomic {
		irr = irr | pir;
		pir = 0
	};
	/* kvm_scan_ioapic_routes() */
	handled = handled | table;
#ifndef BREAK_EMPTY
	/* kvm_split_scan_sent() */
	atomic {
		spin_lock()
	};
#ifdef BREAK_PENDING	/* only what is pending */
	found = noted & (irr | isr);
#else
	found = noted;
#endif
	handled = handled | found;
	lock = 0;
#endif
	/* kvm_apic_keep_stale() */
	atomic {
		handled = handled | (before & (irr | isr));
		before = 0;
		found = 0
	}
}

inline take(from)
{
	isr = (from & FIRST -> FIRST : SECOND);
	from = from & ~isr
}

proctype vcpu()
{
	byte before, found, v;

end:	do
	:: !in_guest && request -> scan()
	:: atomic {
		!in_guest && !request && irr && !isr ->
		take(irr)
	   }
	/* Sets the mode, looks for requests, and stays out if there is one. */
	:: atomic {
		!in_guest && !request && (!irr || isr) ->
		in_guest = 1;
		irr = irr | pir;
		pir = 0
	   }
	:: atomic {
		in_guest && pir && !isr ->
		take(pir)
	   }
	/* Kicked, or to take an interrupt. */
	:: atomic {
		in_guest && (request || (irr && !isr)) ->
		in_guest = 0
	   }
	:: atomic {
		in_guest && isr ->
		v = isr;
		isr = 0;
		if
		:: handled & v -> in_guest = 0
		:: else -> v = 0
		fi
	   };
	   if
	   :: v ->
		/* kvm_split_acked() */
		atomic {
			spin_lock();
			v = (noted == v);
			noted = (v -> 0 : noted);
			lock = 0
		};
		/* split_tell_acked() */
		if
		:: v && !table ->
			stranded = 1;
#ifndef BREAK_LOOK	/* and doesn't look again */
			if
			:: table -> tell()
			:: else
			fi
#endif
		:: v && table -> tell()
		:: else
		fi;
		v = 0
	   :: else
	   fi
	od
}

proctype router()
{
	byte k;

	for (k : 1 .. TABLES) {
#ifdef MASKED
		table = (table -> 0 : (k & 1 -> FIRST : SECOND));
#else
		table = FIRST + SECOND - table;
#endif
		/* kvm_irqfd_level_rerouted() */
		if
		:: stranded && table ->
			stranded = 0;
			tell()
		:: else
		fi;
		/* kvm_arch_post_irq_routing_update() */
		make_request();
		/* synchronize_srcu() */
		!reading
	}
	routing = 0
}

init {
	atomic {
		routing = 1;
		run worker();
		run vcpu();
		run router()
	}

	/* When nothing moves any more ... */
	timeout;
	atomic {
		assert(!routing);
		assert(!noted);
		assert(!again && !signalled);
		assert(!lock)
	}
}
