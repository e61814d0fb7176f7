// SPDX-License-Identifier: GPL-2.0-only
/*
 * A model of irqfds at pins: arch/x86/kvm/irqfd_pin.c, and the choice between the wake-up
 * and the worker in virt/kvm/irqfd_inject.c and irqfd_lane.c; to be read beside them.
 * Names are those of the C code where it has one.  tests/models runs Spin on it.
 *
 * Processes
 * ---------
 *	signaller	signals one of two irqfds, TIMES times.  The first one's GSI leads to
 *			a pin of the PIC and one of the IOAPIC, the other one's to the same
 *			pin of the IOAPIC alone
 *	holder		sets another pin, so it holds an irqchip's lock for a while; in
 *			one of them an interrupt comes that signals an irqfd
 *	worker		the lane of lines
 *
 * What must hold
 * --------------
 * - An edge finds the irqfds' line down, so that it is one (set_pin).
 * - All pins of a GSI get the same edges: no event is injected at one of them and once
 *   more, as a whole, by the worker (init).
 * - Each event is followed by an injection that begins after it (init), and an irqfd's
 *   event isn't injected in the wake-up while an earlier one is left to the worker.
 * - Nobody waits for ever: Spin's invalid end states.
 *
 * What is left out, and why that hides no failure
 * -----------------------------------------------
 * Weak memory: pins are changed under spinlocks, and IRQFD_PENDING, deferred and done
 * have full barriers or an acquire and a release, which irqfd.pml relies on, too.
 *
 * The ends of irqfds and of the VM: irqfd.pml.  Level irqfds: raised twice is raised
 * once, and level.pml has what an acknowledge makes of it.  New routing tables: each
 * injection uses one table's routes, under the locks that these need.
 *
 * KVM_IRQ_LINE on the same pin has a line of its own, so it only holds the lock here.
 * That the line of irqfds makes no edge while user space holds up its own is as it was.
 *
 * The vCPU, which takes the edge from the local APIC: an edge that comes before that
 * merges with it, also on hardware.
 *
 * BREAK_* are possible mistakes.  tests/models has their list, and Spin must find each.
 */

#ifndef TIMES
#define TIMES	2
#endif

#define IRQFDS	2
#define PIC	0
#define IOAPIC	1
#define CHIPS	2

#define at_pic(i)	((i) == 0)

typedef irqfd_t {
	/* The eventfd's wait queue lock. */
	bit wqh;
	bit pending;
	byte deferred;
	byte done;
	/* Events since the last injection that began after them; 0 in the end. */
	byte due
};

irqfd_t irqfds[IRQFDS];

bit lock[CHIPS];
bit line[CHIPS];
byte edges[CHIPS];
byte injected[IRQFDS];
bit work;
byte running;

inline spin_lock(l)
{
	atomic {
		!l -> l = 1
	}
}

inline spin_unlock(l)
{
	assert(l);
	l = 0
}

/* Under the irqchip's lock. */
inline set_pin(c, level)
{
	atomic {
		assert(lock[c]);
		if
		:: level ->
			assert(!line[c]);
			edges[c]++
		:: else
		fi;
		line[c] = level
	}
}

inline pulse(c)
{
	set_pin(c, 1);
	set_pin(c, 0)
}

/* All events so far are this injection's. */
inline begin_injection(i)
{
	irqfds[i].due = 0
}

/* Under the wait queue's lock.  @can says whether it has got all locks. */
inline pulse_inatomic(i)
{
	can = 1;
	atomic {
		if
		:: at_pic(i) && lock[PIC] -> can = 0
		:: at_pic(i) && !lock[PIC] -> lock[PIC] = 1
		:: else
		fi
	};
#ifdef BREAK_HALF	/* pulses one irqchip before it has the other one's lock */
	if
	:: can && at_pic(i) -> pulse(PIC)
	:: else
	fi;
#endif
	if
	:: can ->
#ifdef BREAK_WAIT	/* waits for the second lock */
		spin_lock(lock[IOAPIC])
#else
		atomic {
			if
			:: lock[IOAPIC] ->
				can = 0;
				lock[PIC] = lock[PIC] && !at_pic(i)
			:: else -> lock[IOAPIC] = 1
			fi
		}
#endif
	:: else
	fi;
	if
	:: can ->
		begin_injection(i);
#ifndef BREAK_HALF
		if
		:: at_pic(i) -> pulse(PIC)
		:: else
		fi;
#endif
		pulse(IOAPIC);
		injected[i]++;
		spin_unlock(lock[IOAPIC]);
		if
		:: at_pic(i) -> spin_unlock(lock[PIC])
		:: else
		fi
	:: else
	fi
}

/* kvm_irqfd_defer(), under the wait queue's lock. */
inline defer(i)
{
	atomic {
		if
		:: !irqfds[i].pending ->
			irqfds[i].pending = 1;
			irqfds[i].deferred++
		:: else
		fi;
		work = 1
	}
}

/* kvm_irqfd_event(), where the eventfd is signalled. */
inline signal(i)
{
	spin_lock(irqfds[i].wqh);
	irqfds[i].due++;
	can = 0;
	if
#ifdef BREAK_ORDER	/* doesn't look for what is left to the worker */
	:: true ->
#else
	:: irqfds[i].done == irqfds[i].deferred ->
#endif
		assert(!irqfds[i].pending);
		pulse_inatomic(i)
	:: else
	fi;
	if
	:: !can -> defer(i)
	:: else
	fi;
	spin_unlock(irqfds[i].wqh)
}

proctype signaller(byte i)
{
	bit can;
	byte n;

	do
	:: n < TIMES ->
		signal(i);
		n++
	:: else -> break
	od;
	running--
}

/* With @interrupted, irqfd 0 is signalled by an interrupt meanwhile. */
proctype holder(byte c; bit interrupted)
{
	bit can;

	spin_lock(lock[c]);
	if
	:: interrupted -> signal(0)
	:: else
	fi;
	spin_unlock(lock[c]);
	running--
}

proctype worker()
{
	byte i;

end:	do
	:: atomic {
		work -> work = 0
	   };
	   i = 0;
	   do
	   :: i < IRQFDS ->
		if
		:: irqfds[i].pending ->
			irqfds[i].pending = 0;
			if
			:: at_pic(i) -> spin_lock(lock[PIC])
			:: else
			fi;
			spin_lock(lock[IOAPIC]);
			begin_injection(i);
			if
			:: at_pic(i) -> pulse(PIC)
			:: else
			fi;
#ifdef BREAK_STEP	/* drops the lock between up and down */
			set_pin(IOAPIC, 1);
			spin_unlock(lock[IOAPIC]);
			spin_lock(lock[IOAPIC]);
			set_pin(IOAPIC, 0);
#else
			pulse(IOAPIC);
#endif
			injected[i]++;
			spin_unlock(lock[IOAPIC]);
			if
			:: at_pic(i) -> spin_unlock(lock[PIC])
			:: else
			fi;
			irqfds[i].done++
		:: else
		fi;
		i++
	   :: else -> break
	   od
	od
}

init {
	atomic {
		running = 2 + CHIPS;
		run worker();
		run signaller(0);
		run signaller(1);
		run holder(PIC, 0);
		run holder(IOAPIC, 1)
	};
	/* No process can run any more. */
	timeout;
	assert(!running && !work);
	assert(!irqfds[0].due && !irqfds[1].due);
	assert(!line[PIC] && !line[IOAPIC]);
	assert(edges[PIC] == injected[0] &&
	       edges[IOAPIC] == injected[0] + injected[1])
}
