/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's level interrupts that the guest itself ends: what KVM asks of an architecture.
 */
#ifndef __LINUX_KVM_IRQ_FORWARD_H
#define __LINUX_KVM_IRQ_FORWARD_H

#include <linux/types.h>

struct kvm;

/**
 * struct kvm_irq_forward - a host's interrupt and the guest's
 * @kvm: the VM
 * @host_irq: Linux' number of the host's interrupt
 * @guest_irq: the pin of the VM's interrupt controller
 * @fixed: the architecture's: it has set IRQ_NO_BALANCING
 *
 * The caller keeps the structure where it is from kvm_arch_irq_forward() to
 * kvm_arch_irq_unforward(): its address is what tells the owner of the pin.
 */
struct kvm_irq_forward {
	struct kvm	*kvm;
	unsigned int	host_irq;
	unsigned int	guest_irq;
	bool		fixed;
};

/**
 * kvm_arch_irq_can_forward - is a pin there, and free?
 * @kvm: the VM
 * @guest_irq: the pin
 *
 * Context: process context.
 * Return: 0, -EAGAIN before the interrupt controller is initialized, -ERANGE if there is
 * no such pin, or -EEXIST if another device in the kernel has it.
 */
int kvm_arch_irq_can_forward(struct kvm *kvm, unsigned int guest_irq);

/**
 * kvm_arch_irq_forward - tie a host's interrupt to a guest's
 * @forward: the two
 *
 * The host's interrupt is disabled meanwhile, and its handler not running.  From now on the
 * host's interrupt controller leaves it active after the handler, and the guest's end of
 * its interrupt ends it there.  If the guest has its interrupt in service this end of
 * it will be the first.
 *
 * Context: process context, may sleep; stops the vCPUs for a moment.
 * Return: 0, what kvm_arch_irq_can_forward() returns, -EINVAL if the host's interrupt isn't
 * level-triggered, or -EOPNOTSUPP if its interrupt controller can't do that.
 */
int kvm_arch_irq_forward(struct kvm_irq_forward *forward);

/**
 * kvm_arch_irq_unforward - untie them
 * @forward: what kvm_arch_irq_forward() has tied
 *
 * The host's interrupt is disabled meanwhile, and its handler not running.  On return it
 * isn't active.  What the guest has in service, the guest ends as any other interrupt.  What
 * the guest hasn't seen yet is taken back: the device still asserts it.
 *
 * Context: process context, may sleep; stops the vCPUs for a moment.
 */
void kvm_arch_irq_unforward(struct kvm_irq_forward *forward);

/**
 * kvm_arch_irq_forward_raise - the host's interrupt has come
 * @forward: tied
 *
 * Context: any, interrupts off.
 */
void kvm_arch_irq_forward_raise(struct kvm_irq_forward *forward);

#endif /* __LINUX_KVM_IRQ_FORWARD_H */
