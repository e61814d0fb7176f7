// SPDX-License-Identifier: GPL-2.0-only
/*
 * x86's part of irqfd: MSIs to one vCPU, and Xen's event channels, whose page may have to
 * be brought in.
 */
#include <linux/kvm_host.h>
#include <linux/kthread.h>
#include <linux/kvm_irqfd_arch.h>
#include <linux/mm.h>
#include <linux/msi.h>
#include <linux/nospec.h>
#include <linux/sched/mm.h>
#include <linux/srcu.h>
#include <trace/events/kvm.h>

#include "lapic.h"

/*
 * Is an MSI fixed, edge-triggered and to one local APIC by its id, as nearly all MSIs
 * are?  If so, *@id is that of the local APIC.
 */
static bool irqfd_msi_is_to_one(struct kvm *kvm, const struct msi_msg *msg,
				u32 *id)
{
	if (msg->arch_data.delivery_mode != APIC_DM_FIXED >> 8 ||
	    msg->arch_data.is_level || msg->arch_addr_lo.dest_mode_logical)
		return false;

	*id = msg->arch_addr_lo.destid_0_7;
	if (kvm->arch.x2apic_format) {
		/* A table that was set before the format was. */
		if (msg->arch_addr_hi.reserved)
			return false;
		*id |= msg->arch_addr_hi.destid_8_31 << 8;
	}

	/* A broadcast is to all of them, or not, by which mode they are in. */
	return *id != APIC_BROADCAST;
}

static __always_inline int irqfd_inject_msi(struct kvm *kvm,
					    const struct kvm_kernel_irq_routing_entry *e)
{
	struct msi_msg msg = {
		.address_lo = e->msi.address_lo,
		.address_hi = e->msi.address_hi,
		.data = e->msi.data,
	};
	struct kvm_lapic *apic = NULL;
	struct kvm_apic_map *map;
	struct kvm_lapic_irq irq;
	u32 id;

	if (!irqfd_msi_is_to_one(kvm, &msg, &id))
		return -EWOULDBLOCK;

	/* Without a map the general search looks at each vCPU. */
	map = rcu_dereference_check(kvm->arch.apic_map, rcu_read_lock_any_held());
	if (!map)
		return -EWOULDBLOCK;

	trace_kvm_msi_set_irq(msg.address_lo | (kvm->arch.x2apic_format ?
			      (u64)msg.address_hi << 32 : 0), msg.data);

	if (id <= map->max_apic_id)
		apic = map->phys_map[array_index_nospec(id, map->max_apic_id + 1)];
	/* The map has every id that there is. */
	if (!apic)
		return 0;

	/* What kvm_apic_set_irq() asks for, the target being known. */
	irq.vector = msg.arch_data.vector;
	irq.delivery_mode = APIC_DM_FIXED;
	irq.trig_mode = 0;
	irq.level = 1;

	return kvm_apic_set_irq(apic->vcpu, &irq, NULL);
}

int kvm_arch_irqfd_inject(struct kvm *kvm, struct kvm_kernel_irq_routing_entry *e)
{
	int ret;

	if (likely(e->type == KVM_IRQ_ROUTING_MSI)) {
		ret = irqfd_inject_msi(kvm, e);
		if (likely(ret != -EWOULDBLOCK))
			return ret;
	}

	return kvm_arch_set_irq_inatomic(e, kvm, KVM_IRQFD_IRQ_SOURCE_ID, 1,
					 false);
}

#ifdef CONFIG_KVM_XEN
/*
 * All others take spinlocks at most.  kvm_arch_set_irq_inatomic() is what doesn't wait:
 * it says -EWOULDBLOCK if the shared info's page isn't mapped.
 */
bool kvm_arch_irqfd_may_wait(const struct kvm_kernel_irq_routing_entry *e)
{
	return e->type == KVM_IRQ_ROUTING_XEN_EVTCHN;
}

/* Where user space has the page of shared info, or an error HVA. */
static unsigned long irqfd_shared_info_hva(struct kvm *kvm)
{
	struct gfn_to_pfn_cache *gpc = &kvm->arch.xen.shinfo_cache;
	unsigned long hva;
	gpa_t gpa;
	int idx;

	idx = srcu_read_lock(&kvm->srcu);
	read_lock_irq(&gpc->lock);
	gpa = gpc->gpa;
	hva = gpc->uhva;
	read_unlock_irq(&gpc->lock);
	if (!kvm_is_error_gpa(gpa))
		hva = gfn_to_hva(kvm, gpa_to_gfn(gpa));
	srcu_read_unlock(&kvm->srcu, idx);

	return hva;
}

/*
 * get_user_pages_unlocked() may wait for user space, so it is called in no read section:
 * the thread that is to provide the page may be changing memslots.  kvm_gpc_refresh()
 * then finds the page, unless user space has taken it away again.
 */
static int irqfd_map_shared_info(struct kvm *kvm)
{
	unsigned long hva = irqfd_shared_info_hva(kvm);
	struct page *page;
	int idx, ret;

	if (kvm_is_error_hva(hva))
		return -EFAULT;

	/* Not all memory has pages. */
	if (get_user_pages_unlocked(hva, 1, &page, FOLL_WRITE) == 1)
		put_page(page);

	idx = srcu_read_lock(&kvm->srcu);
	ret = kvm_gpc_refresh(&kvm->arch.xen.shinfo_cache, PAGE_SIZE);
	srcu_read_unlock(&kvm->srcu, idx);

	return ret;
}

/*
 * The VM may outlive the memory of its process, and the cache of the shared info page
 * isn't invalidated when that goes.  So the memory is held while the bit is set.
 */
int kvm_arch_irqfd_send(struct kvm *kvm, struct kvm_kernel_irq_routing_entry *e,
			int irq_source_id)
{
	int ret;

	if (!mmget_not_zero(kvm->mm))
		return -EFAULT;

	ret = kvm_arch_set_irq_inatomic(e, kvm, irq_source_id, 1, false);
	mmput_async(kvm->mm);

	return ret;
}

int kvm_arch_irqfd_page_in(struct kvm *kvm,
			   const struct kvm_kernel_irq_routing_entry *e)
{
	int ret;

	/* The VM may outlive the memory of the process that it is of. */
	if (!mmget_not_zero(kvm->mm))
		return -EFAULT;

	kthread_use_mm(kvm->mm);
	ret = irqfd_map_shared_info(kvm);
	kthread_unuse_mm(kvm->mm);
	mmput(kvm->mm);

	return ret;
}
#endif

bool kvm_arch_irqfd_delivered(const struct kvm_kernel_irq_routing_entry *e, int ret)
{
	switch (e->type) {
	case KVM_IRQ_ROUTING_MSI:
		/* How many local APICs took it; one that has it already does. */
		return ret > 0;
	case KVM_IRQ_ROUTING_XEN_EVTCHN:
		/* Masked, but pending: the guest sees it when it unmasks it. */
		return ret >= 0 || ret == -ENOTCONN;
	default:
		return ret >= 0;
	}
}
