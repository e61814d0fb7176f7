/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __ARM64_KVM_IRQ_FORWARD_H
#define __ARM64_KVM_IRQ_FORWARD_H

#include <linux/kvm_host.h>

#ifdef CONFIG_KVM_IRQ_FORWARD
bool vgic_irq_is_forwarded(struct vgic_irq *irq);
void vgic_irq_forward_written(struct vgic_irq *irq);
#else
static inline bool vgic_irq_is_forwarded(struct vgic_irq *irq)
{
	return false;
}

static inline void vgic_irq_forward_written(struct vgic_irq *irq) {}
#endif

#endif /* __ARM64_KVM_IRQ_FORWARD_H */
