/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EVENTFD_END_H
#define EVENTFD_END_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Of an eventfd, be a producer, a listener, or both, until the file is closed. */
#define EVENTFD_END_PRODUCER	0x1
#define EVENTFD_END_LISTENER	0x2
/* With the latter: of drains, too. */
#define EVENTFD_END_DRAINS	0x4

/**
 * struct eventfd_end_args - what an open file is to be to an eventfd
 * @fd: the eventfd
 * @flags: EVENTFD_END_*
 */
struct eventfd_end_args {
	__s32 fd;
	__u32 flags;
};

/**
 * struct eventfd_end_told - what the file's listener was told, and how often
 * @producers_gone: that the last producer has gone
 * @consumers_gone: that the last consumer has gone
 * @first: which of the two came first: 1 for the producers, 2 for the consumers
 * @heard: can anything take what is signalled?
 * @drained: that the counter was emptied
 * @data: what that said the last time
 */
struct eventfd_end_told {
	__u32 producers_gone;
	__u32 consumers_gone;
	__u32 first;
	__u32 heard;
	__u32 drained;
	__u64 data;
};

/**
 * struct eventfd_end_wakeup - what to send
 * @event: EVENTFD_PRODUCERS_GONE, EVENTFD_CONSUMERS_GONE, EVENTFD_DRAINED or EVENTFD_POLL,
 *	from 0 on, as linux/eventfd.h has them
 * @reserved: 0
 * @data: with the event
 */
struct eventfd_end_wakeup {
	__u32 event;
	__u32 reserved;
	__u64 data;
};

/* EBUSY if the file has an eventfd. */
#define EVENTFD_END_BEGIN	_IOW('e', 0, struct eventfd_end_args)
/* Signal as the file's producer.  ENXIO if it is none. */
#define EVENTFD_END_SIGNAL	_IO('e', 1)
/* Stop being a producer. */
#define EVENTFD_END_STOP	_IO('e', 2)
#define EVENTFD_END_TOLD	_IOR('e', 3, struct eventfd_end_told)
/* As eventfd_wakeup() returns. */
#define EVENTFD_END_WAKEUP	_IOW('e', 4, struct eventfd_end_wakeup)

#endif
