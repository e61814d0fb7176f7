// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watch a guest ring doorbells and be interrupted: iosignalfd and irqfd at
 * work, with a thread of user space and with the kernel (/dev/kvm-doorbell) at
 * the other end of the eventfds.
 *
 * Each line says what is about to happen before it does, and then what came of
 * it.  The status is 0 if all of it was as it should be.
 */
#include "doorbell_demo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>

#define NR_RINGS	1000U
#define NR_IRQS		100U
#define NR_MOVED_RINGS	20000U

/* The guest's handler rings here, when it is through with an interrupt. */
#define ACK_PORT	0x520

#define PIN		5
#define PIN_GSI		5
#define MSI_GSI		24

/* All of it takes a few seconds; what hasn't ended by then never will. */
#define GIVE_UP_S	120
#define ACK_TIMEOUT_MS	10000
/* Far more than an interrupt needs to get to the guest. */
#define QUIET_US	200000

static unsigned int failures;

static void heading(const char *text)
{
	printf("\n%s\n", text);
	fflush(stdout);
}

__attribute((format(printf, 1, 2)))
static void say(const char *fmt, ...)
{
	char text[80];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("  %-52s", text);
	fflush(stdout);
}

__attribute((format(printf, 2, 3)))
static void verdict(bool good, const char *fmt, ...)
{
	char text[120];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf(" %-48s %s\n", text, good ? "ok" : "WRONG");
	fflush(stdout);
	if (!good)
		failures++;
}

int open_doorbell(void)
{
	int fd = open("/dev/" DOORBELL_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		tinyvm_die("/dev/" DOORBELL_DEVICE " (doorbell.ko)");
	return fd;
}

void doorbell_counts(int doorbell, struct doorbell_counts *counts)
{
	if (ioctl(doorbell, DOORBELL_COUNTS, counts))
		tinyvm_die("DOORBELL_COUNTS");
}

void doorbell_attach(int doorbell, unsigned long cmd, int fd)
{
	if (ioctl(doorbell, cmd, &fd))
		tinyvm_die("attaching an eventfd to a doorbell");
}

static void must(int ret, const char *what)
{
	errno = -ret;
	if (ret)
		tinyvm_die("%s", what);
}

static int new_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	if (fd < 0)
		tinyvm_die("eventfd");
	return fd;
}

static void signal_fd(int fd)
{
	static const __u64 one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		tinyvm_die("write to an eventfd");
}

/* A thread that is asleep in read() of an eventfd till that is signalled. */
struct counter {
	pthread_t thread;
	int fd;
	__u64 rings;
	__u64 reads;
};

static void *count(void *arg)
{
	struct counter *c = arg;
	__u64 n;

	while (c->rings < NR_RINGS) {
		if (read(c->fd, &n, sizeof(n)) != sizeof(n))
			tinyvm_die("read of an eventfd");
		c->rings += n;
		c->reads++;
	}
	return NULL;
}

static void ring_for_thread(struct tinyvm *vm, enum tinyvm_bus bus,
			    __u64 addr)
{
	struct counter c = { .fd = new_eventfd() };
	__u64 exits;

	must(tinyvm_iosignalfd(vm, bus, addr, 0, c.fd, 0), "KVM_IOSIGNALFD");
	if (pthread_create(&c.thread, NULL, count, &c))
		tinyvm_die("pthread_create");
	exits = tinyvm_ring(vm, bus, addr, 1, NR_RINGS);
	pthread_join(c.thread, NULL);
	verdict(c.rings == NR_RINGS && !exits,
		"thread: %llu rings in %llu reads; exits: %llu",
		c.rings, c.reads, exits);

	must(tinyvm_iosignalfd(vm, bus, addr, 0, c.fd,
			       KVM_IOSIGNALFD_FLAG_DEASSIGN),
	     "KVM_IOSIGNALFD, deassign");
	close(c.fd);
}

static void ring_for_kernel(struct tinyvm *vm, int doorbell,
			    enum tinyvm_bus bus, __u64 addr)
{
	struct doorbell_counts before, after;
	__u64 exits, rings;
	int fd = new_eventfd();

	doorbell_counts(doorbell, &before);
	doorbell_attach(doorbell, DOORBELL_ATTACH_RINGS, fd);
	must(tinyvm_iosignalfd(vm, bus, addr, 0, fd, 0), "KVM_IOSIGNALFD");
	exits = tinyvm_ring(vm, bus, addr, 1, NR_RINGS);
	doorbell_counts(doorbell, &after);
	rings = after.eventfd_rings - before.eventfd_rings;
	verdict(rings == NR_RINGS && !exits,
		"module: %llu rings; exits: %llu", rings, exits);

	must(tinyvm_iosignalfd(vm, bus, addr, 0, fd,
			       KVM_IOSIGNALFD_FLAG_DEASSIGN),
	     "KVM_IOSIGNALFD, deassign");

	if (bus == TINYVM_PIO) {
		doorbell_attach(doorbell, DOORBELL_ATTACH_RINGS, -1);
		close(fd);
		return;
	}

	/* The other way to take leave. */
	say("that eventfd is closed");
	close(fd);
	doorbell_counts(doorbell, &after);
	verdict(after.hangups == before.hangups + 1 && !after.rings_attached,
		"module: %llu hang-up, eventfd let go",
		(after.hangups - before.hangups));
}

static void show_rings(void)
{
	__u64 exits;
	struct tinyvm vm;
	int doorbell = open_doorbell();

	tinyvm_create(&vm, true);

	heading("A guest's writes, nobody bound to them");
	say("%u writes to port %#x", NR_RINGS, DEMO_PORT);
	exits = tinyvm_ring(&vm, TINYVM_PIO, DEMO_PORT, 1, NR_RINGS);
	verdict(exits == NR_RINGS, "exits to user space: %llu", exits);
	say("%u writes to address %#llx", NR_RINGS, DEMO_ADDR);
	exits = tinyvm_ring(&vm, TINYVM_MMIO, DEMO_ADDR, 1, NR_RINGS);
	verdict(exits == NR_RINGS, "exits to user space: %llu", exits);

	heading("A doorbell: an eventfd is bound, and a thread reads it");
	say("%u writes to port %#x", NR_RINGS, DEMO_PORT);
	ring_for_thread(&vm, TINYVM_PIO, DEMO_PORT);
	say("%u writes to address %#llx", NR_RINGS, DEMO_ADDR);
	ring_for_thread(&vm, TINYVM_MMIO, DEMO_ADDR);

	heading("The same, and the kernel has the other end (doorbell.ko)");
	say("%u writes to port %#x", NR_RINGS, DEMO_PORT);
	ring_for_kernel(&vm, doorbell, TINYVM_PIO, DEMO_PORT);
	say("%u writes to address %#llx", NR_RINGS, DEMO_ADDR);
	ring_for_kernel(&vm, doorbell, TINYVM_MMIO, DEMO_ADDR);

	tinyvm_destroy(&vm);
	close(doorbell);
}

/*
 * A guest that is halted with interrupts on, in a thread of its own.  Its
 * handler counts in memory and rings @ack.
 */
struct sleeper {
	struct tinyvm vm;
	pthread_t thread;
	int ack;
	bool left;		/* to user space, which it never should */
};

static void *sleep_in_guest(void *arg)
{
	struct sleeper *s = arg;

	while (!tinyvm_run(&s->vm))
		s->left = true;
	return NULL;
}

static __u64 irqs(struct sleeper *s, unsigned int irq)
{
	return __atomic_load_n(&s->vm.shared->irqs[irq], __ATOMIC_RELAXED);
}

static void sleeper_create(struct sleeper *s)
{
	struct kvm_irq_routing *routes = tinyvm_new_routes(2);

	memset(s, 0, sizeof(*s));
	tinyvm_create(&s->vm, true);
	tinyvm_route_ioapic(routes, PIN_GSI, PIN);
	tinyvm_route_msi(routes, MSI_GSI, GUEST_VECTOR + GUEST_IRQ_MSI);
	must(tinyvm_set_routes(&s->vm, routes), "KVM_SET_GSI_ROUTING");
	free(routes);

	s->ack = new_eventfd();
	must(tinyvm_iosignalfd(&s->vm, TINYVM_PIO, ACK_PORT, 0, s->ack, 0),
	     "KVM_IOSIGNALFD");
	s->vm.shared->ack_port = ACK_PORT;

	tinyvm_call(&s->vm, guest_irq_setup, PIN, 0, 0);
	while (!tinyvm_run(&s->vm))
		;
}

/* The guest sleeps till it had @more interrupts. */
static void sleeper_start(struct sleeper *s, unsigned int irq, __u64 more)
{
	tinyvm_call(&s->vm, guest_irq_wait, irq, irqs(s, irq) + more, 0);
	if (pthread_create(&s->thread, NULL, sleep_in_guest, s))
		tinyvm_die("pthread_create");
}

static void sleeper_join(struct sleeper *s)
{
	pthread_join(s->thread, NULL);
}

/* How many acknowledgements have come, at least one; 0 if none does. */
static __u64 acknowledged(struct sleeper *s)
{
	struct pollfd pollfd = { .fd = s->ack, .events = POLLIN };
	__u64 n = 0;

	if (poll(&pollfd, 1, ACK_TIMEOUT_MS) == 1 &&
	    read(s->ack, &n, sizeof(n)) != sizeof(n))
		tinyvm_die("read of an eventfd");
	return n;
}

/* By a write of user space, or by an ioctl that has the module signal. */
static void signal_one(int fd, int doorbell)
{
	struct doorbell_signal one = {
		.count = 1,
		.from = DOORBELL_FROM_CALLER,
	};

	if (doorbell < 0)
		signal_fd(fd);
	else if (ioctl(doorbell, DOORBELL_SIGNAL, &one))
		tinyvm_die("DOORBELL_SIGNAL");
}

/* Every signal waits for the one before to be acknowledged. */
static void interrupt(struct sleeper *s, unsigned int irq, int fd, int doorbell)
{
	__u64 before = irqs(s, irq);
	__u64 acks = 0, had;
	unsigned int i;

	sleeper_start(s, irq, NR_IRQS);
	for (i = 0; i < NR_IRQS; i++) {
		signal_one(fd, doorbell);
		had = acknowledged(s);
		if (!had)
			break;
		acks += had;
	}
	if (i < NR_IRQS) {
		verdict(false, "signal %u was never acknowledged", i + 1);
		exit(EXIT_FAILURE);
	}
	sleeper_join(s);
	had = irqs(s, irq) - before;
	verdict(had == NR_IRQS && acks == NR_IRQS && !s->left,
		"guest: %llu interrupts, %llu acknowledged", had, acks);
}

/*
 * The timer doesn't wait for the guest.  An interrupt that comes before the guest
 * has taken the last one merges with it; how many do depends on the machine.  User
 * space adds what is missing then, so that the guest's routine ends.
 */
static void interrupt_by_timer(struct sleeper *s, unsigned int irq, int fd,
			       int doorbell)
{
	struct doorbell_signal all = {
		.count = NR_IRQS,
		.from = DOORBELL_FROM_TIMER,
	};
	struct doorbell_counts counts;
	__u64 before = irqs(s, irq);
	__u64 had, acks = 0;

	/* Time for the guest to fall asleep. */
	sleeper_start(s, irq, NR_IRQS);
	usleep(QUIET_US);
	if (ioctl(doorbell, DOORBELL_SIGNAL, &all))
		tinyvm_die("DOORBELL_SIGNAL");
	do {
		usleep(QUIET_US);
		doorbell_counts(doorbell, &counts);
	} while (counts.timer_left);
	usleep(QUIET_US);

	had = irqs(s, irq) - before;
	acks = had ? acknowledged(s) : 0;
	verdict(counts.timer_signals == NR_IRQS && had && had <= NR_IRQS &&
		acks == had && !s->left,
		"guest: %llu interrupts, %llu acknowledged%s", had, acks,
		had < NR_IRQS ? " (some met)" : "");

	while (irqs(s, irq) - before < NR_IRQS) {
		signal_fd(fd);
		if (!acknowledged(s))
			tinyvm_die("an interrupt was not acknowledged");
	}
	sleeper_join(s);
}

static void show_interrupts(struct sleeper *s)
{
	int doorbell = open_doorbell();
	int pin = new_eventfd();
	int msi = new_eventfd();

	must(tinyvm_irqfd(&s->vm, pin, PIN_GSI, 0), "KVM_IRQFD");
	must(tinyvm_irqfd(&s->vm, msi, MSI_GSI, 0), "KVM_IRQFD");
	doorbell_attach(doorbell, DOORBELL_ATTACH_SIGNALS, msi);

	heading("An eventfd that interrupts; the guest's handler rings back");
	say("%u signals by user space, IOAPIC pin %u", NR_IRQS, PIN);
	interrupt(s, GUEST_IRQ_PIN, pin, -1);
	say("%u signals by user space, MSI", NR_IRQS);
	interrupt(s, GUEST_IRQ_MSI, msi, -1);
	say("%u signals by the module's ioctl, MSI", NR_IRQS);
	interrupt(s, GUEST_IRQ_MSI, msi, doorbell);
	say("%u signals by the module's timer, MSI", NR_IRQS);
	interrupt_by_timer(s, GUEST_IRQ_MSI, msi, doorbell);

	close(pin);
	close(msi);
	close(doorbell);
}

/*
 * A closed eventfd can only be signalled by its context, which the module holds.
 * So the module can show that the irqfd is gone.
 * Returns the eventfd that took its place.
 */
static int show_hang_up(struct sleeper *s)
{
	int doorbell = open_doorbell();
	int fd = new_eventfd();
	__u64 before, after;
	unsigned int i;

	heading("The eventfd is closed, and the irqfd is gone");

	must(tinyvm_irqfd(&s->vm, fd, MSI_GSI, 0), "KVM_IRQFD");
	doorbell_attach(doorbell, DOORBELL_ATTACH_SIGNALS, fd);

	say("1 signal by the module, for a start");
	sleeper_start(s, GUEST_IRQ_MSI, 2);
	before = irqs(s, GUEST_IRQ_MSI);
	signal_one(-1, doorbell);
	acknowledged(s);
	after = irqs(s, GUEST_IRQ_MSI);
	verdict(after == before + 1, "guest: %llu interrupt",
		(after - before));

	close(fd);
	usleep(QUIET_US);
	say("closed; %u signals more by the module", NR_IRQS);
	before = irqs(s, GUEST_IRQ_MSI);
	for (i = 0; i < NR_IRQS; i++)
		signal_one(-1, doorbell);
	usleep(QUIET_US);
	after = irqs(s, GUEST_IRQ_MSI);
	verdict(after == before, "guest: %llu interrupts",
		(after - before));

	say("a new eventfd takes the GSI; 1 signal by user space");
	fd = new_eventfd();
	must(tinyvm_irqfd(&s->vm, fd, MSI_GSI, 0), "KVM_IRQFD");
	before = irqs(s, GUEST_IRQ_MSI);
	signal_fd(fd);
	acknowledged(s);
	after = irqs(s, GUEST_IRQ_MSI);
	verdict(after == before + 1, "guest: %llu interrupt",
		(after - before));
	if (after != before + 1)
		exit(EXIT_FAILURE);
	sleeper_join(s);

	close(doorbell);
	return fd;
}

/* The other order; @fd is an irqfd's. */
static void show_vm_first(struct sleeper *s, int fd)
{
	__u64 n = 0;

	heading("The VM is closed, and the eventfd stays");
	say("VM closed; 1 signal by user space, 1 read");
	tinyvm_destroy(&s->vm);
	signal_fd(fd);
	if (read(fd, &n, sizeof(n)) != sizeof(n))
		tinyvm_die("read of an eventfd");
	verdict(n == 1, "thread: %llu, an eventfd like any other", n);
	close(fd);
}

static void show_move(void)
{
	struct moving_bars b;
	bool known;

	heading("Two BARs of 8 doorbells change places, in one call each time");
	say("%u writes to an address of theirs meanwhile", NR_MOVED_RINGS);
	known = ring_moving_bars(NR_MOVED_RINGS, &b);
	if (!known)
		verdict(true, "no KVM_CAP_EVENTFD_BATCH");
	else
		verdict(b.first + b.second == NR_MOVED_RINGS && !b.exits && b.moves,
			"%llu moves; %llu + %llu rings; exits: %llu", b.moves,
			b.first, b.second, b.exits);
}

static void introduce(void)
{
	struct utsname name;
	int flags = tinyvm_extension(KVM_CAP_IOSIGNALFD);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	uname(&name);
	printf("Linux %s, %ld processor%s\n", name.release, cpus,
	       cpus == 1 ? "" : "s");
	if (flags)
		printf("KVM_CAP_IOSIGNALFD:%s%s%s\n",
		       flags & KVM_IOSIGNALFD_FLAG_TRIGGER ? " TRIGGER" : "",
		       flags & KVM_IOSIGNALFD_FLAG_PIO ? " PIO" : "",
		       flags & KVM_IOSIGNALFD_FLAG_DEASSIGN ? " DEASSIGN" : "");
	else
		printf("no KVM_CAP_IOSIGNALFD: ioeventfd under its own name\n");
}

int main(int argc, char **argv)
{
	struct sleeper sleeper;

	if (argc == 2 && !strcmp(argv[1], "--count")) {
		count_rings();
		return EXIT_SUCCESS;
	}
	if (argc > 1) {
		fprintf(stderr, "usage: %s [--count]\n", argv[0]);
		return EXIT_FAILURE;
	}

	alarm(GIVE_UP_S);
	introduce();
	show_rings();
	show_move();
	sleeper_create(&sleeper);
	show_interrupts(&sleeper);
	show_vm_first(&sleeper, show_hang_up(&sleeper));
	close(sleeper.ack);

	printf("\n%s\n", failures ? "Not all was as it should be." :
				    "All as it should be.");
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
