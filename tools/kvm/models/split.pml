// SPDX-License-Identifier: GPL-2.0-only
/*
 * A model of level irqfds with a split irqchip: arch/x86/kvm/split_level.c, and x86.c's
 * handling of a vCPU's requests; to be read beside them.  Names are those of the C code
 * where it has one.  tests/models runs Spin on it.
 *
 * To tell the device is to signal its resamplefd.
 *
 * Processes
 * ---------
 *	worker		kvm_arch_irqfd_level_raise(), for a device that signals when it
 *			is told, and TIMES times in all
 *	vcpu		scans, enters the guest, takes an interrupt, sends the EOI
 *	router		KVM_SET_GSI_ROUTING: the pin's message gets the other vector,
 *			and with MASKED the pin is masked in between
 *
 * What must hold
 * --------------
 * - KVM sees each EOI of a message: when no process can run any more, nothing is in
 *   service, and the device has been told as often as it has signalled (init).
 * - The worker doesn't wait for ever with the lock held: Spin's invalid end states.
 *
 * What is left out, and why that hides no failure
 * -----------------------------------------------
 * Weak memory: the same lock orders "emptied the set, then looked for messages" against
 * "noted the message, then looked at the set".  kvm_make_vcpus_request_mask() and
 * vcpu_enter_guest() have full barriers between a request and the vCPU's mode, so all
 * processes see them in one order.
 *
 * Several vCPUs: each has a set and requests of its own, and the worker handles one
 * after the other before it sends.  Several pins: each has a message of its own, and
 * the lock is the same.
 *
 * Whether a vector stays in the set too long: a vector too many does no harm here.  A
 * GSI that gets its first route is in level.pml.
 *
 * A local APIC that gets another state, or another id, while a message is on its way;
 * nested guests; AVIC, which goes by the trigger mode instead of the set.
 *
 * How large a step is
 * -------------------
 * A step has at most one access that another process may interfere with.
 *
 * BREAK_* are possible mistakes.  tests/models has their list, and Spin must find each.
 */

/*
 * The configurations: the vCPU takes an interrupt when it enters the guest; or an
 * interrupt is posted to a vCPU in the guest (POSTED); or the former with a pin that is
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
byte again = TIMES;		/* how often the device will still signal */
bit routing;			/* the router still runs */

inline spin_lock()
{
	!lock;
	lock = 1
}

/* Waits until the vCPU has left the guest; it doesn't enter it with a request. */
inline make_request()
{
	request = 1;
	!in_guest || !request
}

inline make_handled(v)
{
	if
#if defined(BREAK_NEW)		/* assumes that the vCPU has scanned a new table */
	:: !(handled & v) && v != table ->
#elif defined(BREAK_OLD)	/* assumes that an old table isn't used any more */
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

/* The device signals when it is told, but only so many times. */
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
#ifdef BREAK_STRAND	/* sets it before it looks, and clears it when it has sent */
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
#ifndef BREAK_LATE	/* requests the scan after it has sent */
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
#ifdef BREAK_EMPTY	/* looks for messages first, and empties the set after that */
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
#ifdef BREAK_PENDING	/* only messages that are in the local APIC */
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
	/* The vCPU sets its mode and looks for requests; with a request it doesn't enter. */
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
	/* The vCPU is kicked, or leaves to take an interrupt. */
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
#ifndef BREAK_LOOK	/* doesn't look at the table again */
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

	/* When no process can run any more: */
	timeout;
	atomic {
		assert(!routing);
		assert(!noted);
		assert(!again && !signalled);
		assert(!lock)
	}
}
