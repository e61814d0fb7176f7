// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_EVENTFD_BATCH while vCPUs ring: each write is one signal or one exit to user space,
 * and an address that is taken before and after a batch is taken throughout.
 *
 * Broken on purpose, so that what a batch takes away goes before what it adds takes
 * writes, swap fails by writes that went to user space; and the other way round, by writes
 * that signalled twice.
 */
#include <pthread.h>
#include <stdint.h>

#include "eventfd_batch.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "io_vm.h"

#define NR_RINGERS	2
/* Doorbells of a BAR. */
#define NR_BELLS	8
/* From a doorbell of one BAR to the same of the other one. */
#define OTHER_BAR	0x100

struct ringer {
	uint64_t writes;
} __aligned(64);

/* The bit of a write's value that says that the vCPU knew of the flag. */
#define KNEW		0x100

struct ringers {
	uint64_t base;
	bool pio;
	uint32_t stop;
	uint32_t flag;
	struct ringer vcpu[NR_RINGERS];
};

static struct ringers ringers;

/* All doorbells of both BARs in turn. */
static void guest_ring(uint32_t id)
{
	struct ringer *me = &ringers.vcpu[id];
	uint32_t value;
	uint64_t addr;
	int i;

	guest_irqs_on();

	while (!READ_ONCE(ringers.stop)) {
		for (i = 0; i < 2 * NR_BELLS; i++) {
			addr = ringers.base + 4 * (i / 2) + (i % 2 ? OTHER_BAR : 0);
			value = i | READ_ONCE(ringers.flag);
			guest_write(ringers.pio, addr, value);
			WRITE_ONCE(me->writes, me->writes + 1);
		}
	}

	GUEST_DONE();
}

/* The host's side of them. */
struct ringing {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpus[NR_RINGERS];
	pthread_t threads[NR_RINGERS];
	struct ringers *guest;
	struct kvm_iosignalfd sig[2 * NR_BELLS];
	/* What was taken from the eventfds, and what went to user space. */
	uint64_t signals;
	uint64_t exits;
	/* Of these: those of a vCPU that knew of the flag. */
	uint64_t knew;
};

struct exits {
	uint64_t all;
	uint64_t knew;
};

FIXTURE(ringing) {
	struct ringing r;
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

/* A registration for each doorbell of the first BAR, and then of the second. */
FIXTURE_SETUP(ringing)
{
	struct ringers init = { .base = variant->base, .pio = variant->flags & FLAG_PIO };
	int i;

	self->r.vm = vm_create_with_vcpus(NR_RINGERS, guest_ring, self->r.vcpus);
	virt_map(self->r.vm, MMIO_BASE, MMIO_BASE, MMIO_PAGES);
	write_guest_global(self->r.vm, ringers, init);
	self->r.guest = addr_gva2hva(self->r.vm, (uint64_t)&ringers);
	for (i = 0; i < NR_RINGERS; i++)
		vcpu_args_set(self->r.vcpus[i], 1, i);

	for (i = 0; i < 2 * NR_BELLS; i++)
		self->r.sig[i] = (struct kvm_iosignalfd) {
			.addr = variant->base + 4 * (i % NR_BELLS) +
				(i < NR_BELLS ? 0 : OTHER_BAR),
			.len = 4,
			.fd = new_eventfd(),
			.flags = variant->flags,
		};
}

FIXTURE_TEARDOWN(ringing)
{
	int i;

	for (i = 0; i < 2 * NR_BELLS; i++)
		close(self->r.sig[i].fd);
	kvm_vm_free(self->r.vm);
}

static void *ringer_thread(void *arg)
{
	struct kvm_vcpu *vcpu = arg;
	struct exits *exits = calloc(1, sizeof(*exits));
	struct ucall uc;

	TEST_ASSERT(exits, "calloc() failed");
	for (;;) {
		vcpu_run(vcpu);
		switch (get_ucall(vcpu, &uc)) {
		case UCALL_NONE:
			exits->all++;
			exits->knew += !!(exit_value(vcpu) & KNEW);
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
	for (i = 0; i < NR_RINGERS; i++)
		WAIT_FOR(READ_ONCE(r->guest->vcpu[i].writes), "vCPU %d doesn't write", i);
}

static void take_signals(struct ringing *r)
{
	int i;

	for (i = 0; i < 2 * NR_BELLS; i++)
		r->signals += take(r->sig[i].fd);
}

/* Returns the number of writes. */
static uint64_t stop_ringing(struct ringing *r)
{
	struct exits *exits;
	uint64_t writes = 0;
	int i;

	WRITE_ONCE(r->guest->stop, 1);
	for (i = 0; i < NR_RINGERS; i++) {
		TEST_ASSERT(!pthread_join(r->threads[i], (void **)&exits),
			    "pthread_join() failed");
		r->exits += exits->all;
		r->knew += exits->knew;
		free(exits);
		writes += r->guest->vcpu[i].writes;
	}
	take_signals(r);

	return writes;
}

/* Move registration @i to the other BAR. */
static struct kvm_eventfd_op move_across(struct kvm_iosignalfd *sig)
{
	struct kvm_eventfd_op op = move_op(*sig, sig->addr ^ OTHER_BAR);

	sig->addr ^= OTHER_BAR;
	return op;
}

/* All addresses stay taken, so no write goes to user space, and each is one signal. */
TEST_F_TIMEOUT(ringing, swap, 600)
{
	struct kvm_eventfd_op ops[2 * NR_BELLS];
	int i, round, nr = rounds(10000 / NR_BELLS);
	uint64_t writes;

	for (i = 0; i < 2 * NR_BELLS; i++)
		io_assign_ok(self->r.vm, self->r.sig[i]);
	start_ringing(&self->r);

	for (round = 0; round < nr; round++) {
		for (i = 0; i < 2 * NR_BELLS; i++)
			ops[i] = move_across(&self->r.sig[i]);
		ASSERT_BATCH_OK(self->r.vm, ops, 2 * NR_BELLS);
		take_signals(&self->r);
	}

	writes = stop_ringing(&self->r);
	TEST_ASSERT(!self->r.exits, "%lu writes went to user space", self->r.exits);
	TEST_ASSERT(self->r.signals == writes, "%lu writes, %lu signals", writes, self->r.signals);
}

/*
 * The same by ends and begins with other eventfds, of every kind: one value, every value,
 * several that share the write, and no length.
 */
TEST_F_TIMEOUT(ringing, replace, 600)
{
	struct kvm_eventfd_op ops[4 * NR_BELLS];
	struct kvm_iosignalfd sig[2 * NR_BELLS];
	int i, round, nr = rounds(500), n;
	uint64_t writes;
	uint32_t id;

	for (i = 0; i < 2 * NR_BELLS; i++)
		io_assign_ok(self->r.vm, self->r.sig[i]);
	memcpy(sig, self->r.sig, sizeof(sig));
	start_ringing(&self->r);

	for (round = 1; round <= nr; round++) {
		for (i = 0, n = 0; i < 2 * NR_BELLS; i++) {
			ops[n++] = io_end_op(sig[i]);
			/* Who has the address, and what the guest writes there. */
			id = (i + round) % (2 * NR_BELLS);
			sig[i].fd = self->r.sig[id].fd;
			sig[i].len = round % 4 == 3 ? 0 : 4;
			sig[i].flags = variant->flags;
			if (round % 4 == 1)
				sig[i].flags |= FLAG_TRIGGER;
			if (round % 4 == 2)
				sig[i].flags |= FLAG_FANOUT;
			sig[i].trigger = 2 * (i % NR_BELLS) + i / NR_BELLS;
			ops[n++] = io_op(sig[i]);
		}
		ASSERT_BATCH_OK(self->r.vm, ops, n);
		take_signals(&self->r);
	}

	writes = stop_ringing(&self->r);
	TEST_ASSERT(!self->r.exits, "%lu writes went to user space", self->r.exits);
	TEST_ASSERT(self->r.signals == writes, "%lu writes, %lu signals", writes, self->r.signals);
}

/* One BAR that is here or there: a write is a signal, or it goes to user space. */
TEST_F_TIMEOUT(ringing, move, 600)
{
	struct kvm_eventfd_op ops[NR_BELLS];
	int i, round, nr = rounds(10000 / NR_BELLS);
	uint64_t writes;

	for (i = 0; i < NR_BELLS; i++)
		io_assign_ok(self->r.vm, self->r.sig[i]);
	start_ringing(&self->r);

	for (round = 0; round < nr; round++) {
		for (i = 0; i < NR_BELLS; i++)
			ops[i] = move_across(&self->r.sig[i]);
		ASSERT_BATCH_OK(self->r.vm, ops, NR_BELLS);
		take_signals(&self->r);
	}

	writes = stop_ringing(&self->r);
	TEST_ASSERT(self->r.exits && self->r.signals, "%lu exits, %lu signals", self->r.exits,
		    self->r.signals);
	TEST_ASSERT(self->r.signals + self->r.exits == writes,
		    "%lu writes, %lu signals and %lu exits", writes, self->r.signals,
		    self->r.exits);
}

/* Until each vCPU has written to all addresses since. */
static void let_ring(struct ringing *r)
{
	uint64_t from;
	int i;

	for (i = 0; i < NR_RINGERS; i++) {
		from = READ_ONCE(r->guest->vcpu[i].writes);
		WAIT_FOR(READ_ONCE(r->guest->vcpu[i].writes) > from + 4 * NR_BELLS,
			 "vCPU %d doesn't write", i);
	}
}

/*
 * A vCPU that has learned from memory that a batch has returned finds what it has added,
 * where it has remembered that there is nothing.
 */
TEST_F_TIMEOUT(ringing, announced, 600)
{
	struct kvm_eventfd_op ops[2 * NR_BELLS];
	int i, round, nr = rounds(500);
	uint64_t writes;

	start_ringing(&self->r);

	for (round = 0; round < nr; round++) {
		for (i = 0; i < 2 * NR_BELLS; i++)
			ops[i] = io_op(self->r.sig[i]);
		ASSERT_BATCH_OK(self->r.vm, ops, 2 * NR_BELLS);
		WRITE_ONCE(self->r.guest->flag, KNEW);
		let_ring(&self->r);
		WRITE_ONCE(self->r.guest->flag, 0);
		let_ring(&self->r);

		for (i = 0; i < 2 * NR_BELLS; i++)
			ops[i] = io_end_op(self->r.sig[i]);
		ASSERT_BATCH_OK(self->r.vm, ops, 2 * NR_BELLS);
		take_signals(&self->r);
	}

	writes = stop_ringing(&self->r);
	TEST_ASSERT(!self->r.knew, "%lu writes of vCPUs that knew went to user space",
		    self->r.knew);
	TEST_ASSERT(self->r.signals + self->r.exits == writes,
		    "%lu writes, %lu signals and %lu exits", writes, self->r.signals,
		    self->r.exits);
}

/* A batch that fails is none: nothing that it would have added is signalled. */
TEST_F_TIMEOUT(ringing, fail, 600)
{
	struct kvm_eventfd_op ops[2 * NR_BELLS + 1];
	int i, round, nr = rounds(1000);
	uint64_t writes;

	for (i = 0; i < NR_BELLS; i++)
		io_assign_ok(self->r.vm, self->r.sig[i]);
	start_ringing(&self->r);

	for (round = 0; round < nr; round++) {
		for (i = 0; i < NR_BELLS; i++) {
			ops[2 * i] = io_end_op(self->r.sig[i]);
			ops[2 * i + 1] = io_op(self->r.sig[i + NR_BELLS]);
		}
		ops[2 * i] = io_end_op(self->r.sig[NR_BELLS]);
		ASSERT_BATCH_FAILS(ENOENT, 2 * NR_BELLS, self->r.vm, ops, 2 * NR_BELLS + 1);
		for (i = NR_BELLS; i < 2 * NR_BELLS; i++)
			TEST_ASSERT(!take(self->r.sig[i].fd), "What has failed was signalled");
		take_signals(&self->r);
	}

	writes = stop_ringing(&self->r);
	TEST_ASSERT(self->r.signals + self->r.exits == writes,
		    "%lu writes, %lu signals and %lu exits", writes, self->r.signals,
		    self->r.exits);
	TEST_ASSERT(self->r.signals / NR_RINGERS > self->r.exits / NR_RINGERS - 2 * NR_BELLS &&
		    self->r.exits / NR_RINGERS > self->r.signals / NR_RINGERS - 2 * NR_BELLS,
		    "%lu signals and %lu exits aren't half and half", self->r.signals,
		    self->r.exits);
}

/* Two threads that want to have the same registrations in different places. */
struct mover {
	struct kvm_vm *vm;
	struct kvm_iosignalfd sig[NR_BELLS];
	int nr;
	int moved;
};

static void *move_on(void *arg)
{
	struct mover *m = arg;
	struct kvm_eventfd_op ops[NR_BELLS];
	int i, round, ret;
	uint32_t failed;

	for (round = 0; round < m->nr; round++) {
		for (i = 0; i < NR_BELLS; i++)
			ops[i] = move_across(&m->sig[i]);
		ret = eventfd_batch(m->vm, ops, NR_BELLS, &failed);
		TEST_ASSERT(!ret || (ret == ENOENT && !failed), "Errno %d at %u", ret, failed);
		m->moved += !ret;
	}

	return NULL;
}

TEST_F_TIMEOUT(ringing, against_each_other, 600)
{
	struct mover m[2];
	pthread_t thread[2];
	uint64_t writes;
	int i;

	for (i = 0; i < NR_BELLS; i++)
		io_assign_ok(self->r.vm, self->r.sig[i]);
	start_ringing(&self->r);

	for (i = 0; i < 2; i++) {
		m[i] = (struct mover) { .vm = self->r.vm, .nr = rounds(2000) };
		memcpy(m[i].sig, self->r.sig, sizeof(m[i].sig));
		pthread_create(&thread[i], NULL, move_on, &m[i]);
	}
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);

	writes = stop_ringing(&self->r);
	TEST_ASSERT(m[0].moved && m[1].moved, "Moved %d and %d times", m[0].moved, m[1].moved);
	TEST_ASSERT(self->r.signals + self->r.exits == writes,
		    "%lu writes, %lu signals and %lu exits", writes, self->r.signals,
		    self->r.exits);
	TEST_ASSERT(vm_stat(self->r.vm, "nr_iosignalfds") == NR_BELLS, "Some are missing");

	/* All of them are on the same side. */
	if ((m[0].moved + m[1].moved) % 2)
		for (i = 0; i < NR_BELLS; i++)
			self->r.sig[i].addr ^= OTHER_BAR;
	for (i = 0; i < NR_BELLS; i++)
		io_unassign_ok(self->r.vm, self->r.sig[i]);
}

int main(int argc, char **argv)
{
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_EVENTFD_BATCH));
	return test_harness_run(argc, argv);
}
