// SPDX-License-Identifier: GPL-2.0-only
/*
 * A model of doorbells that change in batches: virt/kvm/iosignalfd_batch.c, and how a vCPU
 * looks for what takes its write in virt/kvm/iobus.c and iosignalfd_ring.c; to be read
 * beside them.  Names are those of the C code where it has one.  tests/models runs Spin
 * on it.
 *
 * Processes
 * ---------
 *	batcher	has two registrations change places, or (MOVE) moves one, once or (AGAIN)
 *		twice; what fails is undone
 *	vcpu	writes to the one address, and then to the other one; a second vCPU the
 *		other way round, and each tells the other what it has found
 *
 * What must hold
 * --------------
 * - Each write rings once if there is a registration at its address (check).
 * - It rings what was at the address before a batch that is under way, or what is there
 *   after it; and when the batch has returned, what is there now (check).
 * - A vCPU that has found what there is after a batch finds that at the other address, too,
 *   and so does a vCPU to which it has said so (check).
 * - A batch that fails is none (check: its items are never rung).
 *
 * What is left out, and why that hides no failure
 * -----------------------------------------------
 * Weak memory: stores and loads are in program order here.  In the C code a vCPU loads the
 * generation, the epoch and then the items, each with an acquire, and the batch has a full
 * barrier or a release before the store of each of them; the second look at the epoch is
 * behind a read barrier.  A load that is old all the same is one that the vCPU might have
 * done earlier in its order here.
 *
 * The table of points and a group's index: to find an item there is one step here, in a
 * list of its address, as it is of one step under RCU.
 *
 * Memory that is freed: an item that a vCPU has found stays for the rest of the round here,
 * as RCU keeps it in the C code.  A slot is used again when no vCPU looks at it.
 *
 * Several items that share a write: a vCPU rings all of them by one epoch, as here all at
 * an address.  The store of the value, and what it does if that fails.
 *
 * BREAK_* are possible mistakes.  tests/models has their list, and Spin must find each.
 */

/*
 * AGAIN: two batches, and one vCPU that writes more; else one batch, and two vCPUs.
 * MOVE: there is one registration, which moves between the addresses.
 */
#ifdef AGAIN
#define ROUNDS	2
#define VCPUS	1
#else
#define ROUNDS	1
#define VCPUS	2
#endif

#define ADDRS	2
/* What is at an address, and what comes there: the slots of @a are 2a and 2a + 1. */
#define SLOTS	4
#define NONE	15

typedef item_t {
	bit listed;
	/* Which registration it is; NONE when its eventfd has been taken from it. */
	byte eventfd;
	byte since;
	byte leaves;
	/* vCPUs that have found it: RCU. */
	byte users
};

item_t items[SLOTS];
byte gen = 1;
byte epoch;

/* Which registration is at address 0, and which at address 1, by an epoch. */
byte first[ROUNDS + 1];
byte second[ROUNDS + 1];
#define at(a, e)	(a -> second[e] : first[e])

/* The epoch of the last batch that has returned, and the last that a vCPU has found. */
byte returned;
byte told;

typedef vcpu_t {
	/* A memo for each address. */
	byte memo_gen[ADDRS];
	byte memo_item[ADDRS]
};

vcpu_t vcpus[VCPUS];

/* Under the item's lock. */
inline ring_item(i)
{
	atomic {
		if
		:: items[i].eventfd != NONE ->
			rung = items[i].eventfd;
			rings++
		:: else
		fi
	}
}

#define by_epoch(i, by)	(items[i].since <= by && \
			 !(items[i].leaves && items[i].leaves == by))
#ifdef BREAK_EARLY	/* takes writes as soon as it is in its place */
#define takes(i)	(!(items[i].leaves && items[i].leaves == e))
#elif defined(BREAK_EPOCHS)	/* another epoch at each item */
#define takes(i)	by_epoch(i, epoch)
#else
#define takes(i)	by_epoch(i, e)
#endif
#ifdef BREAK_MEMO	/* remembers what is about to go */
#define settled(i)	1
#else
#define settled(i)	(items[i].since <= e && !items[i].leaves)
#endif

/* iosignalfd_write(): one look at address @a, in one RCU read section. */
inline look(a)
{
	g = gen;
	e = epoch;
	seen = 0;
	i = 2 * a;
	do
	:: i < 2 * a + 2 ->
		atomic {
			found = items[i].listed;
			items[i].users = items[i].users + found
		};
		if
		:: found && takes(i) ->
			if
			:: settled(i) ->
				vcpus[me].memo_gen[a] = g;
				vcpus[me].memo_item[a] = i
			:: else
			fi;
			ring_item(i);
			/* One that has gone in the meantime is no reason to remember. */
			seen = 1
		:: found && !takes(i) -> seen = 1
		:: else
		fi;
		items[i].users = items[i].users - found;
		i++
	:: else -> break
	od;
#ifdef BREAK_HOLE	/* remembers that there is nothing where something is about to come */
	seen = 0;
#endif
	if
	:: !rings && !seen ->
		vcpus[me].memo_gen[a] = g;
		vcpus[me].memo_item[a] = NONE
	:: else
	fi
}

/* The write is by the oldest epoch that fits: what others rely on is no newer. */
inline check(a)
{
	d_step {
		assert(rings <= 1);
		e = from;
		do
		:: e < epoch && at(a, e) != rung -> e++
		:: else -> break
		od;
		assert(at(a, e) == rung);
		told = (e > told -> e : told);
		rings = 0;
		rung = NONE;
		from = 0;
		e = 0;
		g = 0;
		i = 0;
		seen = 0;
		found = 0;
		memo = 0
	}
}

/* kvm_io_bus_write() */
inline write(a)
{
	/* What had returned, or was found and told, before the write is what it finds. */
	atomic {
		from = (returned > told -> returned : told);
		rings = 0;
		rung = NONE
	};
	atomic {
		i = vcpus[me].memo_item[a];
		memo = vcpus[me].memo_gen[a] == gen;
		if
		:: memo && i != NONE -> items[i].users++
		:: else
		fi
	};
	if
	:: memo && i != NONE ->
		ring_item(i);
		items[i].users--
	:: else
	fi;
	do
	:: rings || (memo && i == NONE) -> break
	:: else ->
		memo = 0;
		i = 0;
		look(a);
		i = 0;
#ifdef BREAK_ONCE	/* doesn't look again */
		break
#else
		if
		:: rings || epoch == e -> break
		:: else
		fi
#endif
	od;
	check(a)
}

proctype vcpu(byte me)
{
	byte g, e, i, rings, rung, from, a;
	bit seen, found, memo;

	a = me;
	write(a);
	a = 1 - me;
	write(a);
#if defined(AGAIN) || defined(MOVE)
	a = me;
	write(a)
#endif
}

proctype batcher()
{
	byte n, round, a, old, new;

	do
	:: round < ROUNDS ->
		round++;
		n = epoch + 1;

		/* iosignalfd_batch_take_away() */
		a = 0;
		do
		:: a < ADDRS ->
			old = (items[2 * a].listed -> 2 * a : 2 * a + 1);
			if
			:: items[old].listed -> items[old].leaves = n
			:: else
			fi;
			a++
		:: else -> break
		od;

		/* iosignalfd_batch_put() */
		a = 0;
		do
		:: a < ADDRS && at((1 - a), epoch) != NONE ->
			new = (items[2 * a].listed -> 2 * a + 1 : 2 * a);
			atomic {
				!items[new].users ->
				items[new].eventfd = at((1 - a), epoch);
				items[new].since = n;
				items[new].leaves = 0
			};
			items[new].listed = 1;
			a++
		:: a < ADDRS && at((1 - a), epoch) == NONE -> a++
		:: else -> break
		od;

		if
		:: 1 ->	/* iosignalfd_batch_abort() */
			a = 0;
			do
			:: a < ADDRS ->
				new = (items[2 * a].since == n -> 2 * a : 2 * a + 1);
				if
				:: items[new].listed && items[new].since == n ->
					items[new].listed = 0;
					gen++;
					items[new].eventfd = NONE
				:: else
				fi;
				a++
			:: else -> break
			od;
			a = 0;
			do
			:: a < ADDRS ->
				old = (items[2 * a].listed -> 2 * a : 2 * a + 1);
				items[old].leaves = 0;
				a++
			:: else -> break
			od
		:: 1 ->	/* iosignalfd_batch_commit() */
#ifndef BREAK_FORGET	/* leaves memos of what there was */
			gen++;
#endif
			first[n] = second[epoch];
			second[n] = first[epoch];
#ifndef BREAK_ORDER	/* ends what goes before the epoch begins */
			epoch = n;
#endif
			a = 0;
			do
			:: a < ADDRS ->
				old = (items[2 * a].leaves == n -> 2 * a : 2 * a + 1);
				if
				:: items[old].listed && items[old].leaves == n ->
					items[old].listed = 0;
					items[old].eventfd = NONE
				:: else
				fi;
				a++
			:: else -> break
			od;
			epoch = n;
			returned = n
		fi
	:: else -> break
	od
}

init
{
	atomic {
		items[0].listed = 1;
		items[0].eventfd = 0;
		items[1].eventfd = NONE;
		second[0] = NONE;
		items[2].eventfd = NONE;
#ifndef MOVE
		second[0] = 1;
		items[2].listed = 1;
		items[2].eventfd = 1;
#endif
		items[3].eventfd = NONE;
#if VCPUS > 1
		/* They have written before. */
		vcpus[1].memo_gen[0] = 1;
		vcpus[1].memo_gen[1] = 1;
		vcpus[1].memo_item[1] = (second[0] == NONE -> NONE : 2);
		run vcpu(1);
#endif
		vcpus[0].memo_gen[1] = 1;
		vcpus[0].memo_item[1] = (second[0] == NONE -> NONE : 2);
		run vcpu(0);
		run batcher()
	}
}
