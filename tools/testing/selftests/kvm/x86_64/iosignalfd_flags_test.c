// SPDX-License-Identifier: GPL-2.0-only
/*
 * What iosignalfd has beyond ioeventfd: several eventfds for one write, values
 * posted to user space, registrations that end without their descriptor, debugfs,
 * statistics and a tracepoint.
 *
 * Kernels without KVM_CAP_IOSIGNALFD have none of these.  There all is skipped but
 * the fixture "always" and string_elements, which pin failures of such kernels.
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "io_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define DEBUGFS		"/sys/kernel/debug/kvm"

FIXTURE(bus) {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	struct kvm_iosignalfd sig;
	uint32_t flags;
	uint64_t base;
	int fd;
	/* Three pages, the middle one to post to. */
	void *pages;
	void *page;
};

FIXTURE_VARIANT(bus) {
	uint32_t flags;
	uint64_t base;
	/* The longest access there is. */
	uint32_t max;
};

FIXTURE_VARIANT_ADD(bus, pio) {
	.flags = FLAG_PIO,
	.base = PIO_BASE,
	.max = 4,
};

FIXTURE_VARIANT_ADD(bus, mmio) {
	.base = MMIO_BASE,
	.max = 8,
};

FIXTURE_SETUP(bus)
{
	if (!kvm_check_cap(KVM_CAP_IOSIGNALFD))
		SKIP(return, "KVM_CAP_IOSIGNALFD is 0");

	self->vm = vm_create_with_one_vcpu(&self->vcpu, io_guest_main);
	virt_map(self->vm, MMIO_BASE, MMIO_BASE, MMIO_PAGES);
	self->flags = variant->flags;
	self->base = variant->base;
	self->fd = new_eventfd();
	self->sig = (struct kvm_iosignalfd) {
		.addr = self->base, .len = 4, .fd = self->fd, .flags = self->flags,
	};
	self->pages = mmap(NULL, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	TEST_ASSERT(self->pages != MAP_FAILED, __KVM_SYSCALL_ERROR("mmap()", -1));
	self->page = self->pages + PAGE_SIZE;
}

FIXTURE_TEARDOWN(bus)
{
	if (!self->vcpu)
		return;

	munmap(self->pages, 3 * PAGE_SIZE);
	close(self->fd);
	if (self->vm)
		kvm_vm_free(self->vm);
}

/* One write, which must signal each of @nr eventfds once and must not exit. */
static void assert_rings_all(struct kvm_vcpu *vcpu, const struct kvm_iosignalfd *sig,
			     uint64_t val, const int *fds, int nr)
{
	struct io_access io = {
		.addr = sig->addr, .len = sig->len ?: 2, .val = val,
		.pio = sig->flags & FLAG_PIO, .write = true,
	};
	int i;

	TEST_ASSERT(!do_io(vcpu, &io), "The write of 0x%lx came to user space", val);
	for (i = 0; i < nr; i++) {
		uint64_t count = take(fds[i]);

		TEST_ASSERT(count == 1, "Eventfd %d of %d: wanted 1 signal, got %lu", i, nr,
			    count);
	}
}

#define NR_FANOUT	5

/* One write rings all registrations that share it, until the last one is deassigned. */
TEST_F(bus, fanout)
{
	int fds[NR_FANOUT], kind, i;

	for (i = 0; i < NR_FANOUT; i++)
		fds[i] = new_eventfd();

	/* One value, every value, every value of any length. */
	for (kind = 0; kind < 3; kind++) {
		struct kvm_iosignalfd sig = self->sig;

		sig.flags |= FLAG_FANOUT;
		sig.trigger = 7;
		if (kind == 0)
			sig.flags |= FLAG_TRIGGER;
		if (kind == 2)
			sig.len = 0;

		for (i = 0; i < NR_FANOUT; i++) {
			sig.fd = fds[i];
			io_assign_ok(self->vm, sig);
			assert_rings_all(self->vcpu, &sig, 7, fds, i + 1);
		}
		if (kind == 0)
			assert_exits(self->vcpu, self->flags, sig.addr, 4, 8, fds[0]);

		/* First one from the middle, then from both ends. */
		sig.fd = fds[2];
		io_unassign_ok(self->vm, sig);
		fds[2] = fds[NR_FANOUT - 1];
		fds[NR_FANOUT - 1] = sig.fd;
		assert_rings_all(self->vcpu, &sig, 7, fds, NR_FANOUT - 1);
		TEST_ASSERT(!take(sig.fd), "Signalled after deassign");
		ASSERT_ERRNO(ENOENT, io_unassign(self->vm, sig), "Deassign a second time");

		for (i = NR_FANOUT - 2; i >= 0; i--) {
			assert_rings_all(self->vcpu, &sig, 7, fds, i + 1);
			sig.fd = fds[i];
			io_unassign_ok(self->vm, sig);
		}
		assert_exits(self->vcpu, self->flags, sig.addr, 2, 7, fds[0]);
	}

	for (i = 0; i < NR_FANOUT; i++)
		close(fds[i]);
}

/*
 * At most KVM_CAP_IOSIGNALFD_FANOUT registrations share a write; another one fits only
 * after one has gone.  Without the limit one write occupies the processor for as long as
 * user space likes.
 */
TEST_F(bus, fanout_limit)
{
	int max = vm_check_cap(self->vm, KVM_CAP_IOSIGNALFD_FANOUT), kind, i;
	struct kvm_iosignalfd sig = self->sig;
	int *fds = calloc(max + 1, sizeof(*fds));

	TEST_ASSERT(max >= 16 && max <= 256, "KVM_CAP_IOSIGNALFD_FANOUT: got %d", max);
	TEST_ASSERT(fds, "calloc() failed");
	for (i = 0; i <= max; i++)
		fds[i] = new_eventfd();

	for (kind = 0; kind < 2; kind++) {
		sig.flags = self->flags | FLAG_FANOUT | (kind ? FLAG_TRIGGER : 0);
		sig.trigger = 7;
		for (i = 0; i < max; i++) {
			sig.fd = fds[i];
			io_assign_ok(self->vm, sig);
		}
		assert_rings_all(self->vcpu, &sig, 7, fds, max);

		sig.fd = fds[max];
		ASSERT_ERRNO(EUSERS, iosignalfd(self->vm, sig), "One more than %d", max);
		sig.fd = fds[max / 2];
		ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, sig), "One of them again");
		assert_rings_all(self->vcpu, &sig, 7, fds, max);
		TEST_ASSERT(!take(fds[max]), "The one that was refused was signalled");

		/* It fits after one is deassigned, or after one's eventfd is closed. */
		io_unassign_ok(self->vm, sig);
		sig.fd = fds[max];
		io_assign_ok(self->vm, sig);
		close(fds[0]);
		fds[0] = new_eventfd();
		sig.fd = fds[0];
		io_assign_ok(self->vm, sig);
		sig.fd = fds[max / 2];
		ASSERT_ERRNO(EUSERS, iosignalfd(self->vm, sig), "It's full again");
		fds[max / 2] = fds[max];
		fds[max] = sig.fd;
		assert_rings_all(self->vcpu, &sig, 7, fds, max);

		sig.flags |= FLAG_ANY_FD;
		io_unassign_ok(self->vm, sig);
	}

	for (i = 0; i <= max; i++)
		close(fds[i]);
	free(fds);
}

/* Registrations share a write only if both have the flag, and no eventfd has it twice. */
TEST_F(bus, fanout_errno)
{
	struct kvm_iosignalfd sig = self->sig, other = self->sig;
	int bit;

	other.fd = new_eventfd();

	for (bit = 0; bit < 2; bit++) {
		sig.flags = self->flags | (bit ? FLAG_FANOUT : 0);
		other.flags = self->flags | (bit ? 0 : FLAG_FANOUT);
		io_assign_ok(self->vm, sig);
		ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, other), "One shares, the other doesn't");
		assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, sig.fd);
		TEST_ASSERT(!take(other.fd), "The one that was refused was signalled");
		io_unassign_ok(self->vm, sig);
	}

	sig.flags = self->flags | FLAG_FANOUT;
	other.flags = sig.flags;
	io_assign_ok(self->vm, sig);
	ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, sig), "The same eventfd twice");
	other.flags |= FLAG_TRIGGER;
	ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, other), "One value besides all values");
	other.flags &= ~FLAG_TRIGGER;
	other.len = 0;
	ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, other), "Any length besides one");
	other.len = 2;
	io_assign_ok(self->vm, other);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, sig.fd);
	assert_rings(self->vcpu, self->flags, sig.addr, 2, 1, other.fd);

	close(other.fd);
}

/* For each length the value is stored whole, at its address only, with its signal. */
TEST_F(bus, post_write)
{
	const uint64_t val = 0x8877665544332211ull;
	uint32_t len;

	for (len = 1; len <= variant->max; len *= 2) {
		struct kvm_iosignalfd sig = self->sig;
		uint8_t *at = self->page + 64;
		int i;

		memset(self->page, 0xee, PAGE_SIZE);
		sig.len = len;
		sig.flags |= FLAG_POST_WRITE;
		sig.post_addr = (uintptr_t)at;
		io_assign_ok(self->vm, sig);

		assert_rings(self->vcpu, self->flags, sig.addr, len, val, sig.fd);
		TEST_ASSERT(!memcmp(at, &val, len), "%u bytes: the value isn't there", len);
		for (i = -8; i < 16; i++)
			TEST_ASSERT((i >= 0 && i < len) || at[i] == 0xee,
				    "%u bytes: the byte at %d has changed", len, i);

		/* The next value replaces it. */
		assert_rings(self->vcpu, self->flags, sig.addr, len, 0, sig.fd);
		assert_rings(self->vcpu, self->flags, sig.addr, len, 0x3c, sig.fd);
		TEST_ASSERT(*at == 0x3c, "%u bytes: wanted the last value, got 0x%x", len, *at);

		/* A write of another length doesn't match. */
		memset(self->page, 0xee, PAGE_SIZE);
		assert_exits(self->vcpu, self->flags, sig.addr, len == 2 ? 1 : 2, val, sig.fd);
		TEST_ASSERT(*at == 0xee, "A write of another length was posted");

		/* With a trigger, only its value is posted. */
		io_unassign_ok(self->vm, sig);
		assert_exits(self->vcpu, self->flags, sig.addr, len, val, sig.fd);
		TEST_ASSERT(*at == 0xee, "Posted after deassign");
		sig.flags |= FLAG_TRIGGER;
		sig.trigger = 0x21;
		io_assign_ok(self->vm, sig);
		assert_exits(self->vcpu, self->flags, sig.addr, len, 0x22, sig.fd);
		TEST_ASSERT(*at == 0xee, "A value that doesn't ring was posted");
		assert_rings(self->vcpu, self->flags, sig.addr, len, 0x21, sig.fd);
		TEST_ASSERT(*at == 0x21, "The value that rings wasn't posted");
		io_unassign_ok(self->vm, sig);
	}
}

/* If the value can't be stored, the write exits and no eventfd is signalled. */
TEST_F(bus, post_write_fault)
{
	struct kvm_iosignalfd sig = self->sig;
	uint32_t *at = self->page;

	sig.flags |= FLAG_POST_WRITE;
	sig.post_addr = (uintptr_t)at;
	io_assign_ok(self->vm, sig);

	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, sig.fd);

	TEST_ASSERT(!mprotect(at, PAGE_SIZE, PROT_READ), "mprotect(): %s", strerror(errno));
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 2, sig.fd);
	TEST_ASSERT(*at == 1, "Stored to a page that is read-only");

	TEST_ASSERT(!mprotect(at, PAGE_SIZE, PROT_READ | PROT_WRITE), "mprotect(): %s",
		    strerror(errno));
	*at = 3;
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 4, sig.fd);
	TEST_ASSERT(*at == 4, "Wanted 4, got %u", *at);

	TEST_ASSERT(!munmap(at, PAGE_SIZE), "munmap(): %s", strerror(errno));
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 5, sig.fd);

	TEST_ASSERT(mmap(at, PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at,
		    "mmap(): %s", strerror(errno));
	/* The page is there once user space has touched it, as it would on the exit. */
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 6, sig.fd);
	*at = 6;
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 7, sig.fd);
	TEST_ASSERT(*at == 7, "Wanted 7, got %u", *at);

	io_unassign_ok(self->vm, sig);
}

/*
 * Such a write exits even if a coalesced zone takes the writes that don't ring, with one
 * registration and with several.  Pins a zone that swallowed the write.
 */
TEST_F(bus, post_write_fault_in_zone)
{
	struct kvm_iosignalfd sig = self->sig, other = self->sig;
	const bool pio = self->flags & FLAG_PIO;
	uint32_t *at = self->page;

	if (!kvm_has_cap(pio ? KVM_CAP_COALESCED_PIO : KVM_CAP_COALESCED_MMIO))
		SKIP(return, "No coalesced zones");

	kvm_vm_register_coalesced_io(self->vm, sig.addr, 8, pio);
	sig.flags |= FLAG_POST_WRITE | FLAG_FANOUT;
	sig.post_addr = (uintptr_t)at;
	io_assign_ok(self->vm, sig);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, sig.fd);

	TEST_ASSERT(!mprotect(at, PAGE_SIZE, PROT_READ), "mprotect(): %s", strerror(errno));
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 2, sig.fd);

	/* The registration whose store succeeds comes first, or second. */
	other.fd = new_eventfd();
	other.flags = sig.flags;
	other.post_addr = (uintptr_t)(self->page + PAGE_SIZE);
	io_assign_ok(self->vm, other);
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 3, sig.fd);
	io_unassign_ok(self->vm, sig);
	io_assign_ok(self->vm, sig);
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 4, sig.fd);
	TEST_ASSERT(!take(other.fd), "Signalled for a write that came to user space");

	TEST_ASSERT(!mprotect(at, PAGE_SIZE, PROT_READ | PROT_WRITE), "mprotect(): %s",
		    strerror(errno));
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 5, sig.fd);
	TEST_ASSERT(take(other.fd) == 1 && *at == 5,
		    "The other eventfd wasn't signalled, or %u isn't 5", *at);
	close(other.fd);
}

/* Of several eventfds that share a write all are signalled, or none if a store faults. */
TEST_F(bus, post_write_fanout)
{
	struct kvm_iosignalfd sig = self->sig, posted = self->sig, bad = self->sig;
	uint32_t *at = self->page;
	int fds[3];

	sig.flags |= FLAG_FANOUT;
	posted.flags |= FLAG_FANOUT | FLAG_POST_WRITE;
	bad.flags = posted.flags;
	posted.fd = new_eventfd();
	posted.post_addr = (uintptr_t)at;
	bad.fd = new_eventfd();
	bad.post_addr = (uintptr_t)(self->page - PAGE_SIZE);
	fds[0] = sig.fd;
	fds[1] = posted.fd;
	fds[2] = bad.fd;

	io_assign_ok(self->vm, sig);
	io_assign_ok(self->vm, posted);
	io_assign_ok(self->vm, bad);
	assert_rings_all(self->vcpu, &sig, 11, fds, 3);
	TEST_ASSERT(*at == 11, "Wanted 11, got %u", *at);

	TEST_ASSERT(!mprotect(self->page - PAGE_SIZE, PAGE_SIZE, PROT_NONE), "mprotect(): %s",
		    strerror(errno));
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 12, sig.fd);
	TEST_ASSERT(!take(posted.fd) && !take(bad.fd),
		    "Signalled for a write that came to user space");

	io_unassign_ok(self->vm, bad);
	assert_rings_all(self->vcpu, &sig, 13, fds, 2);
	TEST_ASSERT(*at == 13, "Wanted 13, got %u", *at);

	close(posted.fd);
	close(bad.fd);
}

#define LOG_SLOT	10
#define LOG_ALIAS	11
#define LOG_GPA		(2ull * SZ_1G)
#define LOG_ALIAS_GPA	(3ull * SZ_1G)
#define LOG_PAGES	8
#define LOG_PAGE	5

/* Have @sig post to memory that two memslots share. */
static uint32_t *post_to_guest(struct kvm_vm *vm, struct kvm_iosignalfd *sig)
{
	uint32_t *at;
	void *hva;

	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, LOG_GPA, LOG_SLOT, LOG_PAGES, 0);
	hva = addr_gpa2hva(vm, LOG_GPA);
	memset(hva, 0, LOG_PAGES * PAGE_SIZE);
	at = hva + LOG_PAGE * PAGE_SIZE;
	vm_set_user_memory_region(vm, LOG_ALIAS, KVM_MEM_LOG_DIRTY_PAGES, LOG_ALIAS_GPA,
				  LOG_PAGES * PAGE_SIZE, hva);
	sig->flags |= FLAG_POST_WRITE;
	sig->post_addr = (uintptr_t)at;
	io_assign_ok(vm, *sig);
	return at;
}

/* The dirty log of both memslots has that page, or is empty. */
static void assert_logged(struct kvm_vm *vm, bool clear, bool want)
{
	int slot;

	for (slot = LOG_SLOT; slot <= LOG_ALIAS; slot++) {
		unsigned long got = 0;

		kvm_vm_get_dirty_log(vm, slot, &got);
		if (clear)
			kvm_vm_clear_dirty_log(vm, slot, &got, 0, LOG_PAGES);
		TEST_ASSERT(got == (want ? 1ul << LOG_PAGE : 0),
			    "Slot %d: wanted %s page in the log, got 0x%lx", slot,
			    want ? "the" : "no", got);
	}
}

/*
 * A value that is posted to guest memory is in the dirty log of each memslot, in both of
 * the log's modes.  Pins a value that a live migration loses.
 */
TEST_F(bus, post_write_dirty_log)
{
	struct kvm_iosignalfd sig = self->sig;
	uint32_t *at = post_to_guest(self->vm, &sig);
	bool clear;
	int i;

	assert_rings(self->vcpu, self->flags, sig.addr, 4, 0, sig.fd);
	vm_mem_region_set_flags(self->vm, LOG_SLOT, KVM_MEM_LOG_DIRTY_PAGES);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, sig.fd);

	for (clear = false;; clear = true) {
		assert_logged(self->vm, clear, !clear);
		for (i = 2; i < 5; i++) {
			assert_logged(self->vm, clear, false);
			assert_rings(self->vcpu, self->flags, sig.addr, 4, i, sig.fd);
			TEST_ASSERT(*at == i, "Wanted %d, got %u", i, *at);
			assert_logged(self->vm, clear, true);
		}
		if (clear)
			break;
		vm_enable_cap(self->vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
			      KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
	}
}

static void guest_string(const uint8_t *bytes, uint64_t nr)
{
	asm volatile("cld; rep outsb" : "+S"(bytes), "+c"(nr) : "d"(PIO_BASE) : "memory");
	GUEST_ASSERT_EQ(nr, 0);
	GUEST_SYNC(0);
}

#define RING_SIZE	1024

static struct kvm_vm *vm_with_dirty_ring(struct kvm_vcpu **vcpu, void *guest_code)
{
	struct kvm_vm *vm = vm_create(1);

	vm_enable_dirty_ring(vm, RING_SIZE * sizeof(struct kvm_dirty_gfn));
	*vcpu = vm_vcpu_add(vm, 0, guest_code);
	virt_map(vm, MMIO_BASE, MMIO_BASE, MMIO_PAGES);
	return vm;
}

static bool has_dirty_rings(void)
{
	return kvm_has_cap(KVM_CAP_DIRTY_LOG_RING) || kvm_has_cap(KVM_CAP_DIRTY_LOG_RING_ACQ_REL);
}

/* The same with dirty rings. */
TEST_F(bus, post_write_dirty_ring)
{
	struct kvm_iosignalfd sig = self->sig;
	struct kvm_dirty_gfn *ring;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int at = 0, i, j;

	if (!has_dirty_rings())
		SKIP(return, "No dirty rings");

	vm = vm_with_dirty_ring(&vcpu, io_guest_main);
	post_to_guest(vm, &sig);
	vm_mem_region_set_flags(vm, LOG_SLOT, KVM_MEM_LOG_DIRTY_PAGES);
	ring = vcpu_map_dirty_ring(vcpu);

	for (i = 0; i < 3; i++) {
		int slots = 0;

		assert_rings(vcpu, self->flags, sig.addr, 4, i, sig.fd);
		for (j = 0; j < 2; j++, at++) {
			TEST_ASSERT(ring[at].flags == KVM_DIRTY_GFN_F_DIRTY &&
				    ring[at].offset == LOG_PAGE,
				    "Entry %d: flags 0x%x, slot %u, page %llu", at, ring[at].flags,
				    ring[at].slot, ring[at].offset);
			slots |= 1 << ring[at].slot;
		}
		TEST_ASSERT(slots == (1 << LOG_SLOT | 1 << LOG_ALIAS),
			    "Wanted slots %d and %d, got 0x%x", LOG_SLOT, LOG_ALIAS, slots);
	}

	kvm_vm_free(vm);
}

/*
 * KVM never puts more into the dirty ring than fits, not even for one instruction.  An
 * element whose page can't be logged exits to user space, so each rings or exits.
 */
TEST(dirty_ring_full)
{
	struct kvm_iosignalfd sig = { .addr = PIO_BASE, .len = 1, .flags = FLAG_PIO };
	uint64_t rings, exits = 0, full = 0;
	const int nr = PAGE_SIZE;
	struct kvm_dirty_gfn *ring;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int i;

	if (!kvm_check_cap(KVM_CAP_IOSIGNALFD) || !has_dirty_rings())
		SKIP(return, "No KVM_CAP_IOSIGNALFD, or no dirty rings");

	vm = vm_with_dirty_ring(&vcpu, guest_string);
	sig.fd = new_eventfd();
	post_to_guest(vm, &sig);
	vm_mem_region_set_flags(vm, LOG_SLOT, KVM_MEM_LOG_DIRTY_PAGES);
	vcpu_args_set(vcpu, 2, vm_vaddr_alloc_page(vm), (uint64_t)nr);
	ring = vcpu_map_dirty_ring(vcpu);

	while (!run_to_sync(vcpu)) {
		if (vcpu->run->exit_reason == KVM_EXIT_DIRTY_RING_FULL) {
			for (i = 0; i < RING_SIZE; i++)
				if (ring[i].flags == KVM_DIRTY_GFN_F_DIRTY)
					ring[i].flags = KVM_DIRTY_GFN_F_RESET;
			kvm_vm_reset_dirty_ring(vm);
			full++;
			continue;
		}
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
		exits += vcpu->run->io.count;
	}

	rings = take(sig.fd);
	pr_info("%lu elements rang, %lu came to user space, the ring was full %lu times\n", rings,
		exits, full);
	TEST_ASSERT(rings + exits == nr, "%d elements, but %lu rang and %lu came to user space", nr,
		    rings, exits);
	TEST_ASSERT(full, "The ring wasn't full once");

	close(sig.fd);
	kvm_vm_free(vm);
}

TEST_F(bus, post_write_errno)
{
	struct kvm_iosignalfd sig = self->sig, other;

	sig.flags |= FLAG_POST_WRITE;
	sig.post_addr = (uintptr_t)self->page;

	other = sig;
	other.len = 0;
	ASSERT_ERRNO(EINVAL, iosignalfd(self->vm, other), "Post a value without a length");
	other = sig;
	other.post_addr++;
	ASSERT_ERRNO(EINVAL, iosignalfd(self->vm, other), "Post to an odd address");
	other.post_addr++;
	ASSERT_ERRNO(EINVAL, iosignalfd(self->vm, other), "Post 4 bytes to half of that");
	other.post_addr = 1ull << 63;
	ASSERT_ERRNO(EFAULT, iosignalfd(self->vm, other), "Post to the kernel");
	other.post_addr = -4ull;
	ASSERT_ERRNO(EFAULT, iosignalfd(self->vm, other), "Post to the end of the kernel");
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 1, self->fd);

	/* Without the flag there is no address. */
	other = self->sig;
	other.post_addr = 1;
	io_assign_ok(self->vm, other);
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, sig), "Deassign with an address it hasn't");
	io_unassign_ok(self->vm, other);

	io_assign_ok(self->vm, sig);
	other = sig;
	other.post_addr += 4;
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, other), "Deassign with another address");
	other.flags &= ~FLAG_POST_WRITE;
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, other), "Deassign without the address");
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, self->fd);
	io_unassign_ok(self->vm, sig);
}

/* Deassign all registrations of an address and length, or of one value, of any eventfd. */
TEST_F(bus, any_fd)
{
	struct kvm_iosignalfd any = self->sig, sig = self->sig;
	int i;

	any.fd = -1;
	any.flags |= FLAG_ANY_FD;
	ASSERT_ERRNO(EINVAL, iosignalfd(self->vm, any), "Assign whatever fd");
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, any), "Deassign from an empty bus");

	/* Its eventfd has no fd any more, so only this flag can deassign it. */
	sig.fd = new_eventfd();
	io_assign_ok(self->vm, sig);
	close(sig.fd);
	io_unassign_ok(self->vm, any);
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 1, self->fd);

	sig.fd = self->fd;
	sig.flags |= FLAG_TRIGGER;
	for (i = 0; i < 100; i++) {
		sig.trigger = i * i;
		io_assign_ok(self->vm, sig);
	}
	sig.len = 2;
	io_assign_ok(self->vm, sig);

	any.flags |= FLAG_TRIGGER;
	any.trigger = 81;
	io_unassign_ok(self->vm, any);
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, any), "Deassign the value a second time");
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 81, self->fd);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 64, self->fd);

	any.flags &= ~FLAG_TRIGGER;
	io_unassign_ok(self->vm, any);
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, any), "Deassign all a second time");
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 64, self->fd);
	assert_rings(self->vcpu, self->flags, sig.addr, 2, sig.trigger, self->fd);

	/* Several that share a write. */
	sig = self->sig;
	sig.flags |= FLAG_FANOUT;
	for (i = 0; i < 10; i++) {
		sig.fd = new_eventfd();
		io_assign_ok(self->vm, sig);
		close(sig.fd);
	}
	io_unassign_ok(self->vm, any);
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 64, self->fd);
}

static void assert_exits_in_time(struct kvm_vcpu *vcpu, const struct kvm_iosignalfd *sig)
{
	struct io_access io = {
		.addr = sig->addr, .len = sig->len, .val = sig->trigger,
		.pio = sig->flags & FLAG_PIO, .write = true,
	};

	WAIT_FOR(do_io(vcpu, &io), "Writes still ring for an eventfd that was closed");
}

/* The registration still takes its writes, though its eventfd is closed. */
static void assert_stays(struct kvm_vcpu *vcpu, const struct kvm_iosignalfd *sig)
{
	struct io_access io = {
		.addr = sig->addr, .len = sig->len ?: 4, .val = sig->trigger,
		.pio = sig->flags & FLAG_PIO, .write = true,
	};

	TEST_ASSERT(!do_io(vcpu, &io), "A write came to user space");
}

static void send_fd(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = { }, byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	TEST_ASSERT(sendmsg(socket, &msg, 0) == 1, "sendmsg(): %s", strerror(errno));
}

/*
 * The last close of an eventfd deassigns its registrations.  Another registration
 * can have their place at once.
 *
 * Pins B59: without the flag, as in all kernels before, writes signal an eventfd
 * that no file refers to.
 */
TEST_F(bus, hangup)
{
	struct kvm_iosignalfd sig = self->sig, other = self->sig;
	int copy;

	sig.flags |= FLAG_HANGUP;
	sig.fd = new_eventfd();
	io_assign_ok(self->vm, sig);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, sig.fd);

	copy = dup(sig.fd);
	close(sig.fd);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, copy);
	ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, other), "It has another descriptor");
	close(copy);
	io_assign_ok(self->vm, other);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, other.fd);
	io_unassign_ok(self->vm, other);

	/* It goes by itself as well, without another one that needs its place. */
	sig.fd = new_eventfd();
	io_assign_ok(self->vm, sig);
	close(sig.fd);
	assert_exits_in_time(self->vcpu, &sig);

	/* After a deassign the close changes nothing. */
	sig.fd = new_eventfd();
	io_assign_ok(self->vm, sig);
	io_unassign_ok(self->vm, sig);
	io_assign_ok(self->vm, other);
	close(sig.fd);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, other.fd);
	io_unassign_ok(self->vm, other);

	/* Without the flag it stays, and its signals are lost. */
	sig.flags &= ~FLAG_HANGUP;
	sig.fd = new_eventfd();
	io_assign_ok(self->vm, sig);
	close(sig.fd);
	assert_stays(self->vcpu, &sig);
}

/*
 * A registration whose eventfd has no file any more makes room for another one, of
 * any kind.  Only that ends it.  Pins B59 without the flag: the address was taken for
 * good.
 */
TEST_F(bus, closed_makes_room)
{
	struct kvm_iosignalfd old = self->sig, new = self->sig;
	int kind, sockets[2];

	/* Of each kind: any length; any value; one value; and shared, any or one value. */
	for (kind = 0; kind < 5 * 5; kind++) {
		struct kvm_iosignalfd *sig;
		bool fits;
		int i;

		for (i = 0; i < 2; i++) {
			int k = i ? kind / 5 : kind % 5;

			sig = i ? &new : &old;
			sig->len = k ? 4 : 0;
			sig->trigger = 9;
			sig->flags = self->flags | (k == 2 || k == 4 ? FLAG_TRIGGER : 0) |
				     (k >= 3 ? FLAG_FANOUT : 0);
		}
		old.fd = new_eventfd();
		io_assign_ok(self->vm, old);
		/* Two that share a write need no room. */
		fits = kind / 5 == kind % 5 && kind % 5 >= 3;
		ASSERT_ERRNO(fits ? 0 : EEXIST, iosignalfd(self->vm, new), "Kind %d, it's open",
			     kind);
		if (fits)
			io_unassign_ok(self->vm, new);

		close(old.fd);
		assert_stays(self->vcpu, &old);
		io_assign_ok(self->vm, new);
		assert_write(self->vcpu, self->flags, new.addr, 4, 9, new.fd, true);
		io_unassign_ok(self->vm, new);

		new.flags |= FLAG_ANY_FD;
		if (fits)
			io_unassign_ok(self->vm, new);
		ASSERT_ERRNO(ENOENT, io_unassign(self->vm, new), "Kind %d, it's gone", kind);
	}

	/* It stays while there is a file anywhere: here in a message that isn't received. */
	old = self->sig;
	new = self->sig;
	old.fd = new_eventfd();
	io_assign_ok(self->vm, old);
	TEST_ASSERT(!socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets), "socketpair(): %s",
		    strerror(errno));
	send_fd(sockets[0], old.fd);
	close(old.fd);
	ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, new), "Its file is on its way");
	close(sockets[0]);
	close(sockets[1]);
	io_assign_ok(self->vm, new);
	assert_rings(self->vcpu, self->flags, new.addr, 4, 1, new.fd);
}

/* If one of many that conflict still has its file, all stay. */
TEST_F(bus, closed_among_others)
{
	struct kvm_iosignalfd sig = self->sig, any = self->sig;
	int closed = new_eventfd(), open = new_eventfd(), i;

	sig.flags |= FLAG_TRIGGER;
	for (i = 0; i < 100; i++) {
		sig.trigger = i;
		sig.fd = i == 77 ? open : closed;
		io_assign_ok(self->vm, sig);
	}
	close(closed);
	ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, any), "One of a hundred is open");
	TEST_ASSERT(vm_get_stat(self->vm, "nr_iosignalfds") == 100,
		    "An assign that failed has taken others' away");
	close(open);
	io_assign_ok(self->vm, any);
	TEST_ASSERT(vm_get_stat(self->vm, "nr_iosignalfds") == 1, "Some are left");
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 77, any.fd);
}

/* One eventfd at many places of two VMs: those with the flag go, and no others. */
TEST_F(bus, hangup_of_many)
{
	struct kvm_iosignalfd sig = self->sig, plain = self->sig;
	struct kvm_vm *vm = vm_create_barebones();
	int i;

	sig.fd = new_eventfd();
	sig.flags |= FLAG_HANGUP | FLAG_TRIGGER;
	for (i = 0; i < 100; i++) {
		sig.trigger = i;
		io_assign_ok(self->vm, sig);
		io_assign_ok(vm, sig);
	}
	/* Some are deassigned before. */
	for (i = 0; i < 100; i += 3) {
		sig.trigger = i;
		io_unassign_ok(self->vm, sig);
	}
	plain.fd = sig.fd;
	plain.addr += 8;
	io_assign_ok(self->vm, plain);
	close(sig.fd);

	sig.fd = self->fd;
	for (i = 0; i < 100; i++) {
		sig.trigger = i;
		io_assign_ok(self->vm, sig);
		io_assign_ok(vm, sig);
		assert_rings(self->vcpu, self->flags, sig.addr, 4, i, sig.fd);
	}
	assert_stays(self->vcpu, &plain);

	kvm_vm_free(vm);
}

#define UNBOUND_WORK	"/sys/devices/virtual/workqueue/cpumask"

/* Where the kernel's unbound workers may run. */
static void read_worker_cpus(char *mask, size_t size)
{
	int fd = open(UNBOUND_WORK, O_RDONLY);
	ssize_t len = read(fd, mask, size - 1);

	TEST_ASSERT(len > 0, UNBOUND_WORK ": %s", strerror(errno));
	mask[len] = '\0';
	close(fd);
}

/* From here on an unbound worker runs only while this thread sleeps. */
static void hold_workers(bool hold)
{
	struct sched_param param = { .sched_priority = hold };
	static cpu_set_t before;
	static char mask[256];
	cpu_set_t first;

	if (hold) {
		read_worker_cpus(mask, sizeof(mask));
		ASSERT_TOLD(UNBOUND_WORK, 0, "1");
		CPU_ZERO(&first);
		CPU_SET(0, &first);
		TEST_ASSERT(!sched_getaffinity(0, sizeof(before), &before) &&
			    !sched_setaffinity(0, sizeof(first), &first),
			    "sched_setaffinity(): %s", strerror(errno));
	}
	TEST_ASSERT(!sched_setscheduler(0, hold ? SCHED_FIFO : SCHED_OTHER, &param),
		    "sched_setscheduler(): %s", strerror(errno));
	if (!hold) {
		ASSERT_TOLD(UNBOUND_WORK, 0, "%s", mask);
		TEST_ASSERT(!sched_setaffinity(0, sizeof(before), &before),
			    "sched_setaffinity(): %s", strerror(errno));
	}
}

/*
 * One close hangs up many registrations.  A deassign of another one ends a few of them;
 * the work ends the rest, and the test keeps it from running.
 *
 * Pins an ioctl that ended all of them itself, without a reschedule.
 */
TEST_F(bus, hangup_of_very_many)
{
	struct kvm_iosignalfd sig = self->sig, other = self->sig;
	const int nr = 2000;
	uint64_t left;
	int i;

	if (access(UNBOUND_WORK, W_OK))
		SKIP(return, "No " UNBOUND_WORK);

	other.addr += 8;
	io_assign_ok(self->vm, other);
	sig.fd = new_eventfd();
	sig.flags |= FLAG_HANGUP | FLAG_TRIGGER;
	for (i = 0; i < nr; i++) {
		sig.trigger = i;
		io_assign_ok(self->vm, sig);
	}

	hold_workers(true);
	close(sig.fd);
	io_unassign_ok(self->vm, other);
	left = vm_get_stat(self->vm, "nr_iosignalfds");
	/* For an ioctl they have gone all the same. */
	sig.flags |= FLAG_ANY_FD;
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, sig), "Deassign what has hung up");
	hold_workers(false);

	TEST_ASSERT(left > nr / 2, "A deassign of something else has ended %lu of %d", nr - left,
		    nr);
	WAIT_FOR(!vm_get_stat(self->vm, "nr_iosignalfds"), "The work doesn't end the rest");
}

/* An irqfd on the same eventfd gets the hang-up too; neither disturbs the other. */
TEST_F(bus, hangup_with_irqfd)
{
	struct kvm_iosignalfd sig = self->sig;
	struct kvm_vm *vm = vm_create_barebones();
	struct kvm_irqfd irq = { .gsi = 5 };
	struct io_access io = {
		.addr = sig.addr, .len = 4, .pio = self->flags & FLAG_PIO, .write = true,
	};

	vm_ioctl(vm, KVM_CREATE_IRQCHIP, NULL);
	sig.fd = new_eventfd();
	sig.flags |= FLAG_HANGUP;
	irq.fd = sig.fd;
	io_assign_ok(self->vm, sig);
	vm_ioctl(vm, KVM_IRQFD, &irq);

	/* The irqfd takes the count. */
	TEST_ASSERT(!do_io(self->vcpu, &io), "The write came to user space");
	TEST_ASSERT(!take(sig.fd), "The irqfd has left a count");
	close(sig.fd);
	assert_exits_in_time(self->vcpu, &sig);

	kvm_vm_free(vm);
}

/*
 * The eventfd, the registration or the VM goes first, while another thread closes
 * the eventfd.  Pins no known failure: a wait queue entry that outlives its VM or its
 * eventfd would be a use after free.
 */
struct closer {
	pthread_t thread;
	int fd;
};

static void *close_fd(void *arg)
{
	struct closer *closer = arg;

	close(closer->fd);
	return NULL;
}

/* The limit is for a kernel that checks each allocation: there each VM takes long. */
TEST_F_TIMEOUT(bus, hangup_races, 180)
{
	struct kvm_iosignalfd sig = self->sig;
	const int nr = rounds(300);
	struct closer closer;
	struct kvm_vm *vm;
	int round, ret;

	sig.flags |= FLAG_HANGUP;

	for (round = 0; round < nr; round++) {
		int copy;

		vm = vm_create_barebones();
		sig.fd = new_eventfd();
		closer.fd = sig.fd;
		io_assign_ok(vm, sig);
		copy = dup(sig.fd);
		TEST_ASSERT(!pthread_create(&closer.thread, NULL, close_fd, &closer),
			    "pthread_create() failed");

		switch (round % 3) {
		case 0:
			kvm_vm_free(vm);
			vm = NULL;
			close(copy);
			break;
		case 1:
			close(copy);
			kvm_vm_free(vm);
			vm = NULL;
			break;
		default:
			sig.fd = copy;
			ret = io_unassign(vm, sig);
			TEST_ASSERT(!ret, "Deassign by another descriptor: %s", strerror(ret));
			close(copy);
		}

		pthread_join(closer.thread, NULL);
		if (vm)
			kvm_vm_free(vm);
	}
}

/* Has debugfs' list this line?  @lines: how many there are, the title included. */
static bool listed(struct kvm_vm *vm, const char *want, int *lines)
{
	char path[128], line[256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), DEBUGFS "/%d-%d/iosignalfds", getpid(), vm->fd);
	f = fopen(path, "r");
	TEST_ASSERT(f, "%s: %s", path, strerror(errno));
	for (*lines = 0; fgets(line, sizeof(line), f); ++*lines) {
		line[strcspn(line, "\n")] = '\0';
		found |= !strcmp(line, want);
	}
	TEST_ASSERT(!ferror(f), "Reading %s: %s", path, strerror(errno));
	fclose(f);
	return found;
}

static void assert_listed(struct kvm_vm *vm, const char *want, int nr)
{
	bool found;
	int lines;

	found = listed(vm, want, &lines);
	TEST_ASSERT(found, "debugfs doesn't have the line '%s'", want);
	TEST_ASSERT(lines == nr + 1, "Wanted %d lines in debugfs, got %d", nr + 1, lines);
}

/* debugfs has a line for each registration: its arguments and how often it rang. */
TEST_F(bus, debugfs)
{
	const char *bus = self->flags ? "pio" : "mmio";
	struct kvm_iosignalfd sig = self->sig;
	char want[128], id[16];
	int i;

	if (access(DEBUGFS, R_OK))
		SKIP(return, "No " DEBUGFS);

	shown_eventfd_id(self->fd, id, sizeof(id));
	assert_listed(self->vm, "bus address length value eventfd-id rings flags", 0);

	io_assign_ok(self->vm, sig);
	snprintf(want, sizeof(want), "%s %#lx 4 any %s 0 -", bus, self->base, id);
	assert_listed(self->vm, want, 1);
	for (i = 0; i < 3; i++)
		assert_rings(self->vcpu, self->flags, sig.addr, 4, i, sig.fd);
	snprintf(want, sizeof(want), "%s %#lx 4 any %s 3 -", bus, self->base, id);
	assert_listed(self->vm, want, 1);

	sig.len = 2;
	sig.trigger = 0xabcd;
	sig.post_addr = (uintptr_t)self->page;
	sig.flags |= FLAG_TRIGGER | FLAG_FANOUT | FLAG_POST_WRITE | FLAG_HANGUP;
	io_assign_ok(self->vm, sig);
	assert_rings(self->vcpu, self->flags, sig.addr, 2, 0xabcd, sig.fd);
	snprintf(want, sizeof(want), "%s %#lx 2 0xabcd %s 1 fph", bus, self->base, id);
	assert_listed(self->vm, want, 2);

	/* More than a page of them, so that the list is read in pieces. */
	sig = self->sig;
	sig.flags |= FLAG_TRIGGER;
	sig.addr += 8;
	for (i = 0; i < 500; i++) {
		sig.trigger = i;
		io_assign_ok(self->vm, sig);
	}
	snprintf(want, sizeof(want), "%s %#llx 4 0x1f3 %s 0 -", bus, sig.addr, id);
	assert_listed(self->vm, want, 502);

	sig = self->sig;
	sig.flags = KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY;
	io_assign_ok(self->vm, sig);
	snprintf(want, sizeof(want), "ccw %#lx 4 any %s 0 -", self->base, id);
	assert_listed(self->vm, want, 503);
}

static uint64_t vcpu_stat(struct kvm_vcpu *vcpu, const char *name)
{
	int fd = vcpu_get_stats_fd(vcpu), i;
	struct kvm_stats_header header;
	struct kvm_stats_desc *all;
	uint64_t value = 0;
	bool found = false;

	read_stats_header(fd, &header);
	all = read_stats_descriptors(fd, &header);
	for (i = 0; i < header.num_desc && !found; i++) {
		struct kvm_stats_desc *desc = get_stats_descriptor(all, i, &header);

		if (strcmp(desc->name, name))
			continue;
		read_stat_data(fd, &header, desc, &value, 1);
		found = true;
	}
	TEST_ASSERT(found, "No such statistics: %s", name);
	free(all);
	close(fd);
	return value;
}

/* The totals: the VM's registrations, and how often a vCPU rang one. */
TEST_F(bus, statistics)
{
	struct kvm_iosignalfd sig = self->sig;
	uint64_t got;
	int i;

	sig.flags |= FLAG_TRIGGER | FLAG_POST_WRITE;
	sig.post_addr = (uintptr_t)self->page;
	for (i = 0; i < 10; i++) {
		sig.trigger = i;
		io_assign_ok(self->vm, sig);
	}
	got = vm_get_stat(self->vm, "nr_iosignalfds");
	TEST_ASSERT(got == 10, "nr_iosignalfds: wanted 10, got %lu", got);

	for (i = 0; i < 20; i++)
		assert_write(self->vcpu, self->flags, sig.addr, 4, i, sig.fd, i < 10);
	got = vcpu_stat(self->vcpu, "iosignalfd_rings");
	TEST_ASSERT(got == 10, "iosignalfd_rings: wanted 10, got %lu", got);
	got = vcpu_stat(self->vcpu, "iosignalfd_post_faults");
	TEST_ASSERT(!got, "iosignalfd_post_faults: wanted 0, got %lu", got);

	TEST_ASSERT(!munmap(self->page, PAGE_SIZE), "munmap(): %s", strerror(errno));
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 3, sig.fd);
	/* Pins a write that was counted in the exit path and once more after it. */
	got = vcpu_stat(self->vcpu, "iosignalfd_post_faults");
	TEST_ASSERT(got == 1, "iosignalfd_post_faults: wanted 1, got %lu", got);

	for (i = 0; i < 5; i++) {
		sig.trigger = i;
		io_unassign_ok(self->vm, sig);
	}
	got = vm_get_stat(self->vm, "nr_iosignalfds");
	TEST_ASSERT(got == 5, "nr_iosignalfds: wanted 5, got %lu", got);
}

/*
 * A ring is an event with the vCPU, bus, address, length and value; a write that doesn't
 * ring is no such event.  A port's write is one kvm_pio event, whether it rings or not.
 */
TEST_F(bus, tracepoint)
{
	const char *bus = self->flags ? "pio" : "mmio";
	struct kvm_iosignalfd sig = self->sig;
	char want[128], line[512];
	int events = 0, right = 0, outs = 0;
	FILE *f;

	if (access(TRACEFS "/events/kvm/kvm_iosignalfd_ring", R_OK))
		SKIP(return, "No event kvm_iosignalfd_ring in " TRACEFS);

	sig.flags |= FLAG_TRIGGER;
	sig.trigger = 0x77;
	io_assign_ok(self->vm, sig);
	ASSERT_TOLD(TRACEFS "/trace", O_TRUNC, "\n");
	ASSERT_TOLD(TRACEFS "/events/kvm/kvm_iosignalfd_ring/enable", 0, "1");
	ASSERT_TOLD(TRACEFS "/events/kvm/kvm_pio/enable", 0, "1");
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 0x77, sig.fd);
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 0x78, sig.fd);
	ASSERT_TOLD(TRACEFS "/events/kvm/kvm_iosignalfd_ring/enable", 0, "0");
	ASSERT_TOLD(TRACEFS "/events/kvm/kvm_pio/enable", 0, "0");

	snprintf(want, sizeof(want), "vcpu 0 %s addr %#lx len 4 value 0x77\n", bus,
		 self->base);
	f = fopen(TRACEFS "/trace", "r");
	TEST_ASSERT(f, TRACEFS "/trace: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '#')
			continue;
		events += !!strstr(line, "kvm_iosignalfd_ring: ");
		right += !!strstr(line, want);
		outs += strstr(line, "kvm_pio: pio_write at 0x2000 size 4 count 1 val 0x77 ") ||
			strstr(line, "kvm_pio: pio_write at 0x2000 size 4 count 1 val 0x78 ");
	}
	fclose(f);
	TEST_ASSERT(events == 1 && right == 1, "Wanted one event '%s', got %d, %d of them right",
		    want, events, right);
	TEST_ASSERT(outs == (self->flags ? 2 : 0), "Wanted %d events kvm_pio, got %d",
		    self->flags ? 2 : 0, outs);
}

/*
 * A vCPU that signals holds the registration's lock with interrupts off, because
 * another vCPU may wait for that lock with interrupts off.  Pins a lock that was taken
 * with interrupts on outside of the exit path.
 */
TEST_F(bus, interrupts_off)
{
	struct kvm_iosignalfd sig = self->sig;
	uint64_t eflags[2];
	struct probe p;
	int nr;

	if (!access("/sys/kernel/realtime", R_OK))
		SKIP(return, "On PREEMPT_RT such a lock sleeps");
	if (!start_probe(&p, "eventfd_signal_mask value=%flags:x64", NULL))
		SKIP(return, "No kprobes");

	io_assign_ok(self->vm, sig);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, sig.fd);
	io_unassign_ok(self->vm, sig);
	sig.flags |= FLAG_POST_WRITE;
	sig.post_addr = (uintptr_t)self->page;
	io_assign_ok(self->vm, sig);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, sig.fd);

	nr = stop_probe(&p, eflags, ARRAY_SIZE(eflags));
	TEST_ASSERT(nr == 2, "Wanted 2 signals, got %d", nr);
	TEST_ASSERT(!((eflags[0] | eflags[1]) & X86_EFLAGS_IF),
		    "Signalled with interrupts on: flags 0x%lx and 0x%lx", eflags[0], eflags[1]);
}

/*
 * A vCPU rings the same registration again without another look-up, though it has
 * written to other addresses in between.
 *
 * Pins a vCPU whose writes to a console evicted a doorbell from its cache.
 */
TEST_F(bus, remembers)
{
	struct kvm_iosignalfd sig = self->sig;
	char filter[64];
	struct probe p;
	int nr, i;

	/* Look-ups of this address on the port or memory bus. */
	snprintf(filter, sizeof(filter), "bus < 2 && value == %#lx", self->base);
	io_assign_ok(self->vm, sig);
	if (!start_probe(&p, "kvm_io_bus_write_points value=%dx:x64 bus=%si:u32", filter))
		SKIP(return, "No kprobes");

	assert_rings(self->vcpu, self->flags, sig.addr, 4, 0, sig.fd);
	/* A few writes for each entry of the vCPU's cache. */
	for (i = 1; i < 64; i++)
		assert_exits(self->vcpu, self->flags, sig.addr + 4 * i, 4, 0, sig.fd);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 0, sig.fd);

	nr = stop_probe(&p, NULL, 0);
	TEST_ASSERT(nr == 1, "Wanted one look-up, got %d", nr);
}

/* What other kernels get wrong as well, so it runs on all kernels. */
FIXTURE(always) {
	struct kvm_vm *vm;
	int fd;
};

FIXTURE_SETUP(always)
{
	self->vm = vm_create_barebones();
	self->fd = new_eventfd();
}

FIXTURE_TEARDOWN(always)
{
	close(self->fd);
	kvm_vm_free(self->vm);
}

/*
 * The flag of ports takes precedence over that of channels.  A channel can be assigned
 * though x86 has none.  A flag bit that never had a name is ignored.  Pins B53: kernels
 * before this one accept these assignments.
 */
TEST_F(always, buses)
{
	struct kvm_iosignalfd sig = { .addr = PIO_BASE, .len = 4, .fd = self->fd };
	struct kvm_iosignalfd ccw = sig, both = sig, nameless = sig;

	nameless.flags = 1 << kvm_ioeventfd_flag_nr_fast_mmio;
	io_assign_ok(self->vm, nameless);
	ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, sig), "The same without the nameless flag");
	io_unassign_ok(self->vm, sig);

	sig.flags = FLAG_PIO;
	ccw.flags = KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY;
	both.flags = sig.flags | ccw.flags;

	io_assign_ok(self->vm, both);
	ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, sig), "The port, which is taken");
	io_assign_ok(self->vm, ccw);
	ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, ccw), "The channel, which is taken");
	io_unassign_ok(self->vm, sig);
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, both), "The port, which is free");
	io_unassign_ok(self->vm, ccw);
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, ccw), "The channel, which is free");
}

/* An assign with an unknown flag fails; a deassign ignores unknown flags. */
TEST_F(always, unknown_flags)
{
	const uint32_t known = KVM_IOEVENTFD_VALID_FLAG_MASK |
			       kvm_check_cap(KVM_CAP_IOSIGNALFD);
	struct kvm_iosignalfd sig = { .addr = PIO_BASE, .len = 4, .fd = self->fd };
	int bit;

	for (bit = 0; bit < 32; bit++) {
		if (known & 1u << bit)
			continue;
		sig.flags = 1u << bit;
		ASSERT_ERRNO(EINVAL, iosignalfd(self->vm, sig), "Assign with flag %d", bit);
		/* Deassign ignores the flag, so it finds the registration without it. */
		sig.flags = 0;
		io_assign_ok(self->vm, sig);
		sig.flags = 1u << bit;
		io_unassign_ok(self->vm, sig);
	}
}

/*
 * Each element of a string instruction rings or exits to user space, by its value,
 * in each mode of the processor.  Pins B57: after an element that didn't ring, the
 * rest of the elements was dropped.
 */
#define STRING_CODE	0x8000
#define STRING_DATA	0x9000

enum string_mode { REAL_MODE, PROTECTED_MODE, LONG_MODE };

/* A guest that does "rep outsb; hlt" and nothing else. */
static void string_mode(struct kvm_vcpu *vcpu, enum string_mode mode, int nr)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = {
		.rip = STRING_CODE, .rsi = STRING_DATA, .rcx = nr, .rdx = PIO_BASE, .rflags = 2,
	};

	vcpu_sregs_get(vcpu, &sregs);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	sregs.ds.base = 0;
	sregs.ds.selector = 0;
	if (mode == PROTECTED_MODE) {
		sregs.cr0 |= X86_CR0_PE;
		sregs.cs.selector = 8;
		sregs.cs.limit = UINT_MAX;
		sregs.cs.g = 1;
		sregs.cs.db = 1;
		sregs.cs.type = 11;
		sregs.ds = sregs.cs;
		sregs.ds.selector = 16;
		sregs.ds.type = 3;
		sregs.es = sregs.ds;
		sregs.ss = sregs.ds;
	}
	vcpu_sregs_set(vcpu, &sregs);
	vcpu_regs_set(vcpu, &regs);
}

static void run_string(enum string_mode mode, const uint8_t *bytes, int nr, uint8_t match)
{
	static const uint8_t code[] = { 0xf3, 0x6e, 0xf4 };	/* rep outsb; hlt */
	struct kvm_iosignalfd sig = {
		.addr = PIO_BASE, .len = 1, .trigger = match, .fd = new_eventfd(),
		.flags = FLAG_PIO | FLAG_TRIGGER,
	};
	struct kvm_vcpu *vcpu;
	int want = 0, at = 0, i;
	vm_vaddr_t gva;
	struct kvm_vm *vm;
	uint64_t count;
	bool done;

	if (mode == LONG_MODE) {
		vm = vm_create_with_one_vcpu(&vcpu, guest_string);
		gva = vm_vaddr_alloc_page(vm);
		memcpy(addr_gva2hva(vm, gva), bytes, nr);
		vcpu_args_set(vcpu, 2, gva, nr);
	} else {
		vm = vm_create_barebones();
		vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, 0, 0, 16, 0);
		vcpu = __vm_vcpu_add(vm, 0);
		memcpy(addr_gpa2hva(vm, STRING_CODE), code, sizeof(code));
		memcpy(addr_gpa2hva(vm, STRING_DATA), bytes, nr);
		string_mode(vcpu, mode, nr);
	}
	io_assign_ok(vm, sig);

	for (;;) {
		struct kvm_run *run = vcpu->run;
		uint8_t *data = (void *)run + run->io.data_offset;

		if (mode == LONG_MODE) {
			done = run_to_sync(vcpu);
		} else {
			vcpu_run(vcpu);
			done = run->exit_reason == KVM_EXIT_HLT;
		}
		if (done)
			break;

		TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
		data = (void *)run + run->io.data_offset;
		for (i = 0; i < run->io.count; i++) {
			/* User space doesn't get the elements that ring. */
			while (at < nr && bytes[at] == match)
				at++;
			TEST_ASSERT(at < nr && data[i] == bytes[at],
				    "Mode %d: 0x%x in user space, wanted element %d of %d, 0x%x",
				    mode, data[i], at, nr, at < nr ? bytes[at] : 0);
			at++;
		}
	}

	for (i = 0; i < nr; i++)
		want += bytes[i] == match;
	for (; at < nr; at++)
		TEST_ASSERT(bytes[at] == match, "Mode %d: element %d of %d, 0x%x, is lost", mode,
			    at, nr, bytes[at]);
	count = take(sig.fd);
	TEST_ASSERT(count == want, "Mode %d: wanted %d signals, got %lu", mode, want, count);

	close(sig.fd);
	kvm_vm_free(vm);
}

TEST(string_elements)
{
	static const uint8_t bytes[] = { 1, 2, 1, 1, 2, 3, 1, 4, 1, 1 };
	enum string_mode mode;
	int first;

	for (mode = REAL_MODE; mode <= LONG_MODE; mode++)
		for (first = 0; first < 3; first++)
			run_string(mode, bytes + first, sizeof(bytes) - first, 1);
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IOEVENTFD));

	/* Hold a VM throughout: the first and the last one patch the kernel's text. */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
