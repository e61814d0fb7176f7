// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_IOSIGNALFD_FLAG_POST_WRITE: the written value is stored to user memory before the
 * signal.
 */
#include <stdint.h>
#include <sys/mman.h>

#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "test_util.h"
#include "io_flags.h"

/* For each length the value is stored whole, at its address only, with its signal. */
TEST_F(bus, post_write)
{
	const uint64_t val = 0x8877665544332211ull;
	uint32_t len;

	for (len = 1; len <= variant->max; len *= 2) {
		struct kvm_iosignalfd sig = self->sig;
		uint8_t *at = self->page + 64;
		int i;

		memset(self->page, 0xee, getpagesize());
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
		memset(self->page, 0xee, getpagesize());
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

	TEST_ASSERT(!mprotect(at, getpagesize(), PROT_READ), "mprotect(): %s", strerror(errno));
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 2, sig.fd);
	TEST_ASSERT(*at == 1, "Stored to a page that is read-only");

	TEST_ASSERT(!mprotect(at, getpagesize(), PROT_READ | PROT_WRITE), "mprotect(): %s",
		    strerror(errno));
	*at = 3;
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 4, sig.fd);
	TEST_ASSERT(*at == 4, "Wanted 4, got %u", *at);

	TEST_ASSERT(!munmap(at, getpagesize()), "munmap(): %s", strerror(errno));
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 5, sig.fd);

	TEST_ASSERT(mmap(at, getpagesize(), PROT_READ | PROT_WRITE,
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

	TEST_ASSERT(!mprotect(at, getpagesize(), PROT_READ), "mprotect(): %s", strerror(errno));
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 2, sig.fd);

	/* The registration whose store succeeds comes first, or second. */
	other.fd = new_eventfd();
	other.flags = sig.flags;
	other.post_addr = (uintptr_t)(self->page + getpagesize());
	io_assign_ok(self->vm, other);
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 3, sig.fd);
	io_unassign_ok(self->vm, sig);
	io_assign_ok(self->vm, sig);
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 4, sig.fd);
	TEST_ASSERT(!take(other.fd), "Signalled for a write that came to user space");

	TEST_ASSERT(!mprotect(at, getpagesize(), PROT_READ | PROT_WRITE), "mprotect(): %s",
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
	bad.post_addr = (uintptr_t)(self->page - getpagesize());
	fds[0] = sig.fd;
	fds[1] = posted.fd;
	fds[2] = bad.fd;

	io_assign_ok(self->vm, sig);
	io_assign_ok(self->vm, posted);
	io_assign_ok(self->vm, bad);
	assert_rings_all(self->vcpu, &sig, 11, fds, 3);
	TEST_ASSERT(*at == 11, "Wanted 11, got %u", *at);

	TEST_ASSERT(!mprotect(self->page - getpagesize(), getpagesize(), PROT_NONE),
		    "mprotect(): %s", strerror(errno));
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
	memset(hva, 0, LOG_PAGES * getpagesize());
	at = hva + LOG_PAGE * getpagesize();
	vm_set_user_memory_region(vm, LOG_ALIAS, KVM_MEM_LOG_DIRTY_PAGES, LOG_ALIAS_GPA,
				  LOG_PAGES * getpagesize(), hva);
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

#ifdef GUESTS_HAVE_PORTS
static void guest_string(const uint8_t *bytes, uint64_t nr)
{
	asm volatile("cld; rep outsb" : "+S"(bytes), "+c"(nr) : "d"(PIO_BASE) : "memory");
	GUEST_ASSERT_EQ(nr, 0);
	GUEST_SYNC(0);
}

/*
 * KVM never puts more into the dirty ring than fits, not even for one instruction.  An
 * element whose page can't be logged exits to user space, so each rings or exits.
 */
TEST(dirty_ring_full)
{
	struct kvm_iosignalfd sig = { .addr = PIO_BASE, .len = 1, .flags = FLAG_PIO };
	uint64_t rings, exits = 0, full = 0;
	const int nr = getpagesize();
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
#endif

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

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IOEVENTFD));

	/* Hold a VM throughout, see iosignalfd_test.c. */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
