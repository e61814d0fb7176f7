/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the front door has of irqfd, and its parts of each other.
 */
#ifndef __KVM_IRQFD_H__
#define __KVM_IRQFD_H__

#include <linux/kvm_host.h>
#include <linux/srcu.h>

#ifdef CONFIG_HAVE_KVM_IRQCHIP
struct kvm_kernel_irqfd;
struct wait_queue_entry;

extern struct srcu_struct kvm_irqfd_srcu;

/* In kvm_kernel_irqfd.flags: a caller is beginning or ending the irqfd. */
#define IRQFD_OWNED	0
/* It is on the list of a lane, or about to be. */
#define IRQFD_PENDING	1

void kvm_irqfd_init_vm(struct kvm *kvm);
int kvm_irqfd_assign(struct kvm *kvm, struct kvm_irqfd *args);
int kvm_irqfd_deassign(struct kvm *kvm, const struct kvm_irqfd *args);
void kvm_irqfd_hang_up(struct kvm_kernel_irqfd *irqfd);

int kvm_irqfd_wakeup(struct wait_queue_entry *wait, unsigned int mode,
		     int sync, void *key);
bool kvm_irqfd_take(struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_event(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm);
bool kvm_irqfd_idle(struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_flush(struct kvm_kernel_irqfd *irqfd);
int kvm_irqfd_flush_killable(struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_inject_add(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_inject_init_vm(struct kvm *kvm);
void kvm_irqfd_inject_end_vm(struct kvm *kvm);
int kvm_irqfd_inject_init(void);
void kvm_irqfd_inject_exit(void);

void kvm_irqfd_bypass_start(struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_bypass_stop(struct kvm_kernel_irqfd *irqfd);

void kvm_irqfd_stats_init_vm(struct kvm *kvm);
void kvm_irqfd_stats_add(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_stats_remove(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd);

void kvm_irqfd_level_init_vm(struct kvm *kvm);
int kvm_irqfd_level_attach(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd);
bool kvm_irqfd_level_raise(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_level_raised(struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_level_detach(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_level_close(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_level_free(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_level_acked(struct kvm *kvm, unsigned int gsi);
void kvm_irqfd_level_rerouted(struct kvm *kvm);
#else
static inline void kvm_irqfd_init_vm(struct kvm *kvm)
{
}
#endif /* CONFIG_HAVE_KVM_IRQCHIP */

#endif /* __KVM_IRQFD_H__ */
