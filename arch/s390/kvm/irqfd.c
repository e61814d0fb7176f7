// SPDX-License-Identifier: GPL-2.0-only
/*
 * s390's part of irqfd: adapter interrupts, whose indicators are in the guest's memory.
 */
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd_arch.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>

bool kvm_arch_irqfd_may_wait(const struct kvm_kernel_irq_routing_entry *e)
{
	return e->type == KVM_IRQ_ROUTING_S390_ADAPTER;
}

/* set() doesn't wait for irqfds. */
int kvm_arch_irqfd_send(struct kvm *kvm, struct kvm_kernel_irq_routing_entry *e,
			int irq_source_id)
{
	return e->set(e, kvm, irq_source_id, 1, false);
}

static int irqfd_page_in(struct mm_struct *mm, u64 addr)
{
	struct page *page;
	int locked = 1;
	long nr;

	mmap_read_lock(mm);
	nr = get_user_pages_remote(mm, addr, 1, FOLL_WRITE, &page, &locked);
	if (locked)
		mmap_read_unlock(mm);
	if (nr != 1)
		return -EFAULT;
	put_page(page);

	return 0;
}

int kvm_arch_irqfd_page_in(struct kvm *kvm,
			   const struct kvm_kernel_irq_routing_entry *e)
{
	int ret;

	/* The VM may outlive the memory of the process that it is of. */
	if (!mmget_not_zero(kvm->mm))
		return -EFAULT;

	ret = irqfd_page_in(kvm->mm, e->adapter.ind_addr);
	if (!ret)
		ret = irqfd_page_in(kvm->mm, e->adapter.summary_addr);
	mmput(kvm->mm);

	return ret;
}
