// SPDX-License-Identifier: GPL-2.0-only
/*
 * iosignalfd: the ioctl, KVM_IOSIGNALFD alias KVM_IOEVENTFD.
 */

#include <kvm/iobus.h>

#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/kvm_host.h>
#include <linux/uaccess.h>

#include "iosignalfd.h"
#include "iosignalfd_item.h"

static bool iosignalfd_is_user_address(u64 addr, u32 len)
{
	void __user *at = u64_to_user_ptr(addr);

	return (u64)(uintptr_t)at == addr && access_ok(at, len);
}

/*
 * What assign has always taken: the port's flag and the channel's together, which
 * are the port, the channel's where there are none, and the nameless one, which
 * says nothing.  They are named one by one, so that a flag that is added to
 * KVM_IOEVENTFD_VALID_FLAG_MASK is refused until iosignalfd_to_spec() knows what it means.
 */
#define IOEVENTFD_FLAGS							\
	(KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_PIO |	\
	 KVM_IOEVENTFD_FLAG_DEASSIGN |					\
	 KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY |				\
	 1 << kvm_ioeventfd_flag_nr_fast_mmio)
static_assert(IOEVENTFD_FLAGS == KVM_IOEVENTFD_VALID_FLAG_MASK);

/* What goes for assigning; deassigning finds something or doesn't. */
static int iosignalfd_check_args(const struct kvm_iosignalfd *args)
{
	u32 valid = IOEVENTFD_FLAGS | KVM_IOSIGNALFD_FLAGS;

	/* There's nothing to assign to whatever eventfd. */
	valid &= ~KVM_IOSIGNALFD_FLAG_ANY_FD;

	if (args->len > 8 || (args->len & (args->len - 1)))
		return -EINVAL;
	if (args->addr + args->len < args->addr)
		return -EINVAL;
	if (args->flags & ~valid)
		return -EINVAL;
	if (!args->len && (args->flags & (KVM_IOSIGNALFD_FLAG_TRIGGER |
					  KVM_IOSIGNALFD_FLAG_POST_WRITE)))
		return -EINVAL;

	if (args->flags & KVM_IOSIGNALFD_FLAG_POST_WRITE) {
		/* A store in two halves is not what is promised. */
		if (args->len > sizeof(long) || args->post_addr % args->len)
			return -EINVAL;
		if (!iosignalfd_is_user_address(args->post_addr, args->len))
			return -EFAULT;
	}

	return 0;
}

/**
 * iosignalfd_to_spec - say in our terms which writes user space means
 * @args: what user space passed
 * @spec: where the writes go, without an eventfd
 *
 * Context: any.
 */
void iosignalfd_to_spec(const struct kvm_iosignalfd *args, struct iosignalfd_spec *spec)
{
	*spec = (struct iosignalfd_spec) {
		.addr = args->addr,
		.bus = KVM_MMIO_BUS,
		.len = args->len,
		.wildcard = !(args->flags & KVM_IOSIGNALFD_FLAG_TRIGGER),
		.fanout = args->flags & KVM_IOSIGNALFD_FLAG_FANOUT,
		.hangup = args->flags & KVM_IOSIGNALFD_FLAG_HANGUP,
	};

	if (args->flags & KVM_IOEVENTFD_FLAG_PIO)
		spec->bus = KVM_PIO_BUS;
	else if (args->flags & KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY)
		spec->bus = KVM_VIRTIO_CCW_NOTIFY_BUS;

	if (!spec->wildcard)
		spec->value = args->trigger;
	if (args->flags & KVM_IOSIGNALFD_FLAG_POST_WRITE)
		spec->post = u64_to_user_ptr(args->post_addr);
}

/* The two structures are one, seen through either name. */
static const struct kvm_iosignalfd *iosignalfd_to_args(const struct kvm_ioeventfd *args)
{
	BUILD_BUG_ON(sizeof(struct kvm_iosignalfd) !=
		     sizeof(struct kvm_ioeventfd));
	BUILD_BUG_ON(offsetof(struct kvm_iosignalfd, flags) !=
		     offsetof(struct kvm_ioeventfd, flags));
	BUILD_BUG_ON(offsetof(struct kvm_iosignalfd, post_addr) <
		     offsetof(struct kvm_ioeventfd, pad));

	return (const struct kvm_iosignalfd *)args;
}

/**
 * iosignalfd_to_assign - say in our terms what user space wants to have assigned
 * @args: what user space passed
 * @file: the file of the descriptor there, NULL if it isn't open
 * @spec: where the answer goes; it doesn't hold @file, and the caller has become a
 *	producer of the eventfd
 *
 * Context: process context; the caller holds @file.
 * Return: 0, or -EINVAL, -EFAULT or -EBADF as kvm_iosignalfd_assign().
 */
int iosignalfd_to_assign(const struct kvm_iosignalfd *args, struct file *file,
			 struct iosignalfd_spec *spec)
{
	int ret = iosignalfd_check_args(args);

	if (ret)
		return ret;
	if (!file)
		return -EBADF;

	iosignalfd_to_spec(args, spec);
	spec->file = file;
	spec->eventfd = eventfd_producer_fileget(file);

	return PTR_ERR_OR_ZERO(spec->eventfd);
}

/**
 * kvm_iosignalfd_assign - have writes signal an eventfd from now on
 * @kvm: the VM
 * @user_args: which writes, and the eventfd
 *
 * A write by an instruction that comes after the return signals.
 * Context: process context, no locks held.  Waits for no reader.
 * Return: 0; -EINVAL for a length that isn't 0, 1, 2, 4 or 8, an address range
 * that wraps, a flag that is unknown or is deassign's, a value or an address
 * to post to without a length, an address to post to that isn't a multiple of
 * it, or an fd that isn't an eventfd; -EFAULT for an address to post to that
 * isn't user space's; -EBADF for an fd that isn't open; -EEXIST if one of these
 * writes is taken already, and not to be shared, by an eventfd that has a file;
 * -EUSERS if KVM_IOSIGNALFD_MAX_FANOUT share them already, or with HANGUP if the eventfd
 * has too many listeners; -ENOMEM.
 */
int kvm_iosignalfd_assign(struct kvm *kvm, const struct kvm_ioeventfd *user_args)
{
	const struct kvm_iosignalfd *args = iosignalfd_to_args(user_args);
	struct iosignalfd_spec spec;
	int ret;

	/* Held to the end: until then the eventfd can't have hung up. */
	CLASS(fd, f)(args->fd);

	ret = iosignalfd_to_assign(args, fd_file(f), &spec);
	if (ret)
		return ret;

	ret = iosignalfd_add(kvm, &spec);
	if (ret)
		eventfd_producer_put(spec.eventfd);

	return ret;
}

/**
 * kvm_iosignalfd_deassign - take registrations back
 * @kvm: the VM
 * @user_args: what one was assigned with; flags that say nothing about which
 *	one is meant are passed over, and so are unknown ones, as always
 *
 * When this returns nothing signals the eventfd through that registration, nor
 * stores a value, and the writes it took go on to other devices and user space.
 * Context: process context, no locks held.  Waits for a signal under way, not
 * for a grace period, and takes no memory.
 * Return: 0; -ENOENT if there is no such registration; -EBADF or -EINVAL for an
 * fd that isn't open or isn't an eventfd, unless any will do.
 */
int kvm_iosignalfd_deassign(struct kvm *kvm,
			    const struct kvm_ioeventfd *user_args)
{
	const struct kvm_iosignalfd *args = iosignalfd_to_args(user_args);
	bool any = args->flags & KVM_IOSIGNALFD_FLAG_ANY_FD;
	struct iosignalfd_spec spec;
	int ret;

	iosignalfd_to_spec(args, &spec);
	if (!any) {
		spec.eventfd = eventfd_ctx_fdget(args->fd);
		if (IS_ERR(spec.eventfd))
			return PTR_ERR(spec.eventfd);
	}

	ret = iosignalfd_remove(kvm, &spec);
	if (!any)
		eventfd_ctx_put(spec.eventfd);

	return ret;
}
