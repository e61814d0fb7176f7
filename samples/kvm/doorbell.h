/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/kvm-doorbell: the kernel's end of an eventfd whose other end is a guest.
 *
 * Each open file is a doorbell of its own.  It counts how often it is rung,
 * through an eventfd (which KVM_IOSIGNALFD may have bound to a guest's port or
 * address) or by ioctl; and it signals another eventfd (which KVM_IRQFD may
 * have bound to a guest's interrupt).
 */
#ifndef KVM_DOORBELL_H
#define KVM_DOORBELL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define DOORBELL_DEVICE		"kvm-doorbell"

/* Where DOORBELL_SIGNAL signals from. */
#define DOORBELL_FROM_CALLER	0	/* the ioctl, all at once */
#define DOORBELL_FROM_TIMER	1	/* a timer, one a tick */

/**
 * struct doorbell_signal - argument of DOORBELL_SIGNAL
 * @count: how many times to signal
 * @from: DOORBELL_FROM_*
 */
struct doorbell_signal {
	__u32 count;
	__u32 from;
};

/**
 * struct doorbell_counts - result of DOORBELL_COUNTS
 * @eventfd_rings: what was taken out of eventfds' counters
 * @eventfd_wakeups: how many times there was something to take
 * @ioctl_rings: how many times DOORBELL_RING was called
 * @hangups: eventfds that were closed while they rang this doorbell
 * @caller_signals: signals sent by callers of DOORBELL_SIGNAL
 * @timer_signals: signals sent by the timer
 * @timer_left: signals that the timer has yet to send
 * @rings_attached: 1 if an eventfd rings this doorbell, otherwise 0
 */
struct doorbell_counts {
	__u64 eventfd_rings;
	__u64 eventfd_wakeups;
	__u64 ioctl_rings;
	__u64 hangups;
	__u64 caller_signals;
	__u64 timer_signals;
	__u32 timer_left;
	__u32 rings_attached;
};

#define DOORBELL_IO		0xd2

/*
 * Let the eventfd in the argument ring the doorbell, -1: none any more.  EBUSY
 * if there is one already.  Closing the eventfd for good detaches it.
 */
#define DOORBELL_ATTACH_RINGS	_IOW(DOORBELL_IO, 0, __s32)

/*
 * Let DOORBELL_SIGNAL signal the eventfd in the argument, -1: none any more,
 * which stops the timer.  EBUSY if there is one already.  The doorbell is a
 * producer of the eventfd, and doesn't keep its file: after the last close it
 * still signals an irqfd with KVM_IRQFD_FLAG_KEEP, which stays for as long.
 */
#define DOORBELL_ATTACH_SIGNALS	_IOW(DOORBELL_IO, 1, __s32)

/* Ring the doorbell once, without any eventfd. */
#define DOORBELL_RING		_IO(DOORBELL_IO, 2)

/*
 * ENOTCONN without an eventfd to signal, EBUSY while the timer is at work.  EPIPE
 * after the last close if no irqfd has stayed, or when it has gone; a kernel whose
 * eventfds don't know their ends goes on instead.
 */
#define DOORBELL_SIGNAL		_IOW(DOORBELL_IO, 3, struct doorbell_signal)

#define DOORBELL_COUNTS		_IOR(DOORBELL_IO, 4, struct doorbell_counts)

#endif /* KVM_DOORBELL_H */
