// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPUs ring a thousand registrations at random while threads assign, deassign
 * and close.  Each write is one signal or one exit to user space, so in the end
 * the signals of all eventfds are the writes less the exits.
 *
 * SECONDS in the environment is the duration; the default is 8.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "io_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define NR_VCPUS	4
#define NR_CHANGERS	2
#define NR_ITEMS	1000
#define SECONDS		8
/* So many items are values at one address; each of the others has its own address. */
#define NR_VALUES	500

struct stress_vcpu {
	uint64_t writes;
} __aligned(64);

struct stress_guest {
	uint32_t stop;
	uint32_t pio;
	uint64_t base;
	struct stress_vcpu vcpu[NR_VCPUS];
};

static struct stress_guest stress_guest;

/* The address of item @i: the first for the values, then one for each register. */
static uint64_t item_addr(uint64_t base, uint32_t i)
{
	return i < NR_VALUES ? base : base + 4 * (i - NR_VALUES + 1);
}

static void guest_code(uint32_t id)
{
	struct stress_vcpu *me = &stress_guest.vcpu[id];
	uint32_t random = 12345 + id;

	guest_irqs_on();

	while (!READ_ONCE(stress_guest.stop)) {
		uint64_t addr;
		uint32_t i;

		random = random * 1664525 + 1013904223;
		i = (random >> 8) % NR_ITEMS;
		addr = item_addr(stress_guest.base, i);
		guest_write(stress_guest.pio, addr, i);
		WRITE_ONCE(me->writes, me->writes + 1);
	}

	GUEST_DONE();
}

/* One registration, which one thread at a time changes. */
struct item {
	pthread_mutex_t lock;
	struct kvm_iosignalfd sig;
	bool assigned;
};

struct stress {
	struct kvm_vm *vm;
	/* Flags that this kernel knows. */
	uint32_t known;
	struct item items[NR_ITEMS];
	bool stop;
	uint64_t signals;
	uint64_t exits;
	uint64_t changes;
};

struct stress_thread {
	pthread_t thread;
	struct stress *stress;
	struct kvm_vcpu *vcpu;
	unsigned int seed;
};

/* Once deassign has returned, KVM adds nothing to the eventfd. */
static void change(struct stress *s, struct item *item, unsigned int *seed)
{
	pthread_mutex_lock(&item->lock);

	if (!item->assigned) {
		if (item->sig.fd < 0)
			item->sig.fd = new_eventfd();
		item->sig.flags &= ~FLAG_FANOUT;
		if (rand_r(seed) % 4 == 0)
			item->sig.flags |= FLAG_FANOUT & s->known;
		io_assign_ok(s->vm, item->sig);
		item->assigned = true;
	} else {
		struct kvm_iosignalfd sig = item->sig;

		if (rand_r(seed) % 4 == 0)
			sig.flags |= FLAG_ANY_FD & s->known;
		io_unassign_ok(s->vm, sig);
		item->assigned = false;
		if (rand_r(seed) % 2) {
			__atomic_add_fetch(&s->signals, take(item->sig.fd), __ATOMIC_RELAXED);
			close(item->sig.fd);
			item->sig.fd = -1;
		}
	}

	pthread_mutex_unlock(&item->lock);
	__atomic_add_fetch(&s->changes, 1, __ATOMIC_RELAXED);
}

static void *changer(void *arg)
{
	struct stress_thread *me = arg;
	struct stress *s = me->stress;

	while (!READ_ONCE(s->stop))
		change(s, &s->items[rand_r(&me->seed) % NR_ITEMS], &me->seed);

	return NULL;
}

static void *ringer(void *arg)
{
	struct stress_thread *me = arg;
	uint64_t exits = 0;
	struct ucall uc;

	for (;;) {
		vcpu_run(me->vcpu);

		switch (get_ucall(me->vcpu, &uc)) {
		case UCALL_NONE:
			exit_value(me->vcpu);
			exits++;
			break;
		case UCALL_DONE:
			__atomic_add_fetch(&me->stress->exits, exits, __ATOMIC_RELAXED);
			return NULL;
		case UCALL_ABORT:
			REPORT_GUEST_ASSERT(uc);
		default:
			TEST_FAIL("Unexpected ucall %lu", uc.cmd);
		}
	}
}

static void start(struct stress_thread *t, void *(*main)(void *))
{
	TEST_ASSERT(!pthread_create(&t->thread, NULL, main, t), "pthread_create() failed");
}

static void run_stress(uint32_t bus, uint64_t base)
{
	struct stress_thread ringers[NR_VCPUS], changers[NR_CHANGERS];
	struct stress_guest init = { .pio = bus & FLAG_PIO, .base = base };
	const char *seconds = getenv("SECONDS");
	struct stress s = { .known = kvm_check_cap(KVM_CAP_IOSIGNALFD) };
	struct kvm_vcpu *vcpus[NR_VCPUS];
	struct stress_guest *guest;
	uint64_t writes = 0;
	int i;

	s.vm = vm_create_with_vcpus(NR_VCPUS, guest_code, vcpus);
	virt_map(s.vm, MMIO_BASE, MMIO_BASE, MMIO_PAGES);
	write_guest_global(s.vm, stress_guest, init);
	guest = addr_gva2hva(s.vm, (uint64_t)&stress_guest);

	for (i = 0; i < NR_ITEMS; i++) {
		s.items[i].sig = (struct kvm_iosignalfd) {
			.addr = item_addr(base, i), .len = 4, .fd = -1, .trigger = i,
			.flags = bus | (i < NR_VALUES ? FLAG_TRIGGER : 0) |
				 (i % 3 ? FLAG_HANGUP & s.known : 0),
		};
		pthread_mutex_init(&s.items[i].lock, NULL);
	}

	for (i = 0; i < NR_VCPUS; i++) {
		vcpu_args_set(vcpus[i], 1, i);
		ringers[i] = (struct stress_thread) { .stress = &s, .vcpu = vcpus[i] };
		start(&ringers[i], ringer);
	}
	for (i = 0; i < NR_CHANGERS; i++) {
		changers[i] = (struct stress_thread) { .stress = &s, .seed = i + 1 };
		start(&changers[i], changer);
	}

	sleep(seconds ? atoi(seconds) : SECONDS);

	WRITE_ONCE(s.stop, true);
	for (i = 0; i < NR_CHANGERS; i++)
		pthread_join(changers[i].thread, NULL);
	WRITE_ONCE(guest->stop, 1);
	for (i = 0; i < NR_VCPUS; i++) {
		pthread_join(ringers[i].thread, NULL);
		writes += guest->vcpu[i].writes;
	}

	for (i = 0; i < NR_ITEMS; i++)
		if (s.items[i].sig.fd >= 0) {
			s.signals += take(s.items[i].sig.fd);
			close(s.items[i].sig.fd);
		}

	pr_info("%lu writes, %lu signals, %lu exits, %lu assigned or deassigned\n", writes,
		s.signals, s.exits, s.changes);
	TEST_ASSERT(writes == s.signals + s.exits,
		    "%lu writes, but %lu signals and %lu exits: %ld more than there should be",
		    writes, s.signals, s.exits, (long)(s.signals + s.exits - writes));
	TEST_ASSERT(s.signals && s.exits && s.changes, "Nothing happened at all");

	kvm_vm_free(s.vm);
}

/* Pins no known failure; the sums are what the design promises. */
FIXTURE(stress) {
};

FIXTURE_VARIANT(stress) {
	uint32_t bus;
	uint64_t base;
};

#ifdef GUESTS_HAVE_PORTS
FIXTURE_VARIANT_ADD(stress, pio) {
	.bus = FLAG_PIO,
	.base = PIO_BASE,
};
#endif

FIXTURE_VARIANT_ADD(stress, mmio) {
	.base = MMIO_BASE,
};

FIXTURE_SETUP(stress)
{
}

FIXTURE_TEARDOWN(stress)
{
}

/* The limit is for a minute, on an emulated and loaded machine. */
TEST_F_TIMEOUT(stress, sums, 180)
{
	run_stress(variant->bus, variant->base);
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IOEVENTFD));

	return test_harness_run(argc, argv);
}
