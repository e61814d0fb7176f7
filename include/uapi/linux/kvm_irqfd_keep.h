/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * irqfds that outlive their eventfds' files.
 */
#ifndef _UAPI_LINUX_KVM_IRQFD_KEEP_H
#define _UAPI_LINUX_KVM_IRQFD_KEEP_H

/*
 * KVM_CHECK_EXTENSION returns what ends such an irqfd, besides the end of the VM:
 * KVM_IRQFD_KEEP_TO_*, or 0 where there is no KVM_IRQFD_FLAG_KEEP.  This number lies far
 * from those that are given out one after the other, so that it can't come to mean
 * something else.
 */
#define KVM_CAP_IRQFD_KEEP		4138

/* A deassign of its GSI. */
#define KVM_IRQFD_KEEP_TO_DEASSIGN	1
/* That, or the end of the eventfd's last producer, the open file being one. */
#define KVM_IRQFD_KEEP_TO_PRODUCERS	2

/*
 * Flag of KVM_IRQFD.  With an assign: the irqfd doesn't end when the eventfd's last
 * descriptor is closed.  With KVM_IRQFD_FLAG_DEASSIGN and with KVM_IRQFD_CLOSED in the
 * place of the descriptor: end all irqfds of the GSI whose eventfds have been closed.
 */
#define KVM_IRQFD_FLAG_KEEP		(1 << 28)

#define KVM_IRQFD_CLOSED		(~0U)

#endif /* _UAPI_LINUX_KVM_IRQFD_KEEP_H */
