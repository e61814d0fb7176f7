/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef IRQFD_ACK_H
#define IRQFD_ACK_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * Acknowledge an irqchip's pin with interrupts off.  Returns how many eventfds the
 * acknowledge signalled before interrupts were on again.
 */
struct irqfd_ack {
	__s32 vm_fd;
	__u32 irqchip;
	__u32 pin;
};

#define IRQFD_ACK_IRQS_OFF	_IOW('a', 0, struct irqfd_ack)

#endif
