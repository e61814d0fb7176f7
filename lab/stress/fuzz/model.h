/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fuzzer's model of eventfds, registrations, irqfds and VMs.  An operation announces
 * itself by say(), makes its call, compares the result with the model, and changes the
 * model.
 */
#ifndef LAB_STRESS_FUZZ_MODEL_H
#define LAB_STRESS_FUZZ_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "../random.h"
#include "../tiny_vm.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define NR_VMS		3
#define NR_FDS		24
#define NR_PLAIN	18	/* of them; the rest are for resampling */
#define NR_REGS		64	/* registrations of a VM */
#define NR_PLACES	8
#define NR_VALUES	4
#define RING_PORT	0x300
#define RING_MMIO	0xd0000000
#define PORT_STEP	4
#define MMIO_STEP	8
#define PLACES_A_ZONE	4
#define NR_ZONES	(NR_PLACES / PLACES_A_ZONE)
#define EXTRA_SLOT	1	/* a memslot at one half of the MMIO places */
#define BORDER		TINY_MEM_SIZE	/* where stores begin in memory and end in a place */

#define COUNT_MAX	UINT64_MAX
#define PATIENCE	60	/* seconds that a worker may take */

/* A flag of KVM_IOEVENTFD that no kernel knows. */
#define BAD_FLAG	0x100000
/* No operation assigns a doorbell there. */
#define NO_PORT		0x9000

/* An eventfd, as long as it has users. */
struct event {
	struct event *next;	/* of all that there are */
	uint64_t count;
	bool semaphore;
	bool left;		/* an irqfd has left some of the count without a wake-up */
	bool resample;		/* a resamplefd, which may get more signals than needed */
	int files;		/* how many of fds[] */
	/* Files, producers in the kernel, which are registrations and resamplers, its irqfd. */
	int users;
	struct vm *vm;		/* of its irqfd, NULL for none */
	uint32_t gsi;
	bool keep;		/* the irqfd doesn't end with the last file */
	bool masked, held;	/* the irqfd is, and has a pending event */
	unsigned int stirs;	/* how often its pollers may have been woken */
	struct event *resamples;	/* a level irqfd's resamplefd */
};

/* A file descriptor: of an eventfd, of something else, or of nothing. */
struct fd {
	int fd;
	struct event *event;
};

struct reg {
	struct event *event;	/* NULL: this entry is free */
	bool pio, match, fanout, hangup;
	bool ccw;		/* the flag; without @pio it's a bus that no access reaches */
	uint64_t addr, value;
	uint32_t len;
	uint64_t *post;		/* NULL for no posting */
	bool posted;		/* @post must have @last now */
	uint64_t last;
};

struct vm {
	struct tiny_vm tiny;
	bool open;		/* it has its file */
	bool running;		/* it has its vCPU */
	struct reg regs[NR_REGS];
	bool pin_route[NR_GSIS], msi_route[NR_GSIS];
	unsigned int zones[2][NR_ZONES];
	uint64_t extra;		/* where its second memslot is, 0 for nowhere */
	uint8_t *extra_mem;
	uint64_t posts[NR_REGS];	/* one for each of @regs */
	/* Vectors that must have arrived, and vectors that may still arrive. */
	bool must[256], may[256];
	/* The level irqfds' line is up; the model doesn't know whether it is. */
	bool up[NR_PINS], unsure[NR_PINS];
	/* A level irqfd is ending, which may lower the line at any moment. */
	bool ending[NR_PINS];
	bool masked[NR_PINS];	/* level-triggered pins only */
	bool restored;		/* the I/O APIC's state was set */
	bool foreign[NR_PINS];	/* the line came up in another VM, and was restored */
	bool routed;		/* has @routes, not the irqchip's default */
	struct tiny_routes routes;
};

extern struct vm vms[NR_VMS];
extern struct fd fds[NR_FDS];
extern struct event *events;
extern int other_fd;		/* not an eventfd */
extern uint64_t *nowhere;	/* an address that a store faults at, mostly */
extern bool nowhere_there;

extern uint64_t seed, nr_done;
extern unsigned long nr_bursts, nr_accesses, nr_signals, nr_interrupts, nr_vms;
extern unsigned long nr_kept, nr_kept_interrupts;
extern bool idle;		/* say() wasn't called since this was set */
extern bool says_all;		/* print each operation before it is done */

/* Note the operation that is about to be done. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* End the run: print the last operations, and how to repeat them. */
void wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Check a call's return value, with errno, against the wanted errno, or 0. */
void expect(const char *what, int ret, int want);

double now(void);

/* Eventfds and files */
struct event *new_event(void);
void put_event(struct event *event);
bool is_heard(const struct event *event);
void drop_file(struct fd *fd);
void drop_watches(struct event *event);
void give_file(struct fd *to, int fd, struct event *event);
struct fd *some_fd(void);
struct fd *some_resamplefd(void);
struct fd *some_like(struct fd *fd);
int fd_error(struct fd *fd);
uint64_t take(struct event *event);
void consume(struct event *event);
void signal_event(struct event *event);

/* Irqfds */
bool can_control(void);		/* has KVM KVM_IRQFD_CONTROL? */
uint32_t mask_flags(const struct event *event);	/* that its irqfd is assigned again with */
/* What ends an irqfd that outlives the file: KVM_IRQFD_KEEP_TO_*, or 0 without such ones. */
int keep_ends(void);
bool is_kept(const struct event *event);
struct event *some_kept(void);
void inject(struct event *event);
uint32_t some_gsi(void);
uint32_t some_irqfd_flags(void);
bool can_keep(uint32_t flags, uint32_t gsi);
void begin_irqfd(struct event *event, struct vm *vm, uint32_t gsi, uint32_t flags,
		 struct event *resamples);
void end_irqfd(struct event *event);
bool end_kept(struct vm *vm, uint32_t gsi);
bool pin_exists(struct vm *vm, uint32_t gsi);
int irqfds_of(struct vm *vm);

/* VMs */
struct vm *some_vm(void);
void make_vm(struct vm *vm);
void drop_vm(struct vm *vm);
void drop_vcpu(struct vm *vm);
uint64_t place_addr(bool pio, unsigned int place);

/* Registrations */
bool takes(const struct reg *reg, bool pio, uint64_t addr, uint32_t len,
	   uint64_t value);
bool excludes(const struct reg *reg, const struct reg *new);
bool same_writes(const struct reg *reg, const struct reg *like);
struct reg *same_reg(struct vm *vm, const struct reg *like);
struct reg *free_reg(struct vm *vm);
void drop_reg(struct reg *reg);
void end_hung_up(struct event *event);
uint32_t reg_flags(const struct reg *reg);
int call(struct vm *vm, const struct reg *reg, int fd, uint32_t flags);
void say_reg(const char *what, struct vm *vm, struct fd *fd,
	     const struct reg *reg);

/* Comparisons with the model (checks.c) */
bool has_bit(const char *regs, unsigned int vector);	/* of a local APIC's IRR */
void check_vectors(struct vm *vm);
void check_line(struct vm *vm, uint32_t pin);
bool check_lists(struct vm *vm);
bool wait_for_worker(struct vm *vm);
void wait_for_ends(void);
short poll_events(struct event *event);
void check_counter(struct fd *fd);
void settle(struct vm *vm);

/* The operations, by subject */
void do_assign_io(void);
void do_deassign_io(void);
void do_batch(void);
struct reg some_reg(struct event *event);
void do_access(void);
void do_string(void);
void do_border(void);
void do_withhold(void);
void add_zone(struct vm *vm, bool pio, unsigned int zone);
void do_zone(void);
void do_memslot(void);

void do_assign_irqfd(void);
void do_deassign_irqfd(void);
void do_deassign_kept(void);
void do_control(void);
void do_routes(void);
void do_some_routes(void);
void do_interrupts(void);
void do_mask(void);
void do_acknowledge(void);

void do_signal(void);
void do_read(void);
void do_poll(void);
void do_new(void);
void do_dup(void);

void do_epoll(void);
void do_aio(void);
void do_uring(void);
void do_producer(void);

void do_state(void);
void do_restore(void);

void do_burst(void);

#endif /* LAB_STRESS_FUZZ_MODEL_H */
