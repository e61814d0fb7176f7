// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two vCPUs ring while registrations come and go.
 */
#include <pthread.h>
#include <stdint.h>

#include "io_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

/*
 * Two vCPUs that do nothing but ring.  Each counts its writes; the value it writes
 * is the flag that it has just read.
 */
#define NR_RINGERS	2

struct ringer {
	uint64_t writes;
	uint32_t knew;
} __aligned(64);

struct ringers {
	uint64_t addr;
	bool pio;
	uint32_t stop;
	uint32_t flag;
	struct ringer vcpu[NR_RINGERS];
};

static struct ringers ringers;

static void guest_ring(uint32_t id)
{
	struct ringer *me = &ringers.vcpu[id];

	guest_irqs_on();

	while (!READ_ONCE(ringers.stop)) {
		uint32_t flag = READ_ONCE(ringers.flag);

		guest_write(ringers.pio, ringers.addr, flag);
		WRITE_ONCE(me->knew, flag);
		WRITE_ONCE(me->writes, me->writes + 1);
	}

	GUEST_DONE();
}

/* The host's side of them. */
struct ringing {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpus[NR_RINGERS];
	pthread_t threads[NR_RINGERS];
	/* The guest's copy. */
	struct ringers *guest;
};

FIXTURE(ringing) {
	struct ringing ringing;
	struct kvm_vm *vm;
	uint32_t flags;
	uint64_t base;
	int fd;
};

FIXTURE_VARIANT(ringing) {
	uint32_t flags;
	uint64_t base;
};

#ifdef GUESTS_HAVE_PORTS
FIXTURE_VARIANT_ADD(ringing, pio) {
	.flags = FLAG_PIO,
	.base = PIO_BASE,
};
#endif

FIXTURE_VARIANT_ADD(ringing, mmio) {
	.base = MMIO_BASE,
};

FIXTURE_SETUP(ringing)
{
	struct ringers init = { .addr = variant->base, .pio = variant->flags & FLAG_PIO };
	struct ringing *r = &self->ringing;
	int i;

	r->vm = vm_create_with_vcpus(NR_RINGERS, guest_ring, r->vcpus);
	virt_map(r->vm, MMIO_BASE, MMIO_BASE, MMIO_PAGES);
	write_guest_global(r->vm, ringers, init);
	r->guest = addr_gva2hva(r->vm, (uint64_t)&ringers);
	for (i = 0; i < NR_RINGERS; i++)
		vcpu_args_set(r->vcpus[i], 1, i);

	self->vm = r->vm;
	self->flags = variant->flags;
	self->base = variant->base;
	self->fd = new_eventfd();
}

FIXTURE_TEARDOWN(ringing)
{
	close(self->fd);
	kvm_vm_free(self->vm);
}

/* The writes of a ringing vCPU that exited to user space. */
struct ringer_exits {
	uint64_t all;
	/* Those with the flag set: the vCPU could know of the registration. */
	uint64_t flagged;
};

static void *ringer_thread(void *arg)
{
	struct kvm_vcpu *vcpu = arg;
	struct ringer_exits *exits;
	struct ucall uc;

	exits = calloc(1, sizeof(*exits));
	TEST_ASSERT(exits, "calloc() failed");

	for (;;) {
		vcpu_run(vcpu);

		switch (get_ucall(vcpu, &uc)) {
		case UCALL_NONE:
			exits->all++;
			exits->flagged += !!exit_value(vcpu);
			break;
		case UCALL_DONE:
			return exits;
		case UCALL_ABORT:
			REPORT_GUEST_ASSERT(uc);
		default:
			TEST_FAIL("Unexpected ucall %lu", uc.cmd);
		}
	}
}

static void start_ringing(struct ringing *r)
{
	int i;

	for (i = 0; i < NR_RINGERS; i++)
		TEST_ASSERT(!pthread_create(&r->threads[i], NULL, ringer_thread,
					    r->vcpus[i]), "pthread_create() failed");
}

/* Stop the vCPUs and sum up their exits; returns the number of their writes. */
static uint64_t stop_ringing(struct ringing *r, struct ringer_exits *sum)
{
	uint64_t writes = 0;
	int i;

	memset(sum, 0, sizeof(*sum));
	WRITE_ONCE(r->guest->stop, 1);

	for (i = 0; i < NR_RINGERS; i++) {
		struct ringer_exits *exits;

		TEST_ASSERT(!pthread_join(r->threads[i], (void **)&exits),
			    "pthread_join() failed");
		sum->all += exits->all;
		sum->flagged += exits->flagged;
		free(exits);

		writes += r->guest->vcpu[i].writes;
	}

	return writes;
}

/* Have each vCPU write at least @nr times from now on. */
static void let_ring(struct ringing *r, uint64_t nr)
{
	uint64_t from;
	int i;

	for (i = 0; i < NR_RINGERS; i++) {
		struct ringer *ringer = &r->guest->vcpu[i];

		from = READ_ONCE(ringer->writes);
		WAIT_FOR(READ_ONCE(ringer->writes) >= from + nr,
			 "vCPU %d: wanted %lu writes, got %lu", i, nr,
			 READ_ONCE(ringer->writes) - from);
	}
}

/* Set the flag and wait until each vCPU writes it. */
static void set_flag(struct ringing *r, uint32_t flag)
{
	int i;

	WRITE_ONCE(r->guest->flag, flag);

	for (i = 0; i < NR_RINGERS; i++)
		WAIT_FOR(READ_ONCE(r->guest->vcpu[i].knew) == flag,
			 "vCPU %d: wanted it to see flag %u, has %u", i, flag,
			 READ_ONCE(r->guest->vcpu[i].knew));
}

#define RINGING_ROUNDS	rounds(100)

/*
 * While iosignalfds come and go, each write rings once or exits once.  Once
 * deassign has returned, KVM doesn't signal the eventfd any more.
 */
TEST_F(ringing, come_and_go)
{
	struct ringer_exits exits;
	uint64_t rings = 0, late, writes;
	int i;

	start_ringing(&self->ringing);
	let_ring(&self->ringing, 1);

	for (i = 0; i < RINGING_ROUNDS; i++) {
		struct kvm_iosignalfd sig = {
			.addr = self->base,
			.len = i & 1 ? 4 : 0,
			.fd = self->fd,
			.flags = self->flags,
		};

		io_assign_ok(self->vm, sig);
		let_ring(&self->ringing, 1 + i % 4);
		io_unassign_ok(self->vm, sig);
		rings += take(self->fd);

		let_ring(&self->ringing, 2);
		late = take(self->fd);
		TEST_ASSERT(!late, "Round %d: %lu signals after deassign had returned", i, late);
	}

	writes = stop_ringing(&self->ringing, &exits);
	TEST_ASSERT(writes == rings + exits.all,
		    "%lu writes: wanted as many signals and exits, got %lu + %lu", writes, rings,
		    exits.all);
}

/*
 * Once a vCPU can know that assign has returned, here from a flag in its memory,
 * its next write rings.
 *
 * Pins a registration that is published while a vCPU still uses an older state of
 * the bus.
 */
TEST_F(ringing, seen_once_assign_returned)
{
	struct ringer_exits exits;
	int i;

	start_ringing(&self->ringing);
	let_ring(&self->ringing, 1);

	for (i = 0; i < RINGING_ROUNDS; i++) {
		struct kvm_iosignalfd sig = {
			.addr = self->base,
			.len = i & 1 ? 4 : 0,
			.fd = self->fd,
			.flags = self->flags,
		};

		io_assign_ok(self->vm, sig);
		set_flag(&self->ringing, i + 1);
		/* Deassign only after no vCPU writes the flag any more. */
		set_flag(&self->ringing, 0);
		io_unassign_ok(self->vm, sig);
	}

	stop_ringing(&self->ringing, &exits);
	TEST_ASSERT(!exits.flagged, "%lu writes came to user space though assign had returned",
		    exits.flagged);
}

/* A registration loses no write while others beside it come and go. */
TEST_F(ringing, others_come_and_go)
{
	struct kvm_iosignalfd sig = {
		.addr = self->base, .len = 4, .fd = self->fd, .flags = self->flags,
	};
	const bool pio = self->flags & FLAG_PIO;
	struct ringer_exits exits;
	uint64_t writes, rings;
	int i;

	io_assign_ok(self->vm, sig);
	start_ringing(&self->ringing);

	for (i = 0; i < RINGING_ROUNDS; i++) {
		struct kvm_iosignalfd other = {
			/* Another length at the same address, or another address. */
			.addr = self->base + (i & 1 ? 4 : 0),
			.len = 2,
			.flags = self->flags,
		};

		other.fd = new_eventfd();
		io_assign_ok(self->vm, other);
		kvm_vm_register_coalesced_io(self->vm, self->base + 8, 8, pio);
		let_ring(&self->ringing, 1);
		io_unassign_ok(self->vm, other);
		kvm_vm_unregister_coalesced_io(self->vm, self->base + 8, 8, pio);
		TEST_ASSERT(!take(other.fd), "Round %d: the other eventfd was signalled", i);
		close(other.fd);
	}

	writes = stop_ringing(&self->ringing, &exits);
	rings = take(self->fd);
	TEST_ASSERT(writes == rings && !exits.all,
		    "%lu writes: wanted as many signals and no exit, got %lu and %lu", writes,
		    rings, exits.all);
}

/* Both vCPUs write one value while other values at the address come and go. */
TEST_F(ringing, one_value_comes_and_goes)
{
	struct kvm_iosignalfd sig = {
		.addr = self->base,
		.len = 4,
		.trigger = 1,
		.fd = self->fd,
		.flags = self->flags | FLAG_TRIGGER,
	};
	struct kvm_iosignalfd other = sig;
	struct ringer_exits exits;
	uint64_t writes, rings;
	int i;

	other.fd = new_eventfd();
	io_assign_ok(self->vm, sig);
	WRITE_ONCE(self->ringing.guest->flag, 1);
	start_ringing(&self->ringing);

	for (i = 0; i < RINGING_ROUNDS; i++) {
		other.trigger = i & 1 ? 0 : 2 + i;
		io_assign_ok(self->vm, other);
		let_ring(&self->ringing, 1);
		io_unassign_ok(self->vm, other);
	}

	writes = stop_ringing(&self->ringing, &exits);
	rings = take(self->fd);
	TEST_ASSERT(writes == rings && !exits.all,
		    "%lu writes: wanted as many signals and no exit, got %lu and %lu", writes,
		    rings, exits.all);
	TEST_ASSERT(!take(other.fd), "The eventfd of an unwritten value was signalled");
	close(other.fd);
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IOEVENTFD));

	/* Hold a VM throughout, see iosignalfd_test.c. */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
