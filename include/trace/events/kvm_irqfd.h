/* SPDX-License-Identifier: GPL-2.0-only */
#if !defined(_TRACE_KVM_IRQFD_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_KVM_IRQFD_H

#include <linux/kvm_irqfd.h>
#include <linux/tracepoint.h>

#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm

/*
 * An event has been injected, in the wake-up or from work, or could not be
 * delivered.
 */
TRACE_EVENT(kvm_irqfd_inject,
	    TP_PROTO(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd, bool work,
		     bool delivered),
	    TP_ARGS(kvm, irqfd, work, delivered),

	    TP_STRUCT__entry(__field(pid_t, pid)
			     __field(unsigned int, gsi)
			     __field(const void *, eventfd)
			     __field(bool, work)
			     __field(bool, delivered)),

	    TP_fast_assign(__entry->pid = kvm->userspace_pid;
			   __entry->gsi = irqfd->gsi;
			   __entry->eventfd = irqfd->eventfd;
			   __entry->work = work;
			   __entry->delivered = delivered;),

	    TP_printk("vm %d gsi %u eventfd %p %s%s", __entry->pid,
		      __entry->gsi, __entry->eventfd,
		      __entry->work ? "work" : "wakeup",
		      __entry->delivered ? "" : " undeliverable")
);

#define KVM_IRQFD_DEASSIGN	0
#define KVM_IRQFD_HANGUP	1
#define KVM_IRQFD_VM_CLOSE	2

/* An irqfd has an owner that ends it, for the one reason given here. */
TRACE_EVENT(kvm_irqfd_shutdown,
	    TP_PROTO(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd,
		     int cause),
	    TP_ARGS(kvm, irqfd, cause),

	    TP_STRUCT__entry(__field(pid_t, pid)
			     __field(unsigned int, gsi)
			     __field(const void *, eventfd)
			     __field(int, cause)),

	    TP_fast_assign(__entry->pid = kvm->userspace_pid;
			   __entry->gsi = irqfd->gsi;
			   __entry->eventfd = irqfd->eventfd;
			   __entry->cause = cause;),

	    TP_printk("vm %d gsi %u eventfd %p %s", __entry->pid,
		      __entry->gsi, __entry->eventfd,
		      __print_symbolic(__entry->cause,
				       { KVM_IRQFD_DEASSIGN, "deassign" },
				       { KVM_IRQFD_HANGUP, "hangup" },
				       { KVM_IRQFD_VM_CLOSE, "vm close" }))
);

#endif /* _TRACE_KVM_IRQFD_H */

#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE kvm_irqfd

#include <trace/define_trace.h>
