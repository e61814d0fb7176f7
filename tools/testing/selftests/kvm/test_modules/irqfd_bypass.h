/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef IRQFD_BYPASS_H
#define IRQFD_BYPASS_H

#include <linux/ioctl.h>
#include <linux/types.h>

struct irqfd_bypass_args {
	__u32 id;
	__s32 fd;
	__s32 fail;
	__u32 told;
	__u32 stopped;
	__u32 started;
};

#define IRQFD_BYPASS_ADD	_IOWR('b', 0, struct irqfd_bypass_args)
#define IRQFD_BYPASS_DEL	_IOWR('b', 1, struct irqfd_bypass_args)
#define IRQFD_BYPASS_FAIL	_IOWR('b', 2, struct irqfd_bypass_args)
#define IRQFD_BYPASS_GET	_IOWR('b', 3, struct irqfd_bypass_args)

#endif
