/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef IRQFD_PAUSE_H
#define IRQFD_PAUSE_H

#include <linux/ioctl.h>

/* Where a thread's acknowledge pauses, of level irqfds: both may be set. */
#define IRQFD_PAUSE_BEFORE_LOWER	1
#define IRQFD_PAUSE_AFTER_LOWER		2

/* Pause this thread's next acknowledge; it takes a mask of the above. */
#define IRQFD_PAUSE_ARM		_IO('p', 0)
/* Wait until it has paused: 1 or 2 for where; 0 if it hasn't after so many ms. */
#define IRQFD_PAUSE_WAIT	_IO('p', 1)
/* Let it go on.  ETIMEDOUT if it has already, tired of waiting. */
#define IRQFD_PAUSE_GO		_IO('p', 2)

#endif
