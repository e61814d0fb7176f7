/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * irqfd: which cache lines an event touches, in the VM and in the irqfd.
 */
#ifndef __KVM_IRQFD_LAYOUT_H__
#define __KVM_IRQFD_LAYOUT_H__

#include <linux/build_bug.h>
#include <linux/cache.h>
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd.h>

/* A VM's and an irqfd's member in its group of those that are used together. */
#define ASSERT_IN_VM(group, member)					\
	CACHELINE_ASSERT_GROUP_MEMBER(typeof_member(struct kvm, irqfds),	\
				      group, member)
#define ASSERT_IN_IRQFD(group, member)					\
	CACHELINE_ASSERT_GROUP_MEMBER(struct kvm_kernel_irqfd, group, member)
#define LINE_IN_VM(member)						\
	(offsetof(struct kvm, irqfds.member) / SMP_CACHE_BYTES)

/**
 * kvm_irqfd_assert_layout - fail the build if members that belong together are apart
 *
 * What an event reads, and what one that is left to work writes, don't share a
 * line with each other in the VM, nor do they with what is seldom used.
 */
static inline void kvm_irqfd_assert_layout(void)
{
	ASSERT_IN_VM(event, resamplers);
	ASSERT_IN_VM(work, lanes);
	BUILD_BUG_ON(LINE_IN_VM(resamplers) == LINE_IN_VM(lanes));
	BUILD_BUG_ON(LINE_IN_VM(resamplers) == LINE_IN_VM(lock));
	BUILD_BUG_ON(LINE_IN_VM(lanes[KVM_IRQFD_LANES]) == LINE_IN_VM(lock));

	ASSERT_IN_IRQFD(event, wait);
	ASSERT_IN_IRQFD(event, vm);
	ASSERT_IN_IRQFD(event, eventfd);
	ASSERT_IN_IRQFD(event, wqh);
	ASSERT_IN_IRQFD(event, routing);
	ASSERT_IN_IRQFD(event, route);
	ASSERT_IN_IRQFD(event, at_once);
	ASSERT_IN_IRQFD(event, deferred);
	ASSERT_IN_IRQFD(event, resampler);
	ASSERT_IN_IRQFD(event, gsi);
	ASSERT_IN_IRQFD(event, own_lane);
	ASSERT_IN_IRQFD(event, held);
	ASSERT_IN_IRQFD(work, flags);
	ASSERT_IN_IRQFD(work, done);
	ASSERT_IN_IRQFD(work, pending_link);
	ASSERT_IN_IRQFD(work, from_work);
}

#endif /* __KVM_IRQFD_LAYOUT_H__ */
