/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_IRQ_ACK_H__
#define __KVM_IRQ_ACK_H__

#include <linux/kvm_host.h>

/* The rest of the interface is for everybody and stands in kvm_host.h. */
void kvm_irq_ack_notifier_remove(struct kvm *kvm,
				 struct kvm_irq_ack_notifier *kian);

#endif /* __KVM_IRQ_ACK_H__ */
