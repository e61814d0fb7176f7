/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the front door has of irqfd, and its parts of each other.
 */
#ifndef __KVM_IRQFD_H__
#define __KVM_IRQFD_H__

#include <linux/kvm_host.h>

/* Of struct kvm_irqfd: an edge is assigned with flags of its own. */
static inline bool kvm_irqfd_are_flags_known(u32 flags)
{
	u32 known = KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE;

	if (!(flags & known))
		known = KVM_IRQFD_CONTROL_FLAGS;
	known |= KVM_IRQFD_FLAG_KEEP;

	return !(flags & ~known);
}

#ifdef CONFIG_HAVE_KVM_IRQCHIP
#include <linux/eventfd.h>
#include <linux/kvm_irqfd.h>
#include <linux/srcu.h>
#include <linux/types.h>

struct kvm_bulk_alloc;
struct kvm_bulk_free;

extern struct srcu_struct kvm_irqfd_srcu;

/*
 * In kvm_kernel_irqfd.flags: a caller is beginning or ending the irqfd, or waits for its
 * worker or its producer in KVM_IRQFD_CONTROL.
 */
#define IRQFD_OWNED	0
/* It is on the list of a lane, or about to be. */
#define IRQFD_PENDING	1

void kvm_irqfd_init_vm(struct kvm *kvm);
int kvm_irqfd_assign(struct kvm *kvm, struct kvm_irqfd *args);
int kvm_irqfd_deassign(struct kvm *kvm, const struct kvm_irqfd *args);
int kvm_irqfd_deassign_kept(struct kvm *kvm, const struct kvm_irqfd *args);
void kvm_irqfd_hang_up(struct kvm_kernel_irqfd *irqfd);

struct kvm_kernel_irqfd *kvm_irqfd_prepare(struct kvm *kvm, struct kvm_irqfd *args,
					   struct file *file, const void *batch,
					   struct kvm_bulk_alloc *bulk,
					   wait_queue_head_t **busy);
void kvm_irqfd_bulk_init(struct kvm_bulk_alloc *bulk, u32 nr);
void kvm_irqfd_abandon(struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_publish(struct kvm_kernel_irqfd *irqfd, struct file *file);
int kvm_irqfd_own(struct kvm *kvm, const struct kvm_irqfd *args, struct file *file,
		  const void *batch, struct kvm_kernel_irqfd **irqfd,
		  wait_queue_head_t **busy);
void kvm_irqfd_disown(struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_end_all(struct list_head *owned, struct kvm_bulk_free *free);
bool kvm_irqfd_is_on_queue(const struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_hold_events(struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_release_events(struct kvm_kernel_irqfd *irqfd);
struct kvm_kernel_irqfd *kvm_irqfd_on(wait_queue_head_t *wqh);
bool kvm_irqfd_is_busy(struct kvm_kernel_irqfd *irqfd);
int kvm_irqfd_wait_for_call(wait_queue_head_t *wqh);

/**
 * kvm_irqfd_take - take what is in the eventfd's counter
 * @irqfd: the irqfd
 *
 * All of it, or one if the eventfd is a semaphore.  It wakes no waiter.
 * Context: the eventfd's wait queue lock is held.
 * Return: whether there was anything, which is one event then.
 */
static inline bool kvm_irqfd_take(struct kvm_kernel_irqfd *irqfd)
{
	u64 count;

	eventfd_ctx_do_read(irqfd->eventfd, &count);

	return count;
}

bool kvm_irqfd_take_among_others(struct kvm_kernel_irqfd *irqfd, __poll_t events);
void kvm_irqfd_wake_writers(struct kvm_kernel_irqfd *irqfd);

/**
 * kvm_irqfd_count - count what became of an event
 * @count: the irqfd's count of the wake-up or of work
 * @delivered: has the guest been told?
 *
 * Context: @count's only writer.
 */
static inline void kvm_irqfd_count(struct kvm_irqfd_count *count, bool delivered)
{
	if (likely(delivered))
		count->injected++;
	else
		count->undeliverable++;
}

/**
 * kvm_irqfd_map - look up an irqfd's routes
 * @irqfd: the irqfd
 * @kvm: its VM
 * @routes: room for KVM_NR_IRQCHIPS
 *
 * Context: a read section of kvm->irq_srcu.
 * Return: how many there are.
 */
static inline int kvm_irqfd_map(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm,
				struct kvm_kernel_irq_routing_entry *routes)
{
#ifdef CONFIG_HAVE_KVM_IRQ_ROUTING
	return kvm_gsi_map(kvm, irqfd->routing, routes);
#else
	return kvm_irq_map_gsi(kvm, routes, irqfd->gsi);
#endif
}

void kvm_irqfd_event(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm);

void kvm_irqfd_defer(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm);
bool kvm_irqfd_idle(struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_flush(struct kvm_kernel_irqfd *irqfd);
int kvm_irqfd_flush_killable(struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_lane_add(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_lane_init_vm(struct kvm *kvm);
void kvm_irqfd_lane_end_vm(struct kvm *kvm);
int kvm_irqfd_lane_init(void);
void kvm_irqfd_lane_exit(void);

void kvm_irqfd_bypass_start(struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_bypass_stop(struct kvm_kernel_irqfd *irqfd);
bool kvm_irqfd_bypass_hold(struct kvm_kernel_irqfd *irqfd);
bool kvm_irqfd_bypass_release(struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_bypass_reconnect(struct kvm_kernel_irqfd *irqfd);
bool kvm_irqfd_set_gsi(struct kvm_kernel_irqfd *irqfd, int gsi,
		       struct kvm_gsi *routing);
void kvm_irqfd_bypass_rerouted(struct kvm *kvm, struct kvm_gsi *gsi);

void kvm_irqfd_stats_init_vm(struct kvm *kvm);
void kvm_irqfd_stats_add(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_stats_remove(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd);

void kvm_irqfd_level_init_vm(struct kvm *kvm);
int kvm_irqfd_level_attach(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd);
bool kvm_irqfd_level_raise(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_level_raised(struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_level_withdraw(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_level_detach(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_level_close(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_level_free(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_level_acked(struct kvm *kvm, unsigned int gsi);
bool kvm_irqfd_level_has_any(struct kvm *kvm);
void kvm_irqfd_level_rerouted(struct kvm *kvm, unsigned int gsi);
#else
static inline void kvm_irqfd_init_vm(struct kvm *kvm)
{
}
#endif /* CONFIG_HAVE_KVM_IRQCHIP */

#endif /* __KVM_IRQFD_H__ */
