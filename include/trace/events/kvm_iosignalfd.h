/* SPDX-License-Identifier: GPL-2.0-only */
#if !defined(_TRACE_KVM_IOSIGNALFD_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_KVM_IOSIGNALFD_H

#include <linux/kvm_host.h>
#include <linux/tracepoint.h>

#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm

#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE kvm_iosignalfd

/*
 * An item has signalled its eventfd.  @len is 0 where only the address is known
 * of the write; bits of @value above @len bytes don't matter.
 */
TRACE_EVENT(kvm_iosignalfd_ring,
	    TP_PROTO(int vcpu_id, int bus, gpa_t addr, int len, u64 value),
	    TP_ARGS(vcpu_id, bus, addr, len, value),

	    TP_STRUCT__entry(__field(int, vcpu_id)
			     __field(int, bus)
			     __field(u64, addr)
			     __field(int, len)
			     __field(u64, value)),

	    TP_fast_assign(__entry->vcpu_id = vcpu_id;
			   __entry->bus = bus;
			   __entry->addr = addr;
			   __entry->len = len;
			   __entry->value = !len ? 0 : value &
				GENMASK_ULL(len * BITS_PER_BYTE - 1, 0);),

	    TP_printk("vcpu %d %s addr %#llx len %d value %#llx",
		      __entry->vcpu_id,
		      __print_symbolic(__entry->bus,
				       { KVM_MMIO_BUS, "mmio" },
				       { KVM_PIO_BUS, "pio" },
				       { KVM_VIRTIO_CCW_NOTIFY_BUS, "ccw" }),
		      __entry->addr, __entry->len, __entry->value)
);

#endif /* _TRACE_KVM_IOSIGNALFD_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
