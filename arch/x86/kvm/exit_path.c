// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ringing an iosignalfd in the exit path: right after the exit, with interrupts
 * still off, and back into the guest at once.
 *
 * What can't be done here is left alone, so that the long way does it with the
 * same result.  Nothing has happened to the guest or to an eventfd by then.
 */

#include <kvm/iobus.h>

#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "exit_path.h"
#include "kvm_cache_regs.h"
#include "x86.h"
#include "pmu.h"
#include "trace.h"

static bool __read_mostly enable_ring_in_exit_path = true;
module_param_named(ring_in_exit_path, enable_ring_in_exit_path, bool, 0644);
MODULE_PARM_DESC(ring_in_exit_path,
		 "Ring iosignalfds right after the exit (default Y, N on PREEMPT_RT)");

/*
 * @size, @value: as kvm_io_bus_write_again() has it.
 *
 * A debugger may want to see what comes after the instruction, which can take an
 * exit to user space.  On PREEMPT_RT an eventfd's lock sleeps.
 */
static __always_inline bool fastpath_ring(struct kvm_vcpu *vcpu, enum kvm_bus bus_idx,
					  gpa_t addr, int size, u64 value)
{
	int ret;

	lockdep_assert_irqs_disabled();

	if (IS_ENABLED(CONFIG_PREEMPT_RT) ||
	    !READ_ONCE(enable_ring_in_exit_path) || vcpu->guest_debug)
		return false;

	ret = kvm_io_bus_write_again(vcpu, kvm_io_bus_of_points(bus_idx), addr, size,
				     value);
	if (ret == -EAGAIN)
		ret = kvm_io_bus_write_points(vcpu, bus_idx, addr, size,
					      &value);

	return !ret;
}

/* A virtual PMU looks at the VM's event filter, which is kvm->srcu's. */
static void fastpath_count_instruction(struct kvm_vcpu *vcpu)
{
	if (!vcpu_to_pmu(vcpu)->version)
		return;

	kvm_vcpu_srcu_read_lock(vcpu);
	kvm_pmu_trigger_event(vcpu, kvm_pmu_eventsel.INSTRUCTIONS_RETIRED);
	kvm_vcpu_srcu_read_unlock(vcpu);
}

/**
 * kvm_fastpath_pio_out - ring for an OUT
 * @vcpu: the vCPU, which isn't in a nested guest and doesn't single-step
 * @port: the port
 * @size: how many bytes, 1, 2 or 4, from RAX
 *
 * For an OUT that isn't a string instruction and whose end the vendor knows
 * without looking at it.
 * Context: between exit and entry, interrupts off.
 * Return: true if an iosignalfd took the write, and then the vendor is to skip
 * the instruction and to re-enter; else false, and nothing has been done.
 */
bool kvm_fastpath_pio_out(struct kvm_vcpu *vcpu, u16 port, int size)
{
	u32 value = kvm_rax_read(vcpu);

	if (!fastpath_ring(vcpu, KVM_PIO_BUS, port, size, value))
		return false;

	++vcpu->stat.io_exits;
	trace_kvm_pio(KVM_PIO_OUT, port, size, 1, &value);
	fastpath_count_instruction(vcpu);

	return true;
}
EXPORT_SYMBOL_GPL(kvm_fastpath_pio_out);

/**
 * kvm_fastpath_mmio_write - ring for a write to memory of which only the address
 *	is known
 * @vcpu: the vCPU, which isn't in a nested guest and doesn't single-step
 * @gpa: the address
 *
 * For an instruction whose end the vendor knows without looking at it.
 * Context: between exit and entry, interrupts off.
 * Return: as kvm_fastpath_pio_out().
 */
bool kvm_fastpath_mmio_write(struct kvm_vcpu *vcpu, gpa_t gpa)
{
	if (kvm_is_apic_page(vcpu, gpa) ||
	    !fastpath_ring(vcpu, KVM_FAST_MMIO_BUS, gpa, 0, 0))
		return false;

	trace_kvm_fast_mmio(gpa);
	fastpath_count_instruction(vcpu);

	return true;
}
EXPORT_SYMBOL_GPL(kvm_fastpath_mmio_write);
