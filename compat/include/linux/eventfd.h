/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For modules that are built against the headers of a kernel without the series.
 */
#include_next <linux/eventfd.h>

#ifndef __KVM_COMPAT_EVENTFD_H__
#define __KVM_COMPAT_EVENTFD_H__

/* Such a kernel tells an eventfd's id to user space alone. */
static inline int eventfd_ctx_id(struct eventfd_ctx *ctx)
{
	return -1;
}

#endif /* __KVM_COMPAT_EVENTFD_H__ */
