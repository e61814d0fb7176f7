// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_SET_GSI_ROUTES: routes of some GSIs are changed, the others' are left.  And the
 * number of routes that a VM may have.
 *
 * A comment at a subtest names the failure it pins.
 */
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>

#include "irq_routes.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "irqfd_vm.h"
#include "level_vm.h"

/* Leads to the pin of GSI_LEVEL as well. */
#define GSI_SAME_PIN	30

static int max_routes(void)
{
	return kvm_check_cap(KVM_CAP_IRQ_ROUTING);
}

/* A signal of @fd is one more interrupt of the vector, and none of any other. */
static void expect_irq(struct irq_vm *v, int fd, uint8_t vector)
{
	uint64_t all = irqs(v, VECTOR) + irqs(v, VECTOR2), one = irqs(v, vector);

	add(fd, 1);
	assert_irqs(v, vector, one + 1);
	TEST_ASSERT(irqs(v, VECTOR) + irqs(v, VECTOR2) == all + 1,
		    "Wanted vector 0x%x alone", vector);
}

static void expect_none(struct irq_vm *v, int fd)
{
	uint64_t all = irqs(v, VECTOR) + irqs(v, VECTOR2);

	add(fd, 1);
	wait_for_worker(v);
	pass(v);
	TEST_ASSERT(irqs(v, VECTOR) + irqs(v, VECTOR2) == all, "Wanted no interrupt");
}

/* The named GSI gets a route, another one and none; those of the others stay. */
TEST_F(vm, one)
{
	struct kvm_vm *vm = self->v.vm;
	int fd2 = new_eventfd(), pin = new_eventfd(), i;

	assign_ok(vm, self->fd, GSI_MSI);
	assign_ok(vm, fd2, GSI_MSI2);
	assign_ok(vm, pin, GSI_PIN);

	for (i = 0; i < 3; i++) {
		set_gsi_route(vm, msi_route(GSI_MSI, VECTOR2));
		expect_irq(&self->v, self->fd, VECTOR2);
		set_gsi_route(vm, no_route(GSI_MSI));
		expect_none(&self->v, self->fd);
		set_gsi_route(vm, no_route(GSI_MSI));
		expect_none(&self->v, self->fd);
		set_gsi_route(vm, msi_route(GSI_MSI, VECTOR));
		expect_irq(&self->v, self->fd, VECTOR);

		expect_irq(&self->v, fd2, VECTOR2);
		expect_irq(&self->v, pin, VECTOR);
	}

	/* A table has the last word on GSIs that it doesn't name. */
	set_gsi_route(vm, msi_route(GSI_MSI2, VECTOR));
	set_msi_route(vm, VECTOR);
	expect_irq(&self->v, self->fd, VECTOR);
	expect_none(&self->v, fd2);
	expect_none(&self->v, pin);

	close(fd2);
	close(pin);
}

/* Several GSIs in one call. */
TEST_F(vm, several)
{
	const struct kvm_irq_routing_entry entries[] = {
		msi_route(GSI_MSI, VECTOR2),
		no_route(GSI_PIN),
		no_route(GSI_LEVEL),
		msi_route(GSI_MSI2, VECTOR),
	};
	struct kvm_vm *vm = self->v.vm;
	int fd2 = new_eventfd(), pin = new_eventfd();

	assign_ok(vm, self->fd, GSI_MSI);
	assign_ok(vm, fd2, GSI_MSI2);
	assign_ok(vm, pin, GSI_PIN);

	set_gsi_routes(vm, entries, ARRAY_SIZE(entries));
	expect_irq(&self->v, self->fd, VECTOR2);
	expect_irq(&self->v, fd2, VECTOR);
	expect_none(&self->v, pin);

	close(fd2);
	close(pin);
}

#ifdef __x86_64__
/* The same with several routes of one GSI, which only x86 has, in any order. */
TEST_F(vm, several_of_one)
{
	const struct kvm_irq_routing_entry both[] = {
		chip_route(GSI_BOTH, KVM_IRQCHIP_IOAPIC, GSI_IOAPIC),
		msi_route(GSI_MSI, VECTOR2),
		chip_route(GSI_BOTH, KVM_IRQCHIP_PIC_MASTER, 5),
		no_route(GSI_IOAPIC),
		no_route(GSI_LEVEL),
		msi_route(GSI_MSI2, VECTOR),
	};
	struct kvm_vm *vm = self->v.vm;
	int fd2 = new_eventfd(), both_fd = new_eventfd(), pin = new_eventfd();

	assign_ok(vm, self->fd, GSI_MSI);
	assign_ok(vm, fd2, GSI_MSI2);
	assign_ok(vm, both_fd, GSI_BOTH);
	assign_ok(vm, pin, GSI_IOAPIC);

	set_gsi_routes(vm, both, ARRAY_SIZE(both));
	expect_irq(&self->v, self->fd, VECTOR2);
	expect_irq(&self->v, fd2, VECTOR);
	expect_irq(&self->v, both_fd, VECTOR);
	expect_none(&self->v, pin);

	/* Of two routes one is left. */
	set_gsi_route(vm, chip_route(GSI_BOTH, KVM_IRQCHIP_PIC_MASTER, 5));
	expect_none(&self->v, both_fd);
	set_gsi_routes(vm, both, 1);
	expect_irq(&self->v, both_fd, VECTOR);

	close(fd2);
	close(both_fd);
	close(pin);
}
#endif

/*
 * Two GSIs lead to a pin, and one of them loses its route.  An acknowledge of the pin
 * has to reach the other one's level irqfd.
 */
TEST_F(vm, pin_of_two)
{
	int resamplefd = new_eventfd(), i;
	struct kvm_vm *vm = self->v.vm;

	assign_resample_ok(vm, self->fd, GSI_LEVEL, resamplefd);

	for (i = 0; i < 3; i++) {
		uint64_t seen = irqs(&self->v, VECTOR);

		/* The one that was named last has the pin. */
		set_gsi_route(vm, pin_route(GSI_SAME_PIN, GSI_LEVEL));
		if (i == 1)
			set_gsi_route(vm, pin_route(GSI_LEVEL, GSI_LEVEL));
		if (i != 2)
			set_gsi_route(vm, no_route(GSI_SAME_PIN));
		else
			set_default_routes(vm);

		add(self->fd, 1);
		wait_for_irqs(&self->v, VECTOR, seen + 1);
		TEST_ASSERT(take(resamplefd) == 1, "Round %d: wanted an acknowledge", i);
		TEST_ASSERT(!line_is_up(&self->v), "Wanted the line down");
	}
	close(resamplefd);
}

/* A level irqfd whose signal found no route is told when its GSI gets one. */
TEST_F(vm, stranded)
{
	struct kvm_vm *vm = self->v.vm;
	int resamplefd = new_eventfd();

	set_gsi_route(vm, no_route(GSI_LEVEL));
	assign_resample_ok(vm, self->fd, GSI_LEVEL, resamplefd);
	add(self->fd, 1);
	wait_for_worker(&self->v);
	set_gsi_route(vm, msi_route(GSI_MSI, VECTOR2));
	TEST_ASSERT(!take(resamplefd), "Wanted nothing, the route is another GSI's");
	set_gsi_route(vm, pin_route(GSI_LEVEL, GSI_LEVEL));
	TEST_ASSERT(take(resamplefd) == 1, "Wanted it to be told");
	close(resamplefd);
}

/* What is refused, and that nothing has changed then. */
TEST_F(vm, refused)
{
	const struct kvm_irq_routing_entry good = msi_route(GSI_MSI, VECTOR2);
	struct kvm_irq_routing_entry bad[2];
	struct kvm_vm *vm = self->v.vm;
	struct kvm_vm *bare = vm_create_barebones();
	int i;

	assign_ok(vm, self->fd, GSI_MSI);

	for (i = 0; i < 10; i++) {
		int err = EINVAL;

		bad[0] = good;
		bad[1] = msi_route(GSI_MSI2, VECTOR);
		switch (i) {
		case 0:
			bad[1].gsi = max_routes();
			break;
		case 1:
			bad[1].gsi = ~0u;
			break;
		case 2:
			bad[1].type = 99;
			break;
		case 3:
			bad[1].flags = 1 << 30;
			break;
		case 4:
			bad[1].pad = 1;
			break;
		case 5:
			bad[1].gsi = GSI_MSI;
			break;
		case 6:
			bad[1] = no_route(GSI_MSI);
			break;
		case 7:
			bad[1] = no_route(GSI_MSI2);
			bad[1].flags = 1;
			break;
		case 8:
			bad[1] = pin_route(GSI_MSI2, NR_PINS);
			break;
		case 9:
			bad[0] = no_route(GSI_MSI);
			bad[1] = no_route(GSI_MSI);
			break;
		}
		ASSERT_ERRNO(err, try_gsi_routes(vm, bad, 2), "Case %d", i);
		expect_irq(&self->v, self->fd, VECTOR);
	}

#ifdef __x86_64__
	/* Elsewhere routes may come first. */
	ASSERT_ERRNO(EINVAL, try_gsi_routes(bare, &good, 1), "Without an irqchip");
#endif
	kvm_vm_free(bare);
}

static int try_args(struct kvm_vm *vm, struct kvm_gsi_routes args)
{
	return __vm_ioctl(vm, KVM_SET_GSI_ROUTES, &args) ? errno : 0;
}

/* Entries of another version of the header: longer ones, and none at all. */
TEST_F(vm, entry_size)
{
	const uint32_t most = kvm_check_cap(KVM_CAP_SET_GSI_ROUTES);
	struct {
		struct kvm_irq_routing_entry e;
		uint64_t later[2];
	} longer[2] = {
		{ .e = msi_route(GSI_MSI, VECTOR2) }, { .e = msi_route(GSI_MSI2, VECTOR) },
	};
	struct kvm_gsi_routes args = {
		.entries = (uintptr_t)longer, .entry_size = sizeof(longer[0]), .nr = 2,
	}, other;
	long page = getpagesize();
	struct kvm_vm *vm = self->v.vm;
	char *end;

	assign_ok(vm, self->fd, GSI_MSI);

	longer[1].later[1] = 1;
	ASSERT_ERRNO(E2BIG, try_args(vm, args), "An entry with more in it than is known");
	expect_irq(&self->v, self->fd, VECTOR);
	longer[1].later[1] = 0;
	ASSERT_ERRNO(0, try_args(vm, args), "Longer entries");
	expect_irq(&self->v, self->fd, VECTOR2);

	other = args;
	other.entry_size = 47;
	ASSERT_ERRNO(EINVAL, try_args(vm, other), "Entries that are too short");
	other.entry_size = page + 1;
	ASSERT_ERRNO(E2BIG, try_args(vm, other), "Entries of more than a page");
	other = args;
	other.flags = 1;
	ASSERT_ERRNO(EINVAL, try_args(vm, other), "A flag");
	other = args;
	other.pad = 1;
	ASSERT_ERRNO(EINVAL, try_args(vm, other), "Padding");
	other = args;
	other.nr = most + 1;
	ASSERT_ERRNO(EINVAL, try_args(vm, other), "%u entries", most + 1);
	other.nr = 0;
	ASSERT_ERRNO(0, try_args(vm, other), "No entry");

	/* The second entry can't be read, or its end. */
	end = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(end != MAP_FAILED, "mmap() failed");
	munmap(end + page, page);
	longer[0].e = msi_route(GSI_MSI, VECTOR);
	memcpy(end + page - sizeof(longer[0]), longer, sizeof(longer[0]));
	args.entries = (uintptr_t)(end + page - sizeof(longer[0]));
	ASSERT_ERRNO(EFAULT, try_args(vm, args), "An entry that can't be read");
	args.entries += sizeof(longer[0].later);
	ASSERT_ERRNO(EFAULT, try_args(vm, args), "An entry whose end can't be read");
	expect_irq(&self->v, self->fd, VECTOR2);
	munmap(end, page);
}

/* As many as one call takes, each with two of the others' GSIs in between. */
TEST_F(vm, most)
{
	const uint32_t most = kvm_check_cap(KVM_CAP_SET_GSI_ROUTES);
	struct kvm_irq_routing_entry *entries = calloc(most, sizeof(*entries));
	uint32_t i, last = 3 * (most - 1) + 100;
	int fd = new_eventfd();

	TEST_ASSERT(entries, "calloc() failed");
	for (i = 0; i < most; i++)
		entries[i] = msi_route(100 + 3 * i, i == most - 1 ? VECTOR2 : VECTOR);
	assign_ok(self->v.vm, self->fd, 100);
	assign_ok(self->v.vm, fd, last);
	set_gsi_routes(self->v.vm, entries, most);
	expect_irq(&self->v, self->fd, VECTOR);
	expect_irq(&self->v, fd, VECTOR2);

	for (i = 0; i < most; i++)
		entries[i] = no_route(entries[i].gsi);
	set_gsi_routes(self->v.vm, entries, most);
	expect_none(&self->v, self->fd);
	expect_none(&self->v, fd);
	close(fd);
	free(entries);
}

/*
 * The greatest GSI and more routes than 4,096, by either call.
 *
 * Linux up to 6.12 and later has room for 4,096.
 */
TEST_F(vm, more_than_4096)
{
	const uint32_t nr = 5000, top = max_routes() - 1;
	struct kvm_irq_routing *table;
	struct kvm_vm *vm = self->v.vm;
	int fd = new_eventfd();
	uint32_t i;

	TEST_ASSERT(max_routes() > 4096, "Wanted more than %d routes", max_routes());
	assign_ok(vm, self->fd, top);
	assign_ok(vm, fd, nr - 1);

	set_gsi_route(vm, msi_route(top, VECTOR));
	expect_irq(&self->v, self->fd, VECTOR);
	set_gsi_route(vm, no_route(top));
	expect_none(&self->v, self->fd);

	table = calloc(1, sizeof(*table) + nr * sizeof(table->entries[0]));
	TEST_ASSERT(table, "calloc() failed");
	for (i = 0; i < nr; i++)
		table->entries[i] = msi_route(i, VECTOR2);
	table->entries[0].gsi = top;
	table->nr = nr;
	vm_ioctl(vm, KVM_SET_GSI_ROUTING, table);
	expect_irq(&self->v, self->fd, VECTOR2);
	expect_irq(&self->v, fd, VECTOR2);

	table->nr = max_routes() + 1;
	TEST_ASSERT(__vm_ioctl(vm, KVM_SET_GSI_ROUTING, table) && errno == EINVAL,
		    "Wanted EINVAL for too many routes");
	table->nr = 1;
	table->entries[0].gsi = top + 1;
	TEST_ASSERT(__vm_ioctl(vm, KVM_SET_GSI_ROUTING, table) && errno == EINVAL,
		    "Wanted EINVAL for too great a GSI");
	table->entries[0] = no_route(GSI_MSI);
	TEST_ASSERT(__vm_ioctl(vm, KVM_SET_GSI_ROUTING, table) && errno == EINVAL,
		    "Wanted EINVAL for a table with KVM_GSI_ROUTE_NONE");
	expect_irq(&self->v, fd, VECTOR2);
	free(table);
	close(fd);
}

#ifdef __x86_64__
/* A pin of user space's IOAPIC: the vCPU has to look which EOIs it exits for. */
TEST(split_pin)
{
	struct kvm_irq_routing_entry level = msi_route(3, VECTOR);
	struct irq_vm v;
	int fd = new_eventfd();
	struct ucall uc;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SPLIT_IRQCHIP));
	irq_vm_init_split(&v, 24);
	assign_ok(v.vm, fd, 3);

	set_gsi_route(v.vm, level);
	expect_irq(&v, fd, VECTOR);

	/* Trigger mode: level. */
	level.u.msi.data |= 1 << 15;
	set_gsi_route(v.vm, level);
	add(fd, 1);
	look_for_irqs(v.vcpu);
	vcpu_run(v.vcpu);
	TEST_ASSERT(v.vcpu->run->exit_reason == KVM_EXIT_IOAPIC_EOI, "Wanted the EOI, got %u (%s)",
		    v.vcpu->run->exit_reason, exit_reason_str(v.vcpu->run->exit_reason));
	vcpu_run(v.vcpu);
	TEST_ASSERT(get_ucall(v.vcpu, &uc) == UCALL_SYNC, "Wanted the end of the pass");

	irq_vm_free(&v);
	close(fd);
}
#endif

struct changer {
	pthread_t thread;
	struct kvm_vm *vm;
	void (*change)(struct kvm_vm *vm, unsigned int i);
	bool stop;
	unsigned int changes;
};

static void *change_routes(void *arg)
{
	struct changer *c = arg;

	while (!READ_ONCE(c->stop)) {
		c->change(c->vm, c->changes);
		WRITE_ONCE(c->changes, c->changes + 1);
	}
	return NULL;
}

static void start_changing(struct changer *c, struct kvm_vm *vm,
			   void (*change)(struct kvm_vm *vm, unsigned int i))
{
	*c = (struct changer) { .vm = vm, .change = change };
	TEST_ASSERT(!pthread_create(&c->thread, NULL, change_routes, c),
		    "pthread_create() failed");
	WAIT_FOR(READ_ONCE(c->changes), "No change is made");
}

static void stop_changing(struct changer *c)
{
	WRITE_ONCE(c->stop, true);
	TEST_ASSERT(!pthread_join(c->thread, NULL), "pthread_join() failed");
}

static void change_others(struct kvm_vm *vm, unsigned int i)
{
	const struct kvm_irq_routing_entry entries[] = {
		i & 1 ? no_route(GSI_MSI2) : msi_route(GSI_MSI2, VECTOR),
		i & 2 ? no_route(1000 + i % 1000) : msi_route(1000 + i % 1000, VECTOR),
		i & 4 ? pin_route(GSI_PIN, GSI_PIN) :
			no_route(GSI_PIN),
	};

	set_gsi_routes(vm, entries, ARRAY_SIZE(entries));
}

/*
 * Routes change one at a time, under signals, while another thread changes others'.
 * When the call has returned no signal injects by the old route.
 */
TEST_F_TIMEOUT(vm, storm, 90)
{
	int i, j, nr = rounds(100);
	struct shooter shooter;
	struct changer other;

	set_gsi_route(self->v.vm, msi_route(GSI_MSI, VECTOR2));
	assign_ok(self->v.vm, self->fd, GSI_MSI);
	start_shooting(&shooter, self->fd);
	start_changing(&other, self->v.vm, change_others);

	for (i = 0; i < nr; i++) {
		uint8_t new = i & 1 ? VECTOR2 : VECTOR;
		uint8_t old = i & 1 ? VECTOR : VECTOR2;
		uint64_t seen_new, seen_old;

		if (i % 3 == 0)
			set_gsi_route(self->v.vm, no_route(GSI_MSI));
		set_gsi_route(self->v.vm, msi_route(GSI_MSI, new));
		/* Have the guest take what was injected before. */
		pass(&self->v);
		seen_old = irqs(&self->v, old);
		seen_new = irqs(&self->v, new);

		for (j = 0; j < 3; j++) {
			let_shoot(&shooter, 2);
			pass(&self->v);
		}
		TEST_ASSERT(irqs(&self->v, new) > seen_new, "Round %d: vector 0x%x doesn't come", i,
			    new);
		TEST_ASSERT(irqs(&self->v, old) == seen_old,
			    "Round %d: vector 0x%x %lu times after its route was gone", i, old,
			    irqs(&self->v, old) - seen_old);
	}

	stop_changing(&other);
	stop_shooting(&shooter);
}

static void change_all(struct kvm_vm *vm, unsigned int i)
{
	if (i & 1)
		set_default_routes(vm);
	else
		set_msi_route(vm, VECTOR);
}

static void change_one(struct kvm_vm *vm, unsigned int i)
{
	set_gsi_route(vm, msi_route(GSI_MSI, i & 1 ? VECTOR : VECTOR2));
}

static void rename_it(struct kvm_vm *vm, unsigned int i)
{
	set_gsi_route(vm, msi_route(GSI_MSI, VECTOR));
}

/*
 * Calls about the same GSIs at a time, with irqfds that come and go and signals.  In the
 * end everything is as the last call says.
 */
TEST_F(vm, overlap)
{
	static void (*const changes[])(struct kvm_vm *vm, unsigned int i) = {
		change_all, change_one, rename_it, change_others,
	};
	struct changer changers[ARRAY_SIZE(changes)];
	int fd = new_eventfd(), i, nr = rounds(200);
	struct shooter shooter;

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	start_shooting(&shooter, self->fd);
	for (i = 0; i < ARRAY_SIZE(changes); i++)
		start_changing(&changers[i], self->v.vm, changes[i]);

	for (i = 0; i < nr; i++) {
		uint32_t gsi = i & 1 ? GSI_MSI2 : 1000 + i;

		assign_ok(self->v.vm, fd, gsi);
		add(fd, 1);
		unassign_ok(self->v.vm, fd, gsi);
	}

	for (i = 0; i < ARRAY_SIZE(changes); i++)
		stop_changing(&changers[i]);
	stop_shooting(&shooter);
	wait_for_worker(&self->v);

	set_gsi_route(self->v.vm, msi_route(GSI_MSI, VECTOR));
	pass(&self->v);
	expect_irq(&self->v, self->fd, VECTOR);
	set_default_routes(self->v.vm);
	expect_irq(&self->v, self->fd, VECTOR);
	close(fd);
}

int main(int argc, char *argv[])
{
	irq_vm_begin();
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_SET_GSI_ROUTES));

	return test_harness_run(argc, argv);
}
