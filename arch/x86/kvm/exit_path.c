// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ringing an iosignalfd in the exit path: right after the exit, with interrupts
 * still off, and back into the guest at once.
 *
 * What can't be done here is left alone, so that the long way does it with the
 * same result.  Nothing has happened to the guest or to an eventfd by then.
 */

#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#include <kvm/iodev.h>

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
 * A debugger, whoever's, may want to see what comes after the instruction, which
 * can take an exit to user space.  On PREEMPT_RT an eventfd's lock sleeps.
 */
static bool can_ring(struct kvm_vcpu *vcpu)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT) ||
	    !READ_ONCE(enable_ring_in_exit_path) || vcpu->guest_debug)
		return false;

	return !(kvm_x86_call(get_rflags)(vcpu) & X86_EFLAGS_TF);
}

/* Not kvm_skip_emulated_instruction(): can_ring() has ruled out single step. */
static void skip_instruction(struct kvm_vcpu *vcpu)
{
	/* The length is known, so that there is nothing to decode, nor to fail. */
	kvm_x86_call(skip_emulated_instruction)(vcpu);

	/* A virtual PMU looks at the VM's event filter, which is kvm->srcu's. */
	if (vcpu_to_pmu(vcpu)->version) {
		kvm_vcpu_srcu_read_lock(vcpu);
		kvm_pmu_trigger_event(vcpu,
				      kvm_pmu_eventsel.INSTRUCTIONS_RETIRED);
		kvm_vcpu_srcu_read_unlock(vcpu);
	}
}

/**
 * kvm_fastpath_pio_out - ring for an OUT
 * @vcpu: the vCPU, which isn't in a nested guest
 * @port: the port
 * @size: how many bytes, 1, 2 or 4, from RAX
 *
 * For an OUT that isn't a string instruction and whose end the vendor knows
 * without looking at it.
 * Context: between exit and entry, interrupts off.
 * Return: EXIT_FASTPATH_REENTER_GUEST if an iosignalfd took the write, and then
 * the instruction is done; else EXIT_FASTPATH_NONE, and nothing has been done.
 */
fastpath_t kvm_fastpath_pio_out(struct kvm_vcpu *vcpu, u16 port, int size)
{
	u32 value = kvm_rax_read(vcpu);

	lockdep_assert_irqs_disabled();

	if (!can_ring(vcpu) ||
	    kvm_io_bus_write_points(vcpu, KVM_PIO_BUS, port, size, &value))
		return EXIT_FASTPATH_NONE;

	++vcpu->stat.io_exits;
	trace_kvm_pio(KVM_PIO_OUT, port, size, 1, &value);
	skip_instruction(vcpu);

	return EXIT_FASTPATH_REENTER_GUEST;
}
EXPORT_SYMBOL_GPL(kvm_fastpath_pio_out);
