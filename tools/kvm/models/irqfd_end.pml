// SPDX-License-Identifier: GPL-2.0-only
/*
 * A part of irqfd.pml: the end of an irqfd, by DEASSIGN, hang-up or VM close.
 */

inline kvm_irqfd_bypass_stop(i)
{
	atomic {
		use_irqfd(i);
		if
		:: irqfds[i].token ->
			use_eventfd(irqfds[i].eventfd);
			eventfds[irqfds[i].eventfd].consumer = 0;
			irqfds[i].token = 0
		:: else
		fi
	}
}

/* The C code reads the counter and drops the count; here there must be none. */
inline irqfd_stop_events(i)
{
	atomic {
		use_irqfd(i);
		e = irqfds[i].eventfd;
		under_wqh(e);
		assert(!eventfds[e].count);
		irqfds[i].ending = 1
	}
}

inline irqfd_leave_queue(i)
{
	atomic {
		use_irqfd(i);
		e = irqfds[i].eventfd;
		under_wqh(e);
		eventfds[e].first = 0
	}
}

/* Does a DEASSIGN end the irqfd on the queue?  Under the queue's lock. */
#define some_ending(e)	(eventfds[e].first && first_of(e).owned && first_of(e).vm)

/* irqfd_leave_queue() wakes the caller. */
inline irqfd_wait_for_end(e)
{
#ifndef BREAK_OVERLAP	/* doesn't */
	if
	:: atomic {
		!eventfds[e].lock && !some_ending(e);
		use_eventfd(e);
		ret = OK
	   }
#ifdef KILLS
	:: ret = EINTR
#endif
	fi
#else
	ret = OK
#endif
}

/* The first half of irqfd_quiesce(), which drops the count that it takes */
inline irqfd_leave(i)
{
	atomic {
		use_irqfd(i);
		e = irqfds[i].eventfd;
		under_wqh(e);
		assert(!eventfds[e].count || kvms[irqfds[i].kvm].closing);
		if
		:: eventfds[e].count -> kvm_irqfd_wake_writers(e)
		:: else
		fi;
		eventfds[e].count = 0;
		eventfds[e].first = 0
	}
}

#define kvm_irqfd_idle(i)	(irqfds[i].undone == 0)

inline kvm_irqfd_flush(i)
{
	kvm_irqfd_idle(i)
}

inline is_quiet(i)
{
	atomic {
		use_irqfd(i);
		assert(!irqfds[i].due || kvms[irqfds[i].kvm].closing);
		irqfds[i].quiet = 1
	}
}

inline irqfd_settle(i)
{
#ifndef BREAK_FLUSH	/* doesn't wait for the work */
	kvm_irqfd_flush(i);
#endif
	is_quiet(i)
}

inline irqfd_quiesce(i)
{
	kvm_irqfd_bypass_stop(i);
	irqfd_leave(i);
	irqfd_settle(i)
}

/* Under irqfds.lock; its unlock is the last use of the VM. */
inline irqfd_leave_vm(i)
{
	atomic {
		use_irqfd(i);
		v = irqfds[i].kvm;
		lock_items(v);
		irqfds[i].list = NOWHERE;
		kvms[v].nr--;
		any = kvms[v].nr > 0
	};
	atomic {
		unlock_items(v)
	};
#ifndef BREAK_WAKE	/* doesn't wake VM close */
	atomic {
		wake_up_var(v)
	}
#endif
}

inline wake_up_var(v)
{
	if
	:: !any && kvms[v].waiting -> kvms[v].woken = 1
	:: else
	fi
}

inline irqfd_put_all(i)
{
	atomic {
		use_irqfd(i);
		e = irqfds[i].eventfd;
		use_eventfd(e);
		eventfds[e].refs--
	};
	irqfd_leave_vm(i)
}

inline irqfd_release(i)
{
	irqfd_put_all(i);
	atomic {
		use_irqfd(i);
		kfree_rcu(i)
	}
}

#define hung_up_of(i, v)	(irqfds[i].kvm == v && irqfds[i].hung_up)
#if IRQFDS > 1
#define some_hung_up(v)	(hung_up_of(0, v) || hung_up_of(1, v))
#else
#define some_hung_up(v)	hung_up_of(0, v)
#endif

proctype shutdown_work(byte k)
{
	byte i, v, e;
	bit any;

end:	do
	:: atomic {
		kvms[k].shutdown ->
		use_kvm(k);
		kvms[k].shutdown = 0;
		kvms[k].shutting = 1
	   };
	   do
	   :: atomic {
		some_hung_up(k) ->
		i = (hung_up_of(0, k) -> 0 : IRQFDS - 1);
		irqfds[i].hung_up = 0
	      };
	      irqfd_settle(i);
	      kvm_irqfd_bypass_stop(i);
	      if
	      :: irqfds[i].ending -> irqfd_leave_queue(i)
	      :: else
	      fi;
	      irqfd_release(i)
	   :: else -> break
	   od;
	   kvms[k].shutting = 0
	od
}

/* If the work runs already, it may have ended the irqfd before it is queued again. */
inline irqfd_end_later(i)
{
	atomic {
		use_irqfd(i);
		v = irqfds[i].kvm;
#ifdef BREAK_QUEUE	/* queues it without the lock */
		use_kvm(v);
#else
		lock_items(v);
#endif
		irqfds[i].hung_up = 1
	};
	atomic {
		use_kvm(v);
		kvms[v].shutdown = 1
	};
#ifndef BREAK_QUEUE
	atomic {
		unlock_items(v)
	}
#endif
}

/* @ret: EINTR if a fatal signal came first. */
inline irqfd_end(i)
{
#ifndef BREAK_BYPASS	/* when it has left the queue */
	kvm_irqfd_bypass_stop(i);
#endif
#ifdef BREAK_QUIESCE	/* the other way round */
	kvm_irqfd_flush(i);
#endif
	irqfd_stop_events(i);
	ret = OK;
#ifdef BREAK_DEASSIGN	/* leaves the end to the work, and returns */
	irqfd_end_later(i)
#else
	if
#ifdef BREAK_QUIESCE
	:: true -> is_quiet(i)
#else
	:: irqfd_settle(i)
#endif
#ifdef KILLS
	:: irqfd_end_later(i) -> ret = EINTR
#endif
	fi;
	if
	:: ret == OK ->
		irqfd_leave_queue(i);
#ifdef BREAK_BYPASS
		kvm_irqfd_bypass_stop(i);
#endif
		irqfd_release(i)
	:: else
	fi
#endif
}

/*
 * In the wake-up, with the queue locked.  An end that has to wait, for the inject work
 * or for reasons that this model doesn't have, is left to work.
 */
inline irqfd_hang_up(f)
{
	i = eventfds[f].first - 1;
	irqfd_own(i);
	if
	:: got ->
#ifndef BREAK_STAY	/* stays on the queue until the work ends it */
		atomic {
			use_irqfd(i);
			eventfds[f].first = 0
		};
#endif
		if
#ifdef BREAK_HANGUP	/* ends it though there may be something to wait for */
		:: true ->
#else
		:: kvm_irqfd_idle(i) && !irqfds[i].token ->
#endif
			is_quiet(i);
			irqfd_release(i)
		:: irqfd_end_later(i)
		fi
	:: else
	fi
}

/* The next irqfd on a list of this VM, from @n on; IRQFDS if there is none. */
inline next_on(which, v)
{
	do
	:: n < IRQFDS && !(irqfds[n].kvm == v && irqfds[n].list == which) -> n++
	:: else -> break
	od
}

/* debugfs: reads one of the VM's irqfds. */
proctype reader(byte k)
{
	byte n = 0;

	if
	:: atomic {
		/* debugfs' file keeps the VM allocated, but not open. */
		kvms[k].mem == THERE ->
		read_lock();
		next_on(ITEMS, k)
	   };
	   if
	   :: n < IRQFDS ->
		assert(irqfds[n].mem == THERE || irqfds[n].mem == LATER)
	   :: else
	   fi;
	   atomic {
		read_unlock()
	   }
	:: kvms[k].mem != THERE
	fi
}

inline has_irqfds(v)
{
	atomic {
#ifndef BREAK_HAS	/* looks without the lock */
		under_items(v);
#endif
		any = kvms[v].nr > 0
	}
}

inline gather(k)
{
	atomic {
		lock_items(k);
		n = 0;
		next_on(ITEMS, k)
	};
	do
	:: n < IRQFDS ->
		atomic {
			use_irqfd(n);
			irqfds[n].list = NOWHERE;
			irqfds[n].vm = 0
		};
		irqfd_own(n);
		atomic {
			if
			:: got -> irqfds[n].list = CLOSING
			:: else
			fi;
			n++;
			next_on(ITEMS, k)
		}
	:: else -> break
	od;
	atomic {
		unlock_items(k)
	}
}

inline kvm_irqfd_release(k)
{
	has_irqfds(k);
	if
	:: any ->
		gather(k);
#ifndef BREAK_GRACE	/* doesn't wait for readers */
		synchronize_srcu(k);
#endif
		atomic {
			n = 0;
			next_on(CLOSING, k)
		};
		do
		:: n < IRQFDS ->
			irqfd_quiesce(n);
			atomic {
				n++;
				next_on(CLOSING, k)
			}
		:: else -> break
		od;
		atomic {
			n = 0;
			next_on(CLOSING, k)
		};
		do
		:: n < IRQFDS ->
			irqfd_put_all(n);
			atomic {
				use_irqfd(n);
				irqfds[n].mem = FREED;
				n++;
				next_on(CLOSING, k)
			}
		:: else -> break
		od;

#ifndef BREAK_WAIT	/* frees the VM while a hang-up has an irqfd of it */
		do
		:: atomic {
			kvms[k].waiting = 1;
			kvms[k].woken = 0
		   };
		   has_irqfds(k);
		   if
		   :: any -> kvms[k].woken
		   :: else -> break
		   fi
		od;
		kvms[k].waiting = 0
#endif
	:: else
	fi;
#ifndef BREAK_WORK	/* frees the VM while work is queued that finds no irqfd */
	!kvms[k].inject && !kvms[k].injecting;
	!kvms[k].shutdown && !kvms[k].shutting
#endif
}

/* A vCPU's file may keep the VM longer, but it may also be closed already. */
inline close_vm(k)
{
	kvms[k].open = 0;
	atomic {
		!kvms[k].users ->
		kvms[k].closing = 1
	};
	kvm_irqfd_release(k);
	atomic {
		use_kvm(k);
		kvms[k].mem = FREED
	}
}

proctype vm_closer(byte k)
{
	byte v, n, e;
	bit got, any;

	close_vm(k)
}

/* The ioctls.  @ret: EBADF if one of the fds is closed, else the ioctl holds both files. */
inline get_files(k, f)
{
	atomic {
		if
		:: kvms[k].open && eventfds[f].open ->
			kvms[k].users++;
			eventfds[f].users++;
			ret = OK
		:: else -> ret = EBADF
		fi
	}
}

inline put_files(k, f)
{
	atomic {
		kvms[k].users--;
		eventfds[f].users--
	}
}

/*
 * Sets @found to the number plus 1 of the irqfd that the caller owns now, @met to that of
 * an irqfd that another call ends.
 */
inline irqfd_search(k, f)
{
#ifdef BREAK_SEARCH	/* looks, then locks */
	found = eventfds[f].first;
	atomic {
		lock_wqh(f);
#else
	atomic {
		lock_wqh(f);
		found = eventfds[f].first;
#endif
		got = 0;
		if
		:: found -> use_irqfd(found - 1)
		:: else
		fi
	};
	if
	:: found && irqfds[found - 1].kvm == k -> irqfd_own(found - 1)
	:: else
	fi;
	atomic {
		met = (found && irqfds[found - 1].kvm == k && !got &&
		       some_ending(f) -> found : 0);
		found = (got -> found : 0);
		unlock_wqh(f)
	}
}

inline kvm_irqfd_deassign(k, f)
{
	get_files(k, f);
	found = 0;
	met = 0;
	if
	:: ret == OK ->
		irqfd_search(k, f);
		if
		:: found ->
			i = found - 1;
			irqfd_end(i)
		:: met ->
			irqfd_wait_for_end(f);
			assert(ret == EINTR || irqfds[met - 1].quiet)
		:: else
		fi;
#ifdef BREAK_DEASSIGN
		assert(!found || irqfds[found - 1].quiet);
#endif
		put_files(k, f)
	:: else
	fi
}
