/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What irqfd.c has of irqfds that outlive their eventfds' files.
 */
#ifndef __KVM_IRQFD_KEEP_H__
#define __KVM_IRQFD_KEEP_H__

#include <linux/eventfd.h>
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd.h>
#include <linux/lockdep.h>

/* Where GSIs have no routes each one of them is found, on a list of all. */
static inline bool kvm_irqfd_is_found_by(u32 gsi)
{
#ifdef CONFIG_HAVE_KVM_IRQ_ROUTING
	return gsi < KVM_MAX_IRQ_ROUTES;
#else
	return true;
#endif
}

/**
 * kvm_irqfd_can_keep - may an irqfd outlive its eventfd's file?
 * @args: the arguments of its assign
 *
 * User space ends it by its GSI, so that has to be one that irqfds are found by.
 * Return: false if @args asks for what isn't possible.
 */
static inline bool kvm_irqfd_can_keep(const struct kvm_irqfd *args)
{
	return !(args->flags & KVM_IRQFD_FLAG_KEEP) || kvm_irqfd_is_found_by(args->gsi);
}

/**
 * kvm_irqfd_can_go_to - may an irqfd be moved to a GSI?
 * @irqfd: the irqfd
 * @gsi: the GSI
 *
 * Return: false if @irqfd couldn't be ended by @gsi when its eventfd has been closed.
 */
static inline bool kvm_irqfd_can_go_to(const struct kvm_kernel_irqfd *irqfd, u32 gsi)
{
	return !irqfd->keep || kvm_irqfd_is_found_by(gsi);
}

/**
 * kvm_irqfd_unlisten - the counterpart of kvm_irqfd_listen()
 * @irqfd: an irqfd, with or without KVM_IRQFD_FLAG_KEEP
 *
 * Context: the irqfd's owner, with its reference to the eventfd.
 */
static inline void kvm_irqfd_unlisten(struct kvm_kernel_irqfd *irqfd)
{
	/*
	 * If the last producer's end has become the owner, this has been done.  Other
	 * listeners may come and go meanwhile, which writes to the link, but not 0.
	 */
	if (!hlist_unhashed_lockless(&irqfd->listener.link))
		eventfd_unlisten(irqfd->eventfd, &irqfd->listener);
}

/**
 * kvm_irqfd_unlisten_locked - as kvm_irqfd_unlisten(), where the queue's lock is held
 * @irqfd: likewise
 *
 * Context: the irqfd's owner; the eventfd's wait queue lock is held.
 */
static inline void kvm_irqfd_unlisten_locked(struct kvm_kernel_irqfd *irqfd)
{
	lockdep_assert_held(&irqfd->wqh->lock);

	if (!hlist_unhashed(&irqfd->listener.link))
		eventfd_unlisten_locked(irqfd->eventfd, &irqfd->listener);
}

int kvm_irqfd_listen(struct kvm_kernel_irqfd *irqfd, struct file *file);
void kvm_irqfd_keep(struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_unlink_kept(struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_keep_end(struct kvm_kernel_irqfd *irqfd);
struct kvm_kernel_irqfd *kvm_irqfd_take_kept(struct kvm *kvm, struct kvm_gsi *routing,
					     int gsi);
int kvm_irqfd_wait_for_kept(struct kvm *kvm, struct kvm_gsi *routing);

#endif /* __KVM_IRQFD_KEEP_H__ */
