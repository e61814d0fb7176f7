// SPDX-License-Identifier: GPL-2.0-only
/*
 * Forwarded interrupts: a VFIO device's level interrupt that the guest itself ends at the
 * host's interrupt controller (KVM_DEV_VFIO_DEVICE_FORWARD_IRQ).
 *
 * User space names the interrupt by VFIO's numbers, which go to VFIO as they are.  VFIO's
 * driver turns them into the host's interrupt and calls this file's functions, and these
 * call the architecture's, which see the host's interrupt and the guest's and nothing of
 * VFIO's.
 *
 * A registration has a reference to the device's file.  So the device stays open until the
 * registration is gone, whichever of the descriptors user space closes first.  The kvm-vfio
 * device ends all of them when its own descriptor is closed, and has a reference to the
 * VM until then.
 */
#include <linux/file.h>
#include <linux/kvm_host.h>
#include <linux/kvm_irq_forward.h>
#include <linux/kvm_irq_routes.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/uaccess.h>
#include <linux/vfio_irq_forward.h>

#include "vfio_forward.h"

/**
 * struct kvm_vfio_forward - an interrupt that user space has asked to be forwarded
 * @link: of struct kvm_vfio_forwards.list
 * @forward: what VFIO's driver calls
 * @irq: what the architecture ties
 * @file: the device's, with a reference
 * @args: what user space has asked
 */
struct kvm_vfio_forward {
	struct list_head link;
	struct vfio_irq_forward forward;
	struct kvm_irq_forward irq;
	struct file *file;
	struct kvm_vfio_forward_irq args;
};

static struct kvm_vfio_forward *kvm_vfio_forward_of(struct vfio_irq_forward *forward)
{
	return container_of(forward, struct kvm_vfio_forward, forward);
}

static int kvm_vfio_forward_start(struct vfio_irq_forward *forward, unsigned int host_irq)
{
	struct kvm_irq_forward *irq = &kvm_vfio_forward_of(forward)->irq;

	irq->host_irq = host_irq;
	return kvm_arch_irq_forward(irq);
}

static void kvm_vfio_forward_stop(struct vfio_irq_forward *forward)
{
	kvm_arch_irq_unforward(&kvm_vfio_forward_of(forward)->irq);
}

static void kvm_vfio_forward_raise(struct vfio_irq_forward *forward)
{
	kvm_arch_irq_forward_raise(&kvm_vfio_forward_of(forward)->irq);
}

static const struct vfio_irq_forward_ops kvm_vfio_forward_ops = {
	.start	= kvm_vfio_forward_start,
	.stop	= kvm_vfio_forward_stop,
	.raise	= kvm_vfio_forward_raise,
};

/* VFIO may be a module that isn't loaded: then no file is a VFIO device's. */
static int kvm_vfio_forward_register(struct kvm_vfio_forward *f)
{
	typeof(vfio_file_forward_irq) *fn = symbol_get(vfio_file_forward_irq);
	int ret;

	if (!fn)
		return -ENODEV;
	ret = fn(f->file, f->args.index, f->args.subindex, &f->forward);
	symbol_put(vfio_file_forward_irq);

	return ret;
}

/* The device's file keeps VFIO loaded. */
static void kvm_vfio_forward_unregister(struct kvm_vfio_forward *f)
{
	typeof(vfio_file_unforward_irq) *fn = symbol_get(vfio_file_unforward_irq);

	if (WARN_ON_ONCE(!fn))
		return;
	fn(f->file, &f->forward);
	symbol_put(vfio_file_unforward_irq);
}

static void kvm_vfio_forward_free(struct kvm_vfio_forward *f)
{
	fput(f->file);
	kfree(f);
}

static void kvm_vfio_forward_end(struct kvm_vfio_forward *f)
{
	list_del(&f->link);
	kvm_vfio_forward_unregister(f);
	kvm_vfio_forward_free(f);
}

/* The pin that a GSI leads to, if it leads to one and to nothing else. */
static int kvm_vfio_forward_pin(struct kvm *kvm, u32 gsi)
{
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];
	int idx, pin = -ERANGE;

	idx = srcu_read_lock(&kvm->irq_srcu);
	if (kvm_irq_map_gsi(kvm, routes, gsi) == 1 &&
	    routes[0].type == KVM_IRQ_ROUTING_IRQCHIP)
		pin = routes[0].irqchip.pin;
	srcu_read_unlock(&kvm->irq_srcu, idx);

	return pin;
}

static bool kvm_vfio_forward_same(const struct kvm_vfio_forward *f, const struct file *file,
				  const struct kvm_vfio_forward_irq *args)
{
	return f->file == file && f->args.index == args->index &&
	       f->args.subindex == args->subindex && f->args.gsi == args->gsi;
}

static int kvm_vfio_forward_add(struct kvm *kvm, struct kvm_vfio_forwards *forwards,
				struct file *file,
				const struct kvm_vfio_forward_irq *args)
{
	struct kvm_vfio_forward *f, *other;
	int pin, ret;

	pin = kvm_vfio_forward_pin(kvm, args->gsi);
	if (pin < 0)
		return pin;

	f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f)
		return -ENOMEM;
	f->forward.ops = &kvm_vfio_forward_ops;
	f->irq.kvm = kvm;
	f->irq.guest_irq = pin;
	f->file = get_file(file);
	f->args = *args;

	/* So that no two take a pin that neither has tied yet, and each ends what it began. */
	guard(mutex)(&forwards->lock);

	ret = kvm_arch_irq_can_forward(kvm, pin);
	list_for_each_entry(other, &forwards->list, link)
		if (!ret && other->irq.guest_irq == pin)
			ret = -EEXIST;
	if (!ret)
		ret = kvm_vfio_forward_register(f);
	if (ret) {
		kvm_vfio_forward_free(f);
		return ret;
	}
	list_add(&f->link, &forwards->list);

	return 0;
}

static int kvm_vfio_forward_del(struct kvm_vfio_forwards *forwards, struct file *file,
				const struct kvm_vfio_forward_irq *args)
{
	struct kvm_vfio_forward *f;

	guard(mutex)(&forwards->lock);

	list_for_each_entry(f, &forwards->list, link) {
		if (kvm_vfio_forward_same(f, file, args)) {
			kvm_vfio_forward_end(f);
			return 0;
		}
	}

	return -ENOENT;
}

/**
 * kvm_vfio_forward_set_attr - forward an interrupt, or give it back
 * @kvm: the VM
 * @forwards: of its kvm-vfio device
 * @attr: KVM_DEV_VFIO_DEVICE_FORWARD_IRQ or KVM_DEV_VFIO_DEVICE_UNFORWARD_IRQ
 * @arg: user space's struct kvm_vfio_forward_irq
 *
 * Context: process context, may sleep.
 * Return: 0 or the errno that Documentation/virt/kvm/devices/vfio.rst has.
 */
int kvm_vfio_forward_set_attr(struct kvm *kvm, struct kvm_vfio_forwards *forwards,
			      u64 attr, void __user *arg)
{
	struct kvm_vfio_forward_irq args;

	if (kvm_vfio_forward_has_attr(attr))
		return -ENXIO;
	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	if (args.argsz < sizeof(args) || args.flags)
		return -EINVAL;

	CLASS(fd, f)(args.fd);
	if (fd_empty(f))
		return -EBADF;

	if (attr == KVM_DEV_VFIO_DEVICE_FORWARD_IRQ)
		return kvm_vfio_forward_add(kvm, forwards, fd_file(f), &args);

	return kvm_vfio_forward_del(forwards, fd_file(f), &args);
}

/**
 * kvm_vfio_forward_has_attr - is there such an attribute?
 * @attr: of the group KVM_DEV_VFIO_DEVICE
 *
 * Context: any.
 * Return: 0 or -ENXIO.
 */
int kvm_vfio_forward_has_attr(u64 attr)
{
	switch (attr) {
	case KVM_DEV_VFIO_DEVICE_FORWARD_IRQ:
	case KVM_DEV_VFIO_DEVICE_UNFORWARD_IRQ:
		return 0;
	}

	return -ENXIO;
}

/**
 * kvm_vfio_forward_init - before the first one
 * @forwards: of a new kvm-vfio device
 *
 * Context: any.
 */
void kvm_vfio_forward_init(struct kvm_vfio_forwards *forwards)
{
	mutex_init(&forwards->lock);
	INIT_LIST_HEAD(&forwards->list);
}

/**
 * kvm_vfio_forward_release - give all interrupts back
 * @forwards: of a kvm-vfio device that user space can't reach any more
 *
 * Context: process context, may sleep; waits for no user space.
 */
void kvm_vfio_forward_release(struct kvm_vfio_forwards *forwards)
{
	struct kvm_vfio_forward *f, *tmp;

	guard(mutex)(&forwards->lock);

	list_for_each_entry_safe(f, tmp, &forwards->list, link)
		kvm_vfio_forward_end(f);
}
