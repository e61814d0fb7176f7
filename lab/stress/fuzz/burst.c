// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer's bursts: threads that race on the same objects, and what must hold then.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "model.h"

#define NR_KEYS		6
#define NR_BELLS	4
#define BURST_OPS	60
#define BURST_RINGS	150
/* Has a route in each table, to one of two vectors. */
#define STEADY_GSI	(NR_GSIS - 1)
#define STEADY_VECTOR	MSI_VECTOR(STEADY_GSI)
/* Has the same route in each table. */
#define KEPT_GSI	(NR_GSIS - 2)
#define KEPT_PORT	(NO_PORT + 8)

/* A registration that threads assign and deassign; its eventfd is fixed. */
struct key {
	struct reg reg;
	int bell;
	atomic_int balance;
};

static struct burst {
	struct tiny_vm vm;
	struct key keys[NR_KEYS];
	/* Two descriptors of each eventfd; burst_closer() closes @files and reopens them. */
	int masters[NR_BELLS], files[NR_BELLS];
	int victim;		/* an eventfd that is closed for good */
	int irqfd;
	int steady;		/* the eventfd of an irqfd that always has a route */
	/* An eventfd that is closed, with an irqfd and a doorbell that are left or end. */
	int kept;
	bool kept_hangup;	/* the doorbell has HANGUP */
	/* When both are taken away: not in this burst if it isn't below BURST_OPS. */
	int end_kept, end_bell;
	uint64_t seed;
	atomic_uint exits;
	atomic_int bad;
	atomic_bool over;
	pthread_barrier_t begin;
} burst;

static void burst_error(const char *what, int err)
{
	if (!atomic_exchange(&burst.bad, 1))
		printf("# fuzz: in a burst: %s: %s\n", what, strerror(err));
}

static void burst_seed(int thread)
{
	seed_thread(burst.seed, thread);
	pthread_barrier_wait(&burst.begin);
}

static void *burst_registrar(void *arg)
{
	int i;

	burst_seed((intptr_t)arg);
	for (i = 0; i < BURST_OPS; i++) {
		struct key *key = &burst.keys[rnd(NR_KEYS)];
		struct reg *reg = &key->reg;
		bool add = one_in(2);
		int ret, fd = one_in(2) ? burst.files[key->bell] :
			 burst.masters[key->bell];

		ret = tiny_iosignalfd(burst.vm.fd, fd, reg->addr, reg->len,
				      reg_flags(reg) |
				      (add ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
				      reg->value);
		if (!ret)
			atomic_fetch_add(&key->balance, add ? 1 : -1);
		else if (errno != (add ? EEXIST : ENOENT) && errno != EBADF)
			burst_error(add ? "assign" : "deassign", errno);
	}
	return NULL;
}

/* Closes descriptors while the other threads use them, and duplicates them again. */
static void *burst_closer(void *arg)
{
	uint64_t one = 1;
	int i;

	burst_seed((intptr_t)arg);
	for (i = 0; i < BURST_OPS; i++) {
		int bell = rnd(NR_BELLS);

		close(burst.files[bell]);
		if (one_in(2))
			sched_yield();
		/* No other thread opens anything, so the number is still free. */
		if (dup2(burst.masters[bell], burst.files[bell]) < 0)
			burst_error("dup2", errno);
		if (i == BURST_OPS / 2) {
			if (write(burst.victim, &one, sizeof(one)) < 0)
				burst_error("write", errno);
			close(burst.victim);
			close(burst.kept);
		}
	}
	return NULL;
}

static int burst_reroute(void)
{
	struct tiny_routes routes = {};
	uint32_t gsi;

	for (gsi = 0; gsi < KEPT_GSI; gsi++) {
		if (gsi < NR_PINS && one_in(2))
			tiny_route_pin(&routes, gsi, one_in(2));
		else if (one_in(2))
			tiny_route_msi(&routes, gsi);
	}
	tiny_route_msi(&routes, KEPT_GSI);
	tiny_route_msi(&routes, STEADY_GSI);
	routes.entries[routes.head.nr - 1].u.msi.data = STEADY_VECTOR + rnd(2);
	/* The others' routes stay then. */
	if (one_in(2))
		return tiny_set_gsi_routes(burst.vm.fd, routes.entries,
					   routes.head.nr);
	return ioctl(burst.vm.fd, KVM_SET_GSI_ROUTING, &routes);
}

/* Signals the irqfd that always has a route. */
static void *burst_signaller(void *arg)
{
	uint64_t one = 1;
	int i;

	burst_seed((intptr_t)arg);
	for (i = 0; i < BURST_RINGS; i++)
		if (write(burst.steady, &one, sizeof(one)) < 0)
			burst_error("write", errno);
	return NULL;
}

/* Masks that irqfd, and unmasks it in the end, when all its signals have a route. */
static void *burst_masker(void *arg)
{
	struct kvm_irqfd_control_one one = { .fd = burst.steady };
	int i;

	burst_seed((intptr_t)arg);
	for (i = 0; can_control() && i < BURST_OPS; i++)
		if (tiny_control(burst.vm.fd, i % 2 ? KVM_IRQFD_CONTROL_UNMASK :
				 KVM_IRQFD_CONTROL_MASK, &one, 1, NULL) != 1)
			burst_error("KVM_IRQFD_CONTROL", errno);
	return NULL;
}

/* Irqfds are assigned, signalled and deassigned while the routes change. */
static void *burst_interrupter(void *arg)
{
	int i;

	burst_seed((intptr_t)arg);
	for (i = 0; i < BURST_OPS; i++) {
		struct kvm_irqfd_control_one moved = { .fd = burst.irqfd };
		uint32_t gsi = rnd(KEPT_GSI);
		uint64_t one = 1;

		switch (rnd(7)) {
		case 0:
			if (tiny_irqfd(burst.vm.fd, burst.irqfd, gsi, 0, -1) &&
			    errno != EBUSY)
				burst_error("KVM_IRQFD", errno);
			break;
		case 1:
			if (tiny_irqfd(burst.vm.fd, burst.irqfd, gsi,
				       KVM_IRQFD_FLAG_DEASSIGN, -1))
				burst_error("KVM_IRQFD, deassign", errno);
			break;
		case 2:
			if (burst_reroute())
				burst_error("KVM_SET_GSI_ROUTING", errno);
			break;
		case 3:
			moved.gsi = gsi;
			if (can_control() &&
			    tiny_control(burst.vm.fd, rnd(KVM_IRQFD_CONTROL_MOVE + 1),
					 &moved, 1, NULL) < 0 && errno != ENOENT)
				burst_error("KVM_IRQFD_CONTROL", errno);
			break;
		default:
			if (write(burst.irqfd, &one, sizeof(one)) < 0)
				burst_error("write", errno);
		}
	}
	return NULL;
}

static int end_kept_irqfds(void)
{
	return tiny_irqfd(burst.vm.fd, KVM_IRQFD_CLOSED, KEPT_GSI,
			  KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_KEEP, -1);
}

static int end_kept_bell(void)
{
	return tiny_iosignalfd(burst.vm.fd, -1, KEPT_PORT, 4, KVM_IOSIGNALFD_FLAG_PIO |
			       KVM_IOSIGNALFD_FLAG_DEASSIGN | KVM_IOSIGNALFD_FLAG_ANY_FD, 0);
}

/* Ends what keeps the closed eventfd's irqfd, and that irqfd. */
static void *burst_ender(void *arg)
{
	int i;

	burst_seed((intptr_t)arg);
	for (i = 0; keep_ends() && i < BURST_OPS; i++) {
		if (i >= burst.end_kept && end_kept_irqfds())
			burst_error("deassign of what is closed", errno);
		if (i == burst.end_bell && end_kept_bell() &&
		    (errno != ENOENT || !burst.kept_hangup))
			burst_error("deassign of a closed eventfd's", errno);
		sched_yield();
	}
	return NULL;
}

static void *burst_vcpu(void *arg)
{
	struct outcome o;
	int i;

	burst_seed((intptr_t)arg);
	for (i = 0; i < BURST_RINGS; i++) {
		struct reg *reg = &burst.keys[rnd(NR_KEYS)].reg;

		if (!tiny_access(&burst.vm, reg->pio ? OUT4 : STORE4, reg->addr,
				 one_in(2) ? reg->value : 0, &o))
			break;
		atomic_fetch_add(&burst.exits, o.exits);
		if (one_in(3) && !tiny_access(&burst.vm, OUT4, KEPT_PORT, 0, &o))
			break;
	}
	return NULL;
}

static uint64_t count_of(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static int new_eventfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		die("eventfd");
	return fd;
}

static void burst_begin(void)
{
	unsigned int i;

	burst.seed = ((uint64_t)rnd(UINT32_MAX) << 32) | rnd(UINT32_MAX);
	atomic_store(&burst.exits, 0);
	for (i = 0; i < NR_BELLS; i++) {
		burst.masters[i] = new_eventfd();
		burst.files[i] = fcntl(burst.masters[i], F_DUPFD_CLOEXEC, 3);
	}
	burst.victim = new_eventfd();
	burst.irqfd = new_eventfd();
	burst.steady = new_eventfd();
	burst.kept = new_eventfd();
	burst.kept_hangup = one_in(2);
	burst.end_kept = rnd(2 * BURST_OPS);
	burst.end_bell = rnd(2 * BURST_OPS);
	if (burst_reroute() ||
	    tiny_irqfd(burst.vm.fd, burst.steady, STEADY_GSI, 0, -1))
		die("a burst's irqfd");
	for (i = 0; i < NR_KEYS; i++) {
		struct key *key = &burst.keys[i];

		/* Two values share a port, and two an address; none conflicts with another. */
		key->reg = (struct reg) {
			.pio = i % 2, .match = true, .len = 4, .value = i + 1,
			.addr = place_addr(i % 2, i / 4),
		};
		key->bell = rnd(NR_BELLS);
		atomic_store(&key->balance, 0);
	}
	if (tiny_irqfd(burst.vm.fd, burst.victim, 24, 0, -1) ||
	    tiny_iosignalfd(burst.vm.fd, burst.victim, NO_PORT, 4,
			    KVM_IOSIGNALFD_FLAG_PIO, 0) ||
	    tiny_iosignalfd(burst.vm.fd, burst.victim, NO_PORT + 4, 4,
			    KVM_IOSIGNALFD_FLAG_PIO |
			    KVM_IOSIGNALFD_FLAG_HANGUP, 0))
		die("a burst's victim");
	if (keep_ends() &&
	    (tiny_irqfd(burst.vm.fd, burst.kept, KEPT_GSI, KVM_IRQFD_FLAG_KEEP, -1) ||
	     tiny_iosignalfd(burst.vm.fd, burst.kept, KEPT_PORT, 4, KVM_IOSIGNALFD_FLAG_PIO |
			     (burst.kept_hangup ? KVM_IOSIGNALFD_FLAG_HANGUP : 0), 0)))
		die("a burst's kept irqfd");
}

/* Ring the closed eventfd's doorbell; does that interrupt? */
static bool ring_kept(double patience)
{
	struct kvm_lapic_state lapic;
	double end = now() + patience;
	struct outcome o;

	if (ioctl(burst.vm.vcpu, KVM_GET_LAPIC, &lapic))
		die("KVM_GET_LAPIC");
	memset(lapic.regs + 0x200, 0, 0x80);
	if (ioctl(burst.vm.vcpu, KVM_SET_LAPIC, &lapic))
		die("KVM_SET_LAPIC");
	tiny_access(&burst.vm, OUT4, KEPT_PORT, 0, &o);
	do {
		if (ioctl(burst.vm.vcpu, KVM_GET_LAPIC, &lapic))
			die("KVM_GET_LAPIC");
		if (has_bit(lapic.regs, MSI_VECTOR(KEPT_GSI)))
			return true;
	} while (now() < end);
	return false;
}

/*
 * The closed eventfd's irqfd interrupts for as long as nothing has ended it, and not after
 * that.  Its doorbell is left unless it was taken away or has lost the irqfd.
 */
static void burst_check_kept(void)
{
	bool bell_left = burst.end_bell >= BURST_OPS;

	if (!keep_ends())
		return;
	if (bell_left && burst.end_kept >= BURST_OPS &&
	    (!burst.kept_hangup || keep_ends() == KVM_IRQFD_KEEP_TO_PRODUCERS) &&
	    !ring_kept(PATIENCE))
		wrong("an irqfd without a file has been lost");
	expect("deassign of what is closed", end_kept_irqfds(), 0);
	if (ring_kept(0))
		wrong("an irqfd that was ended by its GSI interrupts");
	expect("the doorbell of an eventfd that is closed", end_kept_bell(),
	       bell_left && !burst.kept_hangup ? 0 : ENOENT);
}

/* Each signal has found a route, and an interrupt has arrived. */
static void burst_check_steady(void)
{
	unsigned long wakeup, work, lost;
	struct kvm_lapic_state lapic;
	char path[100], line[300];
	unsigned int gsi;
	FILE *f;

	if (ioctl(burst.vm.vcpu, KVM_GET_LAPIC, &lapic))
		die("KVM_GET_LAPIC");
	if (!has_bit(lapic.regs, STEADY_VECTOR) &&
	    !has_bit(lapic.regs, STEADY_VECTOR + 1))
		wrong("no interrupt of %u signals under new routes", BURST_RINGS);
	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/irqfds",
		 getpid(), burst.vm.fd);
	/* Stock modules don't have it. */
	f = fopen(path, "r");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		const char *counts = strstr(line, " wakeup=");

		if (sscanf(line, "gsi=%u ", &gsi) != 1 ||
		    gsi != STEADY_GSI || !counts ||
		    sscanf(counts, " wakeup=%lu work=%lu undeliverable=%lu",
			   &wakeup, &work, &lost) != 3)
			continue;
		if (lost || wakeup + work > BURST_RINGS)
			wrong("of %u signals under new routes: %s", BURST_RINGS,
			      line);
	}
	fclose(f);
}

/* Each registration is there, and can be deassigned, exactly if its balance is 1. */
static void burst_check(void)
{
	uint64_t rings = 0;
	unsigned int i;

	for (i = 0; i < NR_KEYS; i++) {
		struct key *key = &burst.keys[i];
		int balance = atomic_load(&key->balance), ret;

		if (balance != 0 && balance != 1)
			wrong("a registration was made %d times more than unmade",
			      balance);
		ret = tiny_iosignalfd(burst.vm.fd, burst.masters[key->bell],
				      key->reg.addr, key->reg.len,
				      reg_flags(&key->reg) |
				      KVM_IOEVENTFD_FLAG_DEASSIGN,
				      key->reg.value);
		expect("what a burst left", ret, balance ? 0 : ENOENT);
	}
	/* The victim's registration with HANGUP is gone, the other one is still there. */
	for (i = 0; i < 2; i++)
		expect("the place of an eventfd that is closed",
		       tiny_iosignalfd(burst.vm.fd, -1, NO_PORT + 4 * i, 4,
				       KVM_IOSIGNALFD_FLAG_PIO |
				       KVM_IOSIGNALFD_FLAG_DEASSIGN |
				       KVM_IOSIGNALFD_FLAG_ANY_FD, 0),
		       i ? ENOENT : 0);
	for (i = 0; i < NR_BELLS; i++)
		rings += count_of(burst.masters[i]);
	if (rings + atomic_load(&burst.exits) != BURST_RINGS)
		wrong("of %u writes %llu rang and %u came to user space",
		      BURST_RINGS, (unsigned long long)rings,
		      atomic_load(&burst.exits));
	for (i = 0; i < NR_BELLS; i++) {
		close(burst.masters[i]);
		close(burst.files[i]);
	}
	burst_check_steady();
	burst_check_kept();
	close(burst.irqfd);
	close(burst.steady);
}

void do_burst(void)
{
	void *(*const parts[])(void *) = {
		burst_registrar, burst_registrar, burst_closer, burst_ender,
		burst_interrupter, burst_signaller, burst_masker, burst_vcpu,
	};
	pthread_t threads[ARRAY_SIZE(parts)];
	size_t i;

	say("a burst");
	nr_bursts++;
	tiny_create(&burst.vm, CHIP_FULL);
	nr_vms++;
	burst_begin();
	pthread_barrier_init(&burst.begin, NULL, ARRAY_SIZE(parts));
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (pthread_create(&threads[i], NULL, parts[i], (void *)i))
			die("thread");
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		pthread_join(threads[i], NULL);
	if (atomic_load(&burst.bad))
		wrong("a call in a burst");
	burst_check();
	/* VM close must end what is left. */
	close(burst.vm.fd);
	tiny_free_vcpu(&burst.vm);
}
