// SPDX-License-Identifier: GPL-2.0-only
/*
 * arm64's part of irqfd: MSIs that the ITS has to look up.
 *
 * A translation that is cached is injected in the wake-up, and so is an SPI.  Any other
 * translation is looked up under the ITS' mutex, whose holder may be reading the ITS'
 * tables from the guest's memory, and so be waiting for user space.
 */
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd_arch.h>
#include <linux/mutex.h>

#include "vgic/vgic.h"

static struct vgic_its *irqfd_its(struct kvm *kvm,
				  const struct kvm_kernel_irq_routing_entry *e)
{
	struct kvm_msi msi = {
		.address_lo = e->msi.address_lo,
		.address_hi = e->msi.address_hi,
		.data = e->msi.data,
		.flags = e->msi.flags,
		.devid = e->msi.devid,
	};

	return vgic_msi_to_its(kvm, &msi);
}

bool kvm_arch_irqfd_may_wait(const struct kvm_kernel_irq_routing_entry *e)
{
	return e->type == KVM_IRQ_ROUTING_MSI;
}

int kvm_arch_irqfd_send(struct kvm *kvm, struct kvm_kernel_irq_routing_entry *e,
			int irq_source_id)
{
	struct vgic_its *its;
	int ret;

	ret = kvm_arch_set_irq_inatomic(e, kvm, irq_source_id, 1, false);
	if (ret != -EWOULDBLOCK)
		return ret;

	its = irqfd_its(kvm, e);
	if (IS_ERR(its))
		return PTR_ERR(its);

	if (!mutex_trylock(&its->its_lock))
		return -EWOULDBLOCK;
	ret = vgic_its_trigger_msi(kvm, its, e->msi.devid, e->msi.data);
	mutex_unlock(&its->its_lock);

	/* What the guest has not mapped is the guest's business. */
	return min(ret, 0);
}

/* The ITS stays as long as the VM. */
int kvm_arch_irqfd_page_in(struct kvm *kvm,
			   const struct kvm_kernel_irq_routing_entry *e)
{
	struct vgic_its *its = irqfd_its(kvm, e);

	if (IS_ERR(its))
		return PTR_ERR(its);

	/* Until the holder has released it. */
	mutex_lock(&its->its_lock);
	mutex_unlock(&its->its_lock);

	return 0;
}
