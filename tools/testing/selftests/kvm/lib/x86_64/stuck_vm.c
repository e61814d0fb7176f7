// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM whose injections can be stuck, see stuck_vm.h.
 */
#include <linux/userfaultfd.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "processor.h"
#include "stuck_vm.h"

#define XEN_PORT	1
#define XEN_GPA		0xc0000000ul
#define XEN_SLOT	10

static int new_uffd(void *page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)page, .len = PAGE_SIZE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (uffd < 0)
		return -1;
	TEST_ASSERT(!ioctl(uffd, UFFDIO_API, &api), "UFFDIO_API: %s", strerror(errno));
	TEST_ASSERT(!ioctl(uffd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER: %s", strerror(errno));
	return uffd;
}

void set_xen_routes(struct kvm_vm *vm, int nr)
{
	struct kvm_irq_routing_entry entries[2 + MAX_XEN_ROUTES] = {
		msi_route(GSI_MSI, VECTOR),
		chip_route(GSI_IOAPIC, KVM_IRQCHIP_IOAPIC, GSI_IOAPIC),
	};
	int i;

	TEST_ASSERT(nr <= MAX_XEN_ROUTES, "%d are too many", nr);
	for (i = 0; i < nr; i++)
		entries[2 + i] = (struct kvm_irq_routing_entry) {
			.gsi = GSI_XEN + i,
			.type = KVM_IRQ_ROUTING_XEN_EVTCHN,
			.u.xen_evtchn.port = XEN_PORT + i,
			.u.xen_evtchn.priority = KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL,
		};
	set_routes(vm, entries, 2 + nr);
}

void set_xen_route(struct kvm_vm *vm)
{
	set_xen_routes(vm, 1);
}

void stuck_vm_init(struct stuck_vm *s)
{
	struct kvm_xen_hvm_config config = { .msr = 0x40000000 };
	struct kvm_xen_hvm_attr attr = {
		.type = KVM_XEN_ATTR_TYPE_LONG_MODE,
		.u.long_mode = 1,
	};

	TEST_REQUIRE(kvm_check_cap(KVM_CAP_XEN_HVM) & KVM_XEN_HVM_CONFIG_EVTCHN_2LEVEL);
	irq_vm_init(&s->v);
	vm_userspace_mem_region_add(s->v.vm, VM_MEM_SRC_ANONYMOUS, XEN_GPA, XEN_SLOT, 1, 0);
	s->page = addr_gpa2hva(s->v.vm, XEN_GPA);
	WRITE_ONCE(*(char *)s->page, 0);

	vm_ioctl(s->v.vm, KVM_XEN_HVM_CONFIG, &config);
	vm_ioctl(s->v.vm, KVM_XEN_HVM_SET_ATTR, &attr);
	attr.type = KVM_XEN_ATTR_TYPE_SHARED_INFO;
	attr.u.shared_info.gfn = XEN_GPA / PAGE_SIZE;
	vm_ioctl(s->v.vm, KVM_XEN_HVM_SET_ATTR, &attr);
	set_xen_route(s->v.vm);

	s->uffd = new_uffd(s->page);
	TEST_REQUIRE(s->uffd >= 0);
	s->fd = new_eventfd();
	assign_ok(s->v.vm, s->fd, GSI_XEN);
}

void stick(struct stuck_vm *s)
{
	struct pollfd pfd = { .fd = s->uffd, .events = POLLIN };
	struct uffd_msg msg;

	TEST_ASSERT(!madvise(s->page, PAGE_SIZE, MADV_DONTNEED), "madvise(): %s", strerror(errno));
	add(s->fd, 1);
	TEST_ASSERT(poll(&pfd, 1, WAIT_SEC * 1000) == 1, "Wanted the injection to need the page");
	TEST_ASSERT(read(s->uffd, &msg, sizeof(msg)) == sizeof(msg) &&
		    msg.event == UFFD_EVENT_PAGEFAULT, "Wanted a page fault");
}

void unstick(struct stuck_vm *s)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (uintptr_t)s->page, .len = PAGE_SIZE },
	};

	TEST_ASSERT(!ioctl(s->uffd, UFFDIO_ZEROPAGE, &zero), "UFFDIO_ZEROPAGE: %s",
		    strerror(errno));
}

static bool is_listed(struct stuck_vm *s)
{
	FILE *f = open_irqfds(s->v.vm);
	bool listed = false;
	char line[256];
	uint32_t gsi;

	if (!f)
		return false;
	while (!listed && fgets(line, sizeof(line), f))
		listed = sscanf(line, "gsi=%u ", &gsi) == 1 && gsi == GSI_XEN;
	fclose(f);
	return listed;
}

void wait_for_ending(struct stuck_vm *s)
{
	WAIT_FOR(!is_listed(s), "The end of the irqfd doesn't begin");
	/*
	 * Time for what DEASSIGN does between leaving the list and its wait.  Without
	 * such a list in debugfs this is all the time that DEASSIGN gets.
	 */
	usleep(SETTLE_PASSES * SETTLE_USEC);
}

bool nth_port_is_pending(struct stuck_vm *s, int n)
{
	/* evtchn_pending, behind the vcpu_info of 32 vCPUs. */
	return READ_ONCE(*(uint64_t *)(s->page + 32 * 64)) & (1ull << (XEN_PORT + n));
}

bool port_is_pending(struct stuck_vm *s)
{
	return nth_port_is_pending(s, 0);
}

void stuck_vm_free(struct stuck_vm *s)
{
	if (s->fd >= 0)
		close(s->fd);
	irq_vm_free(&s->v);
	close(s->uffd);
}
