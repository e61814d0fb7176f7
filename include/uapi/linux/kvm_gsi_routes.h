/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Routes of some GSIs, without the others'.
 */
#ifndef _UAPI_LINUX_KVM_GSI_ROUTES_H
#define _UAPI_LINUX_KVM_GSI_ROUTES_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * KVM_CHECK_EXTENSION returns how many entries one KVM_SET_GSI_ROUTES takes, or 0 if
 * there is no such call.  Like other numbers of these extensions, it and the ioctl's
 * lie far from those that are given out one after the other.
 */
#define KVM_CAP_SET_GSI_ROUTES	4135

/* The type of an entry that names a GSI which shall have no route. */
#define KVM_GSI_ROUTE_NONE	0

/**
 * struct kvm_gsi_routes - argument of KVM_SET_GSI_ROUTES
 * @entries: the address of @nr entries, each of which begins with a
 *	struct kvm_irq_routing_entry.  All entries with the same GSI are the routes that
 *	it has from then on
 * @entry_size: the distance of two entries in bytes, sizeof(struct
 *	kvm_irq_routing_entry) of this header's version.  If it is more than KVM knows,
 *	the rest of each entry must be zero
 * @nr: how many entries there are
 * @flags: 0
 * @pad: 0
 */
struct kvm_gsi_routes {
	__u64 entries;
	__u32 entry_size;
	__u32 nr;
	__u32 flags;
	__u32 pad;
};

/* GSIs that no entry names keep their routes. */
#define KVM_SET_GSI_ROUTES	_IOW(KVMIO, 0xf2, struct kvm_gsi_routes)

#endif /* _UAPI_LINUX_KVM_GSI_ROUTES_H */
