// SPDX-License-Identifier: GPL-2.0-only
/*
 * A model of the ends of an eventfd, and of an irqfd that outlives the file, to be read
 * beside fs/eventfd.c and virt/kvm/irqfd_keep.c.  Names are those of the C code where it
 * has one.  tests/models runs Spin on it.
 *
 * Processes
 * ---------
 *	closer		closes the last file, which is a producer and a consumer
 *	producer	two of them: signals, and goes
 *	watch		listens for the end of the consumers, and leaves when it was told
 *	deassigner	ends what the GSI has of kept irqfds (DEASSIGN), also two of them
 *	vm_close	closes the VM (CLOSE); no ioctl can come then
 *	shutdown	the VM's work, which has what a hang-up leaves to it, if the irqfd
 *			has something left to inject at that moment
 *
 * What must hold
 * --------------
 * - The last producer's end and the last consumer's are told once, to each listener that
 *   is there (tell_all()), and in the end both have been (init).
 * - A signal is taken while the irqfd is LIVE, so none is lost before the last producer has
 *   gone, a deassign or VM close (signal()).
 * - Nothing uses the irqfd when it has been freed, or the context (use_*()); both are freed
 *   once, in the end (init).
 * - When a deassign that came after the close has returned there is no kept irqfd.
 * - Nobody waits for ever: Spin's invalid end states.
 *
 * What is left out, and why that hides no failure
 * -----------------------------------------------
 * Weak memory: all that is shared is under the wait queue's lock or kvm->irqfds.lock, but
 * the producers' count, whose last step is under the first, and IRQFD_OWNED, which is
 * test-and-set.  A section of kvm->irqfds.lock is one step here, as it takes no lock inside.
 * RCU: the list of all irqfds has other readers, which irqfd.pml has.
 *
 * Other irqfds of the GSI: a deassign waits for those only that have an owner, which ends
 * them without its help.  Masks: control.pml.
 *
 * BREAK_* are possible mistakes.  tests/models has their list, and Spin must find each.
 */

bit wqh_lock;

/* The eventfd's context.  The file, the producers, the irqfd and the watch have references. */
byte refs = 5;
bit ctx_freed;
byte producers = 3;
bit open = 1, closed;
bit telling, unheard;
/* Its listeners, and how often they were told. */
bit irqfd_listens = 1, watch_listens = 1;
byte told_producers, told_consumers;
bit watch_told;

/* The irqfd. */
bit on_queue = 1;
bit owned;
bit kept, kept_link;
bit freed;
bit work;
/* The VM and what it has of the GSI. */
byte nr = 1;
byte nr_ending;
bit ended;

inline use_ctx()
{
	assert(!ctx_freed)
}

inline use_irqfd()
{
	assert(!freed)
}

inline lock_wqh()
{
	atomic { !wqh_lock -> wqh_lock = 1 };
	use_ctx()
}

inline unlock_wqh()
{
	use_ctx();
	wqh_lock = 0
}

inline put_ctx()
{
	use_ctx();
	refs--;
	if
	:: refs == 0 -> ctx_freed = 1
	:: else
	fi
}

/* The wait queue's lock is held here and in the next three. */
inline tell_consumers()
{
	told_consumers++;
	assert(told_consumers == 1);
	if
	:: watch_listens -> watch_told = 1
	:: else
	fi
}

inline check_consumers()
{
#ifdef BREAK_TWICE
	if
	:: !open && !on_queue -> tell_consumers()
	:: else
	fi
#else
	if
	:: !open && !telling && !unheard && !on_queue ->
		unheard = 1;
		tell_consumers()
	:: else
	fi
#endif
}

/* Under kvm->irqfds.lock, as the next one. */
inline unlink_kept()
{
	atomic {
		if
		:: kept_link ->
			kept_link = 0;
			nr_ending++
		:: else
		fi
	}
}

/* What an irqfd's owner does last, under kvm->irqfds.lock. */
inline leave_vm()
{
	if
	:: kept -> nr_ending--
	:: else
	fi;
	nr--;
	use_irqfd();
	freed = 1
}

inline hang_up()
{
	use_irqfd();
	if
#ifdef BREAK_OWN
	:: owned = 1;
#else
	:: owned
	:: atomic { !owned -> owned = 1 };
#endif
#ifndef BREAK_LIST
		unlink_kept();
#endif
		irqfd_listens = 0;
		on_queue = 0;
		check_consumers();
		if
		:: work = 1
		:: atomic { put_ctx() } atomic { leave_vm() }
		fi
	fi
}

inline producers_gone()
{
	told_producers++;
	assert(told_producers == 1);
	telling = 1;
	if
	:: irqfd_listens -> hang_up()
	:: else
	fi;
	telling = 0;
	check_consumers()
}

proctype closer()
{
	bit last;

	lock_wqh();
	open = 0;
	if
	:: on_queue ->
		use_irqfd();
#ifdef BREAK_HANGUP
		hang_up()
#else
		/* kvm_irqfd_keep() */
		atomic {
			kept = 1;
			if
			:: owned -> nr_ending++
			:: else -> kept_link = 1
			fi
		}
#endif
	:: else
	fi;
	check_consumers();
	atomic { producers--; last = producers == 0 }
	if
	:: last -> producers_gone()
	:: else
	fi;
	unlock_wqh();
	closed = 1;
	atomic { put_ctx() }
}

proctype producer()
{
	bit last;

	/* The signal. */
	lock_wqh();
	if
	:: on_queue -> use_irqfd()
	:: else -> assert(ended)
	fi;
	unlock_wqh();

	/* eventfd_producer_put() */
	if
#ifdef BREAK_COUNT
	/* A count that goes down in another step than it is looked at. */
	:: producers-- -> last = producers == 0
#else
	:: atomic { producers > 1 -> producers-- }
	:: atomic { producers == 1 && !wqh_lock -> wqh_lock = 1 }
		atomic { producers--; last = producers == 0 }
		if
		:: last -> producers_gone()
		:: else
		fi;
		unlock_wqh()
#endif
	fi;
#ifdef BREAK_COUNT
	if
	:: last -> lock_wqh() -> producers_gone() -> unlock_wqh()
	:: else
	fi;
#endif
	atomic { put_ctx() }
}

proctype watch()
{
	watch_told;
	lock_wqh();
	watch_listens = 0;
	unlock_wqh();
	atomic { put_ctx() }
}

/* What an owner does that isn't a hang-up, and may wait in between. */
inline end_irqfd()
{
	lock_wqh();
	use_irqfd();
	ended = 1;
	on_queue = 0;
#ifndef BREAK_LEAVE
	check_consumers();
#endif
	unlock_wqh();
#ifndef BREAK_UNLISTEN
	lock_wqh();
	irqfd_listens = 0;
	unlock_wqh();
#endif
	atomic { put_ctx() }
	atomic { leave_vm() }
}

proctype deassigner()
{
	bit found, after;

	after = closed;
	do
	:: atomic {
		found = kept_link;
		if
		:: kept_link ->
			use_irqfd();
			unlink_kept();
			if
			:: owned -> found = 0
			:: else -> owned = 1
			fi
		:: else
		fi
	   }
	   if
	   :: found -> end_irqfd()
	   :: else -> break
	   fi
	od;
#ifndef BREAK_WAIT
	nr_ending == 0;
#endif
	assert(!after || freed)
}

proctype vm_close()
{
	bit found;

	/* irqfd_gather() */
	atomic {
		if
		:: nr && !owned ->
			owned = 1;
			unlink_kept();
			found = 1
		:: else
		fi
	}
	if
	:: found -> end_irqfd()
	:: else
	fi;
	nr == 0
}

proctype shutdown()
{
end:	work;
	atomic { use_ctx(); put_ctx() }
	atomic { leave_vm() }
}

init
{
	atomic {
		run closer();
		run producer();
		run producer();
		run watch();
#ifdef DEASSIGN
		run deassigner();
		run deassigner();
#endif
#ifdef CLOSE
		run vm_close();
#endif
		run shutdown()
	}
	/* The processes that have something left to do all end. */
	told_producers && told_consumers && refs == 0 && nr == 0;
	assert(ctx_freed && freed && !irqfd_listens && !watch_listens && !nr_ending)
}
