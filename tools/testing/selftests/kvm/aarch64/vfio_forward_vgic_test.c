// SPDX-License-Identifier: GPL-2.0-only
/*
 * Forwarded interrupts of VFIO devices: what the guest, user space and the host do to the
 * interrupt by their interrupt controllers and schedulers.
 *
 * The device is QEMU's edu, and its INTx an SPI.  Linux up to 6.12 and later can't forward it.
 */
#include <linux/sizes.h>
#include <pthread.h>
#include <sched.h>

#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "gic.h"
#include "gic_v3.h"
#include "level_vm.h"
#include "processor.h"
#include "test_util.h"
#include "vgic.h"
#include "forward.h"

#define INTID	(MIN_SPI + GSI_LEVEL)

/* The guest writes the distributor's registers of the SPI, with work(). */
static void guest_pend(void)
{
	gic_irq_set_pending(INTID);
}

static void guest_pend_and_clear(void)
{
	gic_irq_set_pending(INTID);
	gic_irq_clear_pending(INTID);
}

static void guest_clear_pending(void)
{
	gic_irq_clear_pending(INTID);
}

static void guest_activate(void)
{
	gic_irq_set_active(INTID);
	gic_irq_clear_active(INTID);
}

static void guest_disable(void)
{
	gic_irq_disable(INTID);
	gic_irq_enable(INTID);
}

TEST_F(forward, guest_writes)
{
	static void (* const writes[])(void) = {
		guest_pend, guest_pend_and_clear, guest_clear_pending, guest_activate,
		guest_disable,
	};
	struct intx_vm *f = &self->f;
	int i, asserted;

	forward_ok(f);
	for (i = 0; i < ARRAY_SIZE(writes); i++) {
		for (asserted = 0; asserted <= 1; asserted++) {
			uint64_t handled = f->edu->handled;

			if (asserted)
				bring(f, PENDING);
			do_work(&f->v, writes[i]);
			if (asserted)
				WAIT_FOR((pass(&f->v), f->edu->handled == handled + 1),
					 "%d: not handled", i);
			pass(&f->v);
			/* What the guest has made pending itself finds nothing. */
			f->edu->spurious = 0;
			assert_works(f);
		}
	}
}

/* User space takes away what the guest has in service, as a VMM does that resets it. */
static void write_dist(struct intx_vm *f, uint32_t reg)
{
	uint32_t value = BIT(INTID % 32);

	kvm_device_attr_set(f->v.arch.gic_fd, KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
			    reg + INTID / 32 * 4, &value);
}

static void guest_forget(void)
{
	/* Out of the handler without an EOI; the priority drops. */
	gic_set_eoi_split(true);
	gic_set_eoi(INTID);
	gic_set_eoi_split(false);
}

TEST_F(forward, vmm_resets_the_guest)
{
	struct intx_vm *f = &self->f;
	void *ack = f->v.guest->ack;
	uint32_t level = 0;

	forward_ok(f);
	/* In service: the guest never deactivates it. */
	edu_write(f, EDU_IRQ_RAISE, 1);
	WRITE_ONCE(f->v.guest->ack, guest_forget);
	wait_for_irqs(&f->v, VECTOR, 1);
	WRITE_ONCE(f->v.guest->ack, ack);
	TEST_ASSERT(in_service(&f->v), "Not in service");
	edu_write(f, EDU_IRQ_ACK, ~0);
	write_dist(f, GICD_ICACTIVER);
	TEST_ASSERT(!in_service(&f->v), "Still in service");
	assert_works(f);

	/* Pending: user space lowers the line. */
	bring(f, PENDING);
	edu_write(f, EDU_IRQ_ACK, ~0);
	kvm_device_attr_set(f->v.arch.gic_fd, KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO,
			    VGIC_LEVEL_INFO_LINE_LEVEL << KVM_DEV_ARM_VGIC_LINE_LEVEL_INFO_SHIFT |
			    INTID / 32 * 32, &level);
	assert_works(f);
}

/* A VM that is saved has its interrupts given back, and forwards them when restored. */
TEST_F(forward, restored_in_service)
{
	struct intx_vm *f = &self->f;
	uint64_t handled = f->edu->handled;

	forward_ok(f);
	bring(f, IN_SERVICE);
	unforward_ok(f);
	TEST_ASSERT(in_service(&f->v), "Not saved as in service");
	write_dist(f, GICD_ICACTIVER);
	write_dist(f, GICD_ISACTIVER);
	forward_ok(f);
	TEST_ASSERT(in_service(&f->v), "Not restored as in service");
	assert_brought(f, IN_SERVICE, handled, "Restored");

	/* The same while it is forwarded. */
	handled = f->edu->handled;
	bring(f, IN_SERVICE);
	write_dist(f, GICD_ICACTIVER);
	write_dist(f, GICD_ISACTIVER);
	assert_brought(f, IN_SERVICE, handled, "Restored while forwarded");
}

/* The guest has it sent to another vCPU. */
#define IROUTER	(GICD_BASE_GVA + GICD_IROUTER + INTID * 8)

static void guest_route_to_1(void)
{
	writel(1, IROUTER);
}

static void guest_route_to_0(void)
{
	uint32_t vcpu = 0;

	writel(vcpu, IROUTER);
}

TEST_F(forward, guest_affinity)
{
	struct intx_vm *f = &self->f;
	struct irq_vm other = irq_vm_add_vcpu(&f->v);
	int i;

	forward_ok(f);
	for (i = 0; i < 10; i++) {
		uint64_t handled = f->edu->handled;

		if (i % 2)
			bring(f, PENDING);
		do_work(&f->v, guest_route_to_1);
		if (!(i % 2))
			edu_write(f, EDU_IRQ_RAISE, 1);
		WAIT_FOR((pass(&other), f->edu->handled == handled + 1),
			 "Not handled by the second vCPU");
		do_work(&f->v, guest_route_to_0);
		assert_works(f);
	}
}

/* The vCPU's thread moves from one of the host's processors to another. */
struct mover {
	pthread_t thread;
	bool stop;
	uint64_t times;
};

static void *move_thread(void *arg)
{
	struct mover *t = arg;
	cpu_set_t cpus;

	while (!READ_ONCE(t->stop)) {
		CPU_ZERO(&cpus);
		CPU_SET(t->times++ % sysconf(_SC_NPROCESSORS_ONLN), &cpus);
		/* The harness' process for this subtest has the vCPU in its first thread. */
		sched_setaffinity(getpid(), sizeof(cpus), &cpus);
		usleep(1000);
	}
	return NULL;
}

TEST_F_TIMEOUT(forward, vcpu_moves, 120)
{
	struct mover t = { };
	const uint64_t nr = rounds(5000);

	forward_ok(&self->f);
	pthread_create(&t.thread, NULL, move_thread, &t);
	do_rounds(&self->f, nr);
	WRITE_ONCE(t.stop, true);
	pthread_join(t.thread, NULL);
	assert_handled(&self->f, nr, 0);
}

/*
 * The host's interrupt stays where it is: an interrupt that came on another processor before
 * its handler has ended would be dropped, and the guest would wait for it for ever.
 */
TEST_F(forward, host_affinity)
{
	struct intx_vm *f = &self->f;
	char path[64];

	snprintf(path, sizeof(path), "/proc/irq/%d/smp_affinity", intx_irq());
	ASSERT_TOLD(path, 0, "1");
	forward_ok(f);
	TEST_ASSERT(!tell_kernel(path, 0, "3"), "A forwarded interrupt can be moved");
	assert_works(f);
	unforward_ok(f);
	ASSERT_TOLD(path, 0, "3");
	assert_works(f);
}

int main(int argc, char *argv[])
{
	irq_vm_begin();
	return test_harness_run(argc, argv);
}
