/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef IRQFD_SIGNAL_H
#define IRQFD_SIGNAL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct irqfd_signal_args - an eventfd, and when to signal it
 * @fd: the eventfd
 * @usec: with IRQFD_SIGNAL_TIMER how many microseconds from now
 * @count: with IRQFD_SIGNAL_NOW how many times
 */
struct irqfd_signal_args {
	__s32 fd;
	union {
		__u32 usec;
		__u32 count;
	};
};

/*
 * Signal it from a timer's hard interrupt (on PREEMPT_RT from a softirq).  EBUSY if the
 * last one of this file is still to come.
 */
#define IRQFD_SIGNAL_TIMER	_IOW('s', 0, struct irqfd_signal_args)
/*
 * Signal it when the calling thread next delivers an interrupt for an irqchip, which may
 * hold its lock.  EOPNOTSUPP on PREEMPT_RT.
 */
#define IRQFD_SIGNAL_DELIVERY	_IOW('s', 1, struct irqfd_signal_args)
/* Has that happened?  The next IRQFD_SIGNAL_DELIVERY makes it 0 again. */
#define IRQFD_SIGNAL_DELIVERED	_IO('s', 2)
/* Signal it in the call, as a producer's thread does.  A Unix signal ends that. */
#define IRQFD_SIGNAL_NOW	_IOW('s', 3, struct irqfd_signal_args)

#endif
