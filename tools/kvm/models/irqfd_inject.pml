// SPDX-License-Identifier: GPL-2.0-only
/*
 * A part of irqfd.pml: the wake-up takes an event and injects it, or leaves that to work.
 */

/* An injection takes time, and the VM must not be freed meanwhile. */
inline enter_vm(i, v)
{
	use_irqfd(i);
	use_kvm(v);
	assert(!irqfds[i].quiet);
	irqfds[i].due = 0
}

inline leave_vm(v)
{
	use_kvm(v)
}

#define pending_of(i, v)	(irqfds[i].kvm == v && irqfds[i].pending)
#if IRQFDS > 1
#define some_pending(v)	(pending_of(0, v) || pending_of(1, v))
#else
#define some_pending(v)	pending_of(0, v)
#endif

proctype inject_work(byte k)
{
	byte i, v;

end:	do
	:: atomic {
		kvms[k].inject ->
		use_kvm(k);
		kvms[k].inject = 0;
		kvms[k].injecting = 1
	   };
	   do
	   :: atomic {
		some_pending(k) ->
		i = (pending_of(0, k) -> 0 : IRQFDS - 1);
		use_irqfd(i);
		irqfds[i].pending = 0
	      };
#ifdef BREAK_IDLE	/* is done before it has injected */
	      atomic {
		use_irqfd(i);
		irqfds[i].undone--
	      };
#endif
	      atomic {
		use_irqfd(i);
		v = irqfds[i].vm
	      };
	      if
	      :: v ->
		atomic {
			enter_vm(i, v - 1)
		};
		atomic {
			leave_vm(v - 1);
			v = 0
		}
	      :: else
	      fi;
#ifndef BREAK_IDLE
	      atomic {
		use_irqfd(i);
		irqfds[i].undone--;
		i = 0
	      }
#endif
	   :: else -> break
	   od;
	   kvms[k].injecting = 0
	od
}

/* Under the queue's lock. */
inline defer(i, v)
{
	if
	:: !irqfds[i].pending ->
		irqfds[i].pending = 1;
		irqfds[i].undone++
	:: else
	fi;
	kvms[v].inject = 1
}

/* Inject or defer the event of irqfd @i in VM @v, in a step of its own. */
inline irqfd_event(i, v)
{
	atomic {
		use_irqfd(i);
		use_kvm(v);
		if
		:: enter_vm(i, v)
		:: defer(i, v)
		fi
	};
	atomic {
		leave_vm(v)
	}
}

inline irqfd_take(i, e)
{
	taken = eventfds[e].count;
	eventfds[e].count = 0;
	irqfds[i].due = irqfds[i].due | taken
}

inline irqfd_own(i)
{
#ifdef BREAK_OWN	/* looks, then sets */
	got = !irqfds[i].owned;
	atomic {
		irqfds[i].owned = 1;
#else
	atomic {
		got = !irqfds[i].owned;
		irqfds[i].owned = 1;
#endif
		irqfds[i].owners = irqfds[i].owners + got;
		assert(irqfds[i].owners < 2)
	}
}

/* irqfd_wakeup() for EPOLLIN, in two parts.  The queue is locked. */
inline irqfd_wakeup_take(e)
{
	i = eventfds[e].first - 1;
	use_irqfd(i);
	v = irqfds[i].vm;
#ifdef BREAK_NEW	/* takes an event while vm is still NULL */
	if
	:: !irqfds[i].ending -> irqfd_take(i, e)
	:: else
	fi;
#else
	if
	:: v && !irqfds[i].ending -> irqfd_take(i, e)
	:: else
	fi;
#endif
}

inline irqfd_wakeup_event(e)
{
	if
	:: taken && v -> irqfd_event(i, v - 1)
	:: else
	fi
}

inline kvm_irqfd_wake_writers(e)
{
	eventfds[e].sleeper = 0
}
