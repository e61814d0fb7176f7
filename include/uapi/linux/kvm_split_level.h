/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Level irqfds with a split irqchip (x86).
 */
#ifndef _UAPI_LINUX_KVM_SPLIT_LEVEL_H
#define _UAPI_LINUX_KVM_SPLIT_LEVEL_H

#include <linux/ioctl.h>

/*
 * KVM_CHECK_EXTENSION returns 1 if KVM_IRQFD_FLAG_RESAMPLE works with a split
 * irqchip, and the two below with it.  This number, and theirs, lie far from those
 * that are given out one after the other, so that they can't come to mean
 * something else.
 */
#define KVM_CAP_SPLIT_LEVEL_IRQFD	4134

/*
 * What the pins of a split irqchip have in service that level irqfds have raised:
 * an entry of type KVM_IRQ_ROUTING_MSI for each, with the pin's GSI and the message
 * that was sent.  @flags is 0.
 *
 * KVM_GET_SPLIT_LEVEL takes in @nr how many entries there is room for, and returns
 * there how many there are; more than fit are E2BIG, with none written.
 */
#define KVM_GET_SPLIT_LEVEL	_IOWR(KVMIO, 0xf0, struct kvm_irq_routing)
#define KVM_SET_SPLIT_LEVEL	_IOW(KVMIO,  0xf1, struct kvm_irq_routing)

#endif /* _UAPI_LINUX_KVM_SPLIT_LEVEL_H */
