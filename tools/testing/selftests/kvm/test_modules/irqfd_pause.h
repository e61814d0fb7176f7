/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef IRQFD_PAUSE_H
#define IRQFD_PAUSE_H

#include <linux/ioctl.h>

/* Where a thread's acknowledge of level irqfds pauses; both may be set. */
#define IRQFD_PAUSE_BEFORE_LOWER	1
#define IRQFD_PAUSE_AFTER_LOWER		2

/* Pause the calling thread's next acknowledge; the argument is a mask of the above. */
#define IRQFD_PAUSE_ARM		_IO('p', 0)
/* Wait for the pause: returns where it is, or 0 if there is none after so many ms. */
#define IRQFD_PAUSE_WAIT	_IO('p', 1)
/* Let the thread go on.  ETIMEDOUT if the pause has timed out. */
#define IRQFD_PAUSE_GO		_IO('p', 2)

#endif
