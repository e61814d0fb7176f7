// SPDX-License-Identifier: GPL-2.0-only
/*
 * Level irqfds and restored state: what user space sets with KVM_SET_IRQCHIP and the
 * like, for example after a migration, says that a line is up, and not which irqfd has
 * raised it.
 *
 * The test saves an interrupt at each step of its life and restores it into the same
 * VM or into a fresh one.  There the guest gets it once, KVM tells its device once,
 * which means that it signals the resamplefd, and the pin can interrupt again.
 *
 * A comment at a subtest names the failure it pins, and the kernels that have it.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>

#include "apic.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define IOAPIC_GPA	0xfec00000ull
#define IOAPIC_SELECT	0x00
#define IOAPIC_WINDOW	0x10
#define IOAPIC_RTE	0x10

#define RTE_LEVEL	BIT(15)
#define RTE_MASKED	BIT(16)

#define PIC_CMD		0x20
#define PIC_IMR		0x21
#define PIC_EOI		0x20

#define APIC_ISR	0x100
#define APIC_REGS	0x80	/* of the ISR, the TMR and the IRR, each */
#define LVT0		0x350
#define LVT0_EXTINT	0x700

#define RFLAGS_IF	BIT(9)

/* Between mask and acknowledge. */
#define SYNC_MASKED	(SYNC_BEFORE_EOI + 1)

/* The guest's accesses to its interrupt controllers. */

static void rte_write(uint32_t low)
{
	WRITE_ONCE(*(uint32_t *)(IOAPIC_GPA + IOAPIC_SELECT), IOAPIC_RTE + 2 * GSI_LEVEL);
	WRITE_ONCE(*(uint32_t *)(IOAPIC_GPA + IOAPIC_WINDOW), low);
}

static void pic_write(uint16_t port, uint8_t value)
{
	asm volatile("outb %%al, %%dx" : : "d"(port), "a"(value));
}

static void ioapic_ack(void)
{
	x2apic_write_reg(APIC_EOI, 0);
}

static void ioapic_mask_and_ack(void)
{
	rte_write(VECTOR | RTE_LEVEL | RTE_MASKED);
	GUEST_SYNC(SYNC_MASKED);
	ioapic_ack();
}

static void ioapic_rewrite_and_ack(void)
{
	rte_write(VECTOR2 | RTE_LEVEL);
	GUEST_SYNC(SYNC_MASKED);
	ioapic_ack();
}

static void ioapic_unmask(void)
{
	rte_write(VECTOR | RTE_LEVEL);
}

/* As Linux does at boot for a pin in service: edge-triggered for a moment. */
static void ioapic_end(void)
{
	rte_write(VECTOR | RTE_MASKED);
	rte_write(VECTOR | RTE_LEVEL);
}

static void pic_ack(void)
{
	pic_write(PIC_CMD, PIC_EOI);
}

static void pic_mask_and_ack(void)
{
	pic_write(PIC_IMR, 0xff);
	GUEST_SYNC(SYNC_MASKED);
	pic_ack();
}

static void pic_unmask(void)
{
	pic_write(PIC_IMR, (uint8_t)~BIT(GSI_BOTH));
}

static void accept_pic(void)
{
	x2apic_write_reg(LVT0, LVT0_EXTINT);
}

static void enable_apic(void)
{
	x2apic_enable();
	accept_pic();
}

FIXTURE(restore) {
	struct irq_vm v;
	int fd;
	int resamplefd;
};

FIXTURE_VARIANT(restore) {
	uint32_t chip;
	uint32_t gsi;
	uint8_t vector;
	void (*ack)(void);
	void (*mask_and_ack)(void);
	void (*unmask)(void);
};

FIXTURE_VARIANT_ADD(restore, ioapic) {
	.chip = KVM_IRQCHIP_IOAPIC, .gsi = GSI_LEVEL, .vector = VECTOR, .ack = ioapic_ack,
	.mask_and_ack = ioapic_mask_and_ack, .unmask = ioapic_unmask,
};

FIXTURE_VARIANT_ADD(restore, pic) {
	.chip = KVM_IRQCHIP_PIC_MASTER, .gsi = GSI_BOTH, .vector = PIC_VECTOR, .ack = pic_ack,
	.mask_and_ack = pic_mask_and_ack, .unmask = pic_unmask,
};

static struct kvm_irqchip get_chip(struct irq_vm *v, uint32_t id)
{
	struct kvm_irqchip chip = { .chip_id = id };

	vm_ioctl(v->vm, KVM_GET_IRQCHIP, &chip);
	return chip;
}

/* The line, in a state of the chip. */
static bool is_up(struct kvm_irqchip *chip)
{
	if (chip->chip_id == KVM_IRQCHIP_IOAPIC)
		return chip->chip.ioapic.irr & BIT(GSI_LEVEL);
	return chip->chip.pic.irr & BIT(GSI_BOTH);
}

static bool line_is_up(struct irq_vm *v, uint32_t id)
{
	struct kvm_irqchip chip = get_chip(v, id);

	return is_up(&chip);
}

static void set_up(struct kvm_irqchip *chip)
{
	if (chip->chip_id == KVM_IRQCHIP_IOAPIC)
		chip->chip.ioapic.irr |= BIT(GSI_LEVEL);
	else
		chip->chip.pic.irr |= BIT(GSI_BOTH);
}

/* Run until the guest stops at @want, past other stops. */
static void run_to(struct irq_vm *v, uint64_t want)
{
	struct ucall uc;

	look_for_irqs(v->vcpu);
	do {
		vcpu_run(v->vcpu);
		TEST_ASSERT(get_ucall(v->vcpu, &uc) == UCALL_SYNC, "Unexpected exit %u (%s)",
			    v->vcpu->run->exit_reason,
			    exit_reason_str(v->vcpu->run->exit_reason));
		TEST_ASSERT(uc.args[1] != SYNC_PASS || want == SYNC_PASS,
			    "The guest has ended its pass before the wanted stop");
	} while (uc.args[1] != want);
}

/* There are @want, and no more of them come. */
static void assert_taken(struct irq_vm *v, uint8_t vector, uint64_t want)
{
	int i;

	for (i = 0; i < 3; i++)
		run_to(v, SYNC_PASS);
	TEST_ASSERT(irqs(v, vector) == want, "Vector 0x%x: wanted %lu interrupts, got %lu", vector,
		    want, irqs(v, vector));
}

static void do_work(struct irq_vm *v, void (*work)(void))
{
	WRITE_ONCE(v->guest->work, work);
	run_to(v, SYNC_PASS);
	WRITE_ONCE(v->guest->work, NULL);
}

static bool interrupts_bypass_kvm(uint32_t chip)
{
	if (chip != KVM_IRQCHIP_IOAPIC)
		return false;
	return host_cpu_is_amd ? get_kvm_amd_param_bool("avic") :
				 get_kvm_intel_param_bool("enable_apicv");
}

/*
 * Run until KVM has taken the interrupt from its chip; a pending signal keeps the vCPU
 * from entering the guest with it.  With APICv or AVIC the interrupt is still in the
 * local APIC then.
 */
static void run_into_delivery(struct irq_vm *v, uint32_t chip)
{
	struct kvm_signal_mask *mask = calloc(1, sizeof(*mask) + 8);
	struct kvm_vcpu_events events;
	struct kvm_regs regs;
	sigset_t set;
	int sig;

	TEST_ASSERT(mask, "No memory");
	mask->len = 8;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	TEST_ASSERT(!pthread_sigmask(SIG_BLOCK, &set, NULL), "pthread_sigmask() failed");
	vcpu_ioctl(v->vcpu, KVM_SET_SIGNAL_MASK, mask);
	free(mask);

	vcpu_regs_get(v->vcpu, &regs);
	regs.rflags |= RFLAGS_IF;
	vcpu_regs_set(v->vcpu, &regs);
	pthread_kill(pthread_self(), SIGUSR1);
	TEST_ASSERT(__vcpu_run(v->vcpu) == -1 && errno == EINTR,
		    "Wanted the signal to end KVM_RUN, its exit is %u (%s)",
		    v->vcpu->run->exit_reason, exit_reason_str(v->vcpu->run->exit_reason));

	TEST_ASSERT(!sigwait(&set, &sig), "sigwait() failed");
	vcpu_ioctl(v->vcpu, KVM_SET_SIGNAL_MASK, (struct kvm_signal_mask *)NULL);
	vcpu_events_get(v->vcpu, &events);
	TEST_ASSERT(events.interrupt.injected || interrupts_bypass_kvm(chip),
		    "Wanted an interrupt under way to the guest");
}

static void set_routes_of(struct irq_vm *v, uint32_t chip)
{
	const struct kvm_irq_routing_entry pic = chip_route(GSI_BOTH, KVM_IRQCHIP_PIC_MASTER,
							    GSI_BOTH);

	if (chip == KVM_IRQCHIP_IOAPIC)
		set_default_routes(v->vm);
	else
		set_routes(v->vm, &pic, 1);
}

FIXTURE_SETUP(restore)
{
	struct kvm_irqchip pic;

	irq_vm_init(&self->v);
	virt_pg_map(self->v.vm, IOAPIC_GPA, IOAPIC_GPA);
	set_routes_of(&self->v, variant->chip);
	if (variant->chip != KVM_IRQCHIP_IOAPIC) {
		pic = get_chip(&self->v, KVM_IRQCHIP_PIC_MASTER);
		pic.chip.pic.irq_base = PIC_VECTOR - GSI_BOTH;
		pic.chip.pic.elcr = BIT(GSI_BOTH);
		pic.chip.pic.imr = (uint8_t)~BIT(GSI_BOTH);
		vm_ioctl(self->v.vm, KVM_SET_IRQCHIP, &pic);
		do_work(&self->v, accept_pic);
	}
	self->fd = new_eventfd();
	self->resamplefd = new_eventfd();
	self->v.guest->stop_before_eoi = 1;
	self->v.guest->ack = variant->mask_and_ack;
}

FIXTURE_TEARDOWN(restore)
{
	close(self->fd);
	close(self->resamplefd);
	irq_vm_free(&self->v);
}

/* The state that a migration transfers of a VM with one vCPU, without memory. */
struct state {
	struct kvm_x86_state *vcpu;
	struct kvm_lapic_state lapic;
	struct kvm_irqchip chips[3];
};

static struct state save(struct irq_vm *v)
{
	struct state state;
	int i;

	state.vcpu = vcpu_save_state(v->vcpu);
	vcpu_ioctl(v->vcpu, KVM_GET_LAPIC, &state.lapic);
	for (i = 0; i < ARRAY_SIZE(state.chips); i++)
		state.chips[i] = get_chip(v, i);
	return state;
}

static void load_chips(struct irq_vm *v, struct state *state)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(state->chips); i++)
		vm_ioctl(v->vm, KVM_SET_IRQCHIP, &state->chips[i]);
}

static void load_vcpu(struct irq_vm *v, struct state *state)
{
	vcpu_load_state(v->vcpu, state->vcpu);
	vcpu_ioctl(v->vcpu, KVM_SET_LAPIC, &state->lapic);
}

static void load(struct irq_vm *v, struct state *state, bool chips_first)
{
	if (chips_first)
		load_chips(v, state);
	load_vcpu(v, state);
	if (!chips_first)
		load_chips(v, state);
	kvm_x86_state_cleanup(state->vcpu);
}

static void start_afresh(struct irq_vm *v, uint32_t chip)
{
	kvm_vm_release(v->vm);
	v->vm->has_irqchip = true;
	v->vcpu = vm_recreate_with_one_vcpu(v->vm);
	set_routes_of(v, chip);
}

struct step {
	const char *name;
	bool masks;
	/* The vCPU has taken the interrupt, and the guest hasn't. */
	bool delivers;
	/* Where the guest has stopped, if it has run since the signal. */
	bool runs;
	uint64_t at;
};

static const struct step steps[] = {
	{ "raised, not to be masked", .masks = false, .runs = false },
	{ "being delivered, not to be masked", .masks = false, .delivers = true },
	{ "in service", .masks = false, .runs = true, .at = SYNC_BEFORE_EOI },
	{ "raised", .masks = true, .runs = false },
	{ "being delivered", .masks = true, .delivers = true },
	{ "in service, not yet masked", .masks = true, .runs = true, .at = SYNC_BEFORE_EOI },
	{ "masked in service", .masks = true, .runs = true, .at = SYNC_MASKED },
	{ "withheld", .masks = true, .runs = true, .at = SYNC_PASS },
};

enum { SAME_VM, IRQFD_FIRST, IRQFD_LAST, NR_WAYS };

static const char * const ways[] = {
	"into the same VM", "to irqfds that are there", "before there are irqfds",
};

/* Each step in each way, with the vCPU restored before or after the chips. */
#define NR_CASES	(ARRAY_SIZE(steps) * NR_WAYS * 2)

static void raise_line(struct irq_vm *v, int fd, uint32_t chip)
{
	add(fd, 1);
	WAIT_FOR(line_is_up(v, chip), "Wanted the line up, it is down");
	wait_for_worker(v);
}

static void go_to(struct irq_vm *v, const struct step *step, uint32_t chip)
{
	if (step->delivers)
		run_into_delivery(v, chip);
	else if (step->runs)
		run_to(v, step->at);
}

#define ASSERT_TOLD_OF(resamplefd, want, fmt, ...) do {					\
	uint64_t __want = (want), __got = take(resamplefd);				\
											\
	TEST_ASSERT(__got == __want, fmt ": wanted it told %lu times, it was %lu times",	\
		    ##__VA_ARGS__, __want, __got);					\
} while (0)

/*
 * An interrupt whose state was saved and restored is like any other.
 *
 * Linux up to 6.12 and later interrupts once more and tells too early if the guest has
 * the pin masked.  A kernel that lowers only what irqfds are known to have raised, which
 * no state says, interrupts again and again and tells no irqfd.
 */
TEST_F_TIMEOUT(restore, each_step, 170)
{
	const struct step *step;
	struct state state;
	bool chips_first;
	uint64_t before;
	int i, way, round;

	assign_resample_ok(self->v.vm, self->fd, variant->gsi, self->resamplefd);
	for (i = 0; i < NR_CASES; i++) {
		step = &steps[i / NR_WAYS / 2];
		way = i / 2 % NR_WAYS;
		chips_first = i & 1;
		before = irqs(&self->v, variant->vector);
		self->v.guest->ack = step->masks ? variant->mask_and_ack : variant->ack;

		raise_line(&self->v, self->fd, variant->chip);
		go_to(&self->v, step, variant->chip);
		ASSERT_TOLD_OF(self->resamplefd, 0, "%s", step->name);

		state = save(&self->v);
		TEST_ASSERT(is_up(&state.chips[variant->chip]),
			    "%s: wanted the line up in the state", step->name);
		if (way != SAME_VM)
			start_afresh(&self->v, variant->chip);
		if (way == IRQFD_FIRST)
			assign_resample_ok(self->v.vm, self->fd, variant->gsi, self->resamplefd);
		load(&self->v, &state, chips_first);
		if (way == IRQFD_LAST)
			assign_resample_ok(self->v.vm, self->fd, variant->gsi, self->resamplefd);
		ASSERT_TOLD_OF(self->resamplefd, 0, "%s, restored %s", step->name, ways[way]);

		/* The restored interrupt, and another one. */
		for (round = 1; round <= 2; round++) {
			run_to(&self->v, SYNC_PASS);
			TEST_ASSERT(irqs(&self->v, variant->vector) == before + round,
				    "%s, restored %s: wanted %d interrupts, got %lu", step->name,
				    ways[way], round, irqs(&self->v, variant->vector) - before);
			if (step->masks) {
				ASSERT_TOLD_OF(self->resamplefd, 0, "%s, restored %s, masked",
					       step->name, ways[way]);
				do_work(&self->v, variant->unmask);
			}
			ASSERT_TOLD_OF(self->resamplefd, 1, "%s, restored %s, acknowledged",
				       step->name, ways[way]);
			TEST_ASSERT(!line_is_up(&self->v, variant->chip),
				    "%s, restored %s: wanted the line down", step->name,
				    ways[way]);
			if (round == 1)
				raise_line(&self->v, self->fd, variant->chip);
		}
		run_to(&self->v, SYNC_PASS);
		TEST_ASSERT(irqs(&self->v, variant->vector) == before + 2,
			    "%s, restored %s: it interrupts again", step->name, ways[way]);
		ASSERT_TOLD_OF(self->resamplefd, 0, "%s, restored %s, later", step->name,
			       ways[way]);
	}
}

static void init_apic(struct irq_vm *v)
{
	struct kvm_msi msi = { .address_lo = APIC_DEFAULT_GPA, .data = APIC_DM_INIT };
	struct kvm_mp_state mp_state;
	int ret;

	ret = __vm_ioctl(v->vm, KVM_SIGNAL_MSI, &msi);
	TEST_ASSERT(ret > 0, KVM_IOCTL_ERROR(KVM_SIGNAL_MSI, ret));
	/* This ioctl makes KVM process the pending INIT. */
	vcpu_mp_state_get(v->vcpu, &mp_state);
}

static void set_reset_apic(struct irq_vm *v)
{
	struct kvm_lapic_state lapic;

	vcpu_ioctl(v->vcpu, KVM_GET_LAPIC, &lapic);
	memset(lapic.regs + APIC_ISR, 0, 3 * APIC_REGS);
	*(uint32_t *)(lapic.regs + APIC_SPIV) = 0xff;
	vcpu_ioctl(v->vcpu, KVM_SET_LAPIC, &lapic);
}

/* Reset the local APIC, so that it loses all interrupts, and restore the vCPU. */
static void reset_apic(struct irq_vm *v, void (*reset)(struct irq_vm *v))
{
	struct kvm_x86_state *state = vcpu_save_state(v->vcpu);
	struct kvm_lapic_state lapic;
	int i;

	reset(v);
	state->events.interrupt.injected = 0;
	vcpu_load_state(v->vcpu, state);
	kvm_x86_state_cleanup(state);

	vcpu_ioctl(v->vcpu, KVM_GET_LAPIC, &lapic);
	for (i = 0; i < APIC_REGS; i += 0x10)
		TEST_ASSERT(!*(uint32_t *)(lapic.regs + APIC_ISR + i) &&
			    !*(uint32_t *)(lapic.regs + APIC_IRR + i),
			    "Wanted a local APIC that has nothing");
}

/*
 * A local APIC is reset, by INIT or by KVM_SET_LAPIC, with the interrupt on its way or
 * in service there.  Then no EOI comes for an IOAPIC's interrupt, and the pin stays in
 * service, as in hardware, until the guest ends it.  At that KVM tells the device, and
 * the pin can interrupt again.  The PIC has an in-service register of its own, and its
 * EOI comes.  A save and restore after the reset changes nothing of this.
 *
 * Linux up to 6.12 and later tells too early if the guest has the PIC's line masked,
 * and does the same with the IOAPIC.
 */
TEST_F_TIMEOUT(restore, local_apic_reset, 170)
{
	static void (*const resets[])(struct irq_vm *v) = { init_apic, set_reset_apic };
	bool lost = variant->chip == KVM_IRQCHIP_IOAPIC;
	const struct step *step;
	struct state state;
	uint64_t before;
	int i, way;

	assign_resample_ok(self->v.vm, self->fd, variant->gsi, self->resamplefd);
	for (i = 0; i < NR_CASES * ARRAY_SIZE(resets); i++) {
		step = &steps[i / NR_WAYS / 2 / ARRAY_SIZE(resets)];
		way = i / 2 / ARRAY_SIZE(resets) % NR_WAYS;
		/* A withheld interrupt isn't in the local APIC. */
		if (step->at == SYNC_PASS && step->runs)
			continue;
		/* The PIC gets no EOI of an interrupt that the guest hasn't taken. */
		if (!lost && !step->runs)
			continue;
		self->v.guest->ack = step->masks ? variant->mask_and_ack : variant->ack;
		before = irqs(&self->v, variant->vector);

		raise_line(&self->v, self->fd, variant->chip);
		go_to(&self->v, step, variant->chip);
		reset_apic(&self->v, resets[i / 2 % ARRAY_SIZE(resets)]);
		ASSERT_TOLD_OF(self->resamplefd, 0, "%s, reset", step->name);

		state = save(&self->v);
		if (way != SAME_VM)
			start_afresh(&self->v, variant->chip);
		if (way == IRQFD_FIRST)
			assign_resample_ok(self->v.vm, self->fd, variant->gsi, self->resamplefd);
		load(&self->v, &state, i & 1);
		if (way == IRQFD_LAST)
			assign_resample_ok(self->v.vm, self->fd, variant->gsi, self->resamplefd);

		run_to(&self->v, SYNC_PASS);
		do_work(&self->v, enable_apic);
		run_to(&self->v, SYNC_PASS);
		TEST_ASSERT(irqs(&self->v, variant->vector) == before + step->runs,
			    "%s, reset, restored %s: it interrupts", step->name, ways[way]);
		ASSERT_TOLD_OF(self->resamplefd, !lost && !step->masks,
			       "%s, reset, restored %s", step->name, ways[way]);
		if (lost)
			TEST_ASSERT(line_is_up(&self->v, variant->chip),
				    "%s, reset, restored %s: wanted the line up", step->name,
				    ways[way]);

		do_work(&self->v, lost ? ioapic_end : variant->unmask);
		ASSERT_TOLD_OF(self->resamplefd, lost || step->masks,
			       "%s, reset, restored %s, ended", step->name, ways[way]);
		TEST_ASSERT(!line_is_up(&self->v, variant->chip),
			    "%s, reset, restored %s: wanted the line down", step->name, ways[way]);

		self->v.guest->ack = variant->ack;
		raise_line(&self->v, self->fd, variant->chip);
		assert_taken(&self->v, variant->vector, before + step->runs + 1);
		ASSERT_TOLD_OF(self->resamplefd, 1, "%s, reset, restored %s, another one",
			       step->name, ways[way]);
	}
}

/*
 * The guest has rewritten the redirection entry with the interrupt in service, and the
 * state has the new entry.  The EOI is still that of the old entry's vector.
 *
 * Linux up to 6.12 and later never notices that EOI, so the pin never interrupts again.
 */
TEST_F(restore, rewritten_in_service)
{
	struct state state;
	int i, way;

	if (variant->chip != KVM_IRQCHIP_IOAPIC)
		SKIP(return, "Only the IOAPIC has entries");

	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	for (i = 0; i < NR_WAYS * 2; i++) {
		way = i / 2;
		self->v.guest->ack = ioapic_rewrite_and_ack;
		raise_line(&self->v, self->fd, KVM_IRQCHIP_IOAPIC);
		run_to(&self->v, SYNC_MASKED);

		state = save(&self->v);
		if (way != SAME_VM)
			start_afresh(&self->v, KVM_IRQCHIP_IOAPIC);
		if (way == IRQFD_FIRST)
			assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
		load(&self->v, &state, i & 1);
		if (way == IRQFD_LAST)
			assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);

		run_to(&self->v, SYNC_PASS);
		ASSERT_TOLD_OF(self->resamplefd, 1, "Restored %s, acknowledged", ways[way]);
		TEST_ASSERT(!line_is_up(&self->v, KVM_IRQCHIP_IOAPIC), "Wanted the line down");
		assert_taken(&self->v, VECTOR, i + 1);

		/* The new vector works, and an EOI of another vector doesn't end it. */
		self->v.guest->ack = ioapic_ack;
		raise_line(&self->v, self->fd, KVM_IRQCHIP_IOAPIC);
		assert_taken(&self->v, VECTOR2, i + 1);
		ASSERT_TOLD_OF(self->resamplefd, 1, "Restored %s, with the new vector", ways[way]);
		do_work(&self->v, ioapic_unmask);
	}
}

/*
 * Two pins are in service in the state, and the guest acknowledges the vector of one.
 * That EOI must not end the other pin, though KVM has to guess that pin's vector.
 *
 * If KVM looks for guessed pins after it has ended the first one, it ends both.
 */
TEST_F(restore, other_in_service)
{
	const int other = GSI_LEVEL + 1;
	struct kvm_irqchip chip;

	if (variant->chip != KVM_IRQCHIP_IOAPIC)
		SKIP(return, "Only the IOAPIC has entries");

	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	self->v.guest->ack = ioapic_ack;
	raise_line(&self->v, self->fd, KVM_IRQCHIP_IOAPIC);
	run_to(&self->v, SYNC_BEFORE_EOI);

	chip = get_chip(&self->v, KVM_IRQCHIP_IOAPIC);
	chip.chip.ioapic.redirtbl[other] = chip.chip.ioapic.redirtbl[GSI_LEVEL];
	chip.chip.ioapic.redirtbl[other].fields.vector = VECTOR2;
	vm_ioctl(self->v.vm, KVM_SET_IRQCHIP, &chip);
	run_to(&self->v, SYNC_PASS);

	ASSERT_TOLD_OF(self->resamplefd, 1, "Acknowledged");
	chip = get_chip(&self->v, KVM_IRQCHIP_IOAPIC);
	TEST_ASSERT(!chip.chip.ioapic.redirtbl[GSI_LEVEL].fields.remote_irr,
		    "Pin %d is still in service", GSI_LEVEL);
	TEST_ASSERT(chip.chip.ioapic.redirtbl[other].fields.remote_irr,
		    "Pin %d is no longer in service", other);
}

/*
 * A line that is up only because of a restored state, which the guest masks,
 * acknowledges and unmasks.
 *
 * If KVM lowers only what irqfds are known to have raised, the line never comes down.
 */
TEST_F(restore, line_of_a_state)
{
	struct kvm_irqchip chip = get_chip(&self->v, variant->chip);
	uint64_t i;

	set_up(&chip);
	for (i = 1; i <= 4; i++) {
		if (i & 1)
			assign_resample_ok(self->v.vm, self->fd, variant->gsi, self->resamplefd);
		vm_ioctl(self->v.vm, KVM_SET_IRQCHIP, &chip);
		if (!(i & 1))
			assign_resample_ok(self->v.vm, self->fd, variant->gsi, self->resamplefd);
		self->v.guest->ack = i <= 2 ? variant->mask_and_ack : variant->ack;

		run_to(&self->v, SYNC_PASS);
		ASSERT_TOLD_OF(self->resamplefd, i > 2, "Acknowledged");
		do_work(&self->v, variant->unmask);
		ASSERT_TOLD_OF(self->resamplefd, i <= 2, "Unmasked");
		assert_taken(&self->v, variant->vector, i);
		TEST_ASSERT(!line_is_up(&self->v, variant->chip), "Wanted the line down");
		unassign_ok(self->v.vm, self->fd, variant->gsi);
	}
}

/*
 * The same, and meanwhile user space has raised the line as well.  User space's raise
 * isn't lost, and KVM tells the level irqfds nevertheless, because the state's raise may
 * have been theirs.
 *
 * Linux up to 6.12 and later loses user space's raise.
 */
TEST_F(restore, line_of_a_state_shared)
{
	struct kvm_irqchip chip = get_chip(&self->v, variant->chip);

	set_up(&chip);
	assign_resample_ok(self->v.vm, self->fd, variant->gsi, self->resamplefd);
	vm_ioctl(self->v.vm, KVM_SET_IRQCHIP, &chip);
	run_to(&self->v, SYNC_PASS);
	kvm_irq_line(self->v.vm, variant->gsi, 1);

	do_work(&self->v, variant->unmask);
	run_to(&self->v, SYNC_PASS);
	ASSERT_TOLD_OF(self->resamplefd, 1, "Unmasked");
	assert_taken(&self->v, variant->vector, 2);
	TEST_ASSERT(line_is_up(&self->v, variant->chip), "Wanted the line up, user space holds it");
	kvm_irq_line(self->v.vm, variant->gsi, 0);
	do_work(&self->v, variant->unmask);
	assert_taken(&self->v, variant->vector, 2);
}

/* Without level irqfds a line that a state has up stays up until user space lowers it. */
TEST_F(restore, line_of_a_state_alone)
{
	struct kvm_irqchip chip = get_chip(&self->v, variant->chip);
	uint64_t i;

	set_up(&chip);
	vm_ioctl(self->v.vm, KVM_SET_IRQCHIP, &chip);
	assert_taken(&self->v, variant->vector, 1);
	for (i = 2; i <= 4; i++) {
		do_work(&self->v, variant->unmask);
		assert_taken(&self->v, variant->vector, i);
		TEST_ASSERT(line_is_up(&self->v, variant->chip), "Wanted the line up");
	}
	kvm_irq_line(self->v.vm, variant->gsi, 0);
	do_work(&self->v, variant->unmask);
	assert_taken(&self->v, variant->vector, 4);
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD_RESAMPLE));

	/* Hold a VM throughout, see irq_vm_begin(). */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
