// SPDX-License-Identifier: GPL-2.0-only
/*
 * Forwarded interrupts: a list register's HW bit.
 *
 * The GIC splits the end of an interrupt in two: the host's handler drops its priority, and
 * until it is deactivated the SPI doesn't come again.  A list register that names the SPI
 * has the guest's deactivation do that, without an exit.  The vGIC does it for the timers,
 * and raises an SPI's virtual line anew if it finds the SPI pending after that.
 *
 * So what must hold is: an SPI that is active, and whose handler has returned, is in the
 * vGIC's hands.  Its virtual interrupt is pending or active, in struct vgic_irq or in a list
 * register that has the HW bit.  Otherwise nothing deactivates the SPI, and the device is
 * dead.  Whatever takes a virtual interrupt away by another way than the guest's
 * deactivation has to deactivate the SPI.  That the SPI comes once too often does no
 * harm: the virtual line is up already, or the guest finds nothing to do.
 */
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/kvm_host.h>
#include <linux/kvm_irq_forward.h>
#include <linux/smp.h>

#include "irq_forward.h"
#include "vgic/vgic.h"

static u32 irq_forward_intid(unsigned int guest_irq)
{
	return guest_irq + VGIC_NR_PRIVATE_IRQS;
}

/*
 * No vCPU has a list register that isn't in its struct vgic_irq.
 *
 * A vCPU that has just left the guest is outside, so the request doesn't wait for it, but
 * it may not have read its list registers yet.  It does that before it enables
 * interrupts, which the second wait is for.
 */
static void irq_forward_halt(struct kvm *kvm)
{
	kvm_arm_halt_guest(kvm);
	kick_all_cpus_sync();
}

static int irq_forward_check(struct vgic_irq *irq)
{
	lockdep_assert_held(&irq->irq_lock);

	return irq->owner || irq->hw ? -EEXIST : 0;
}

int kvm_arch_irq_can_forward(struct kvm *kvm, unsigned int guest_irq)
{
	struct vgic_irq *irq;

	if (!vgic_initialized(kvm))
		return -EAGAIN;
	if (guest_irq >= VGIC_MAX_SPI || !vgic_valid_spi(kvm, irq_forward_intid(guest_irq)))
		return -ERANGE;

	irq = vgic_get_irq(kvm, NULL, irq_forward_intid(guest_irq));
	guard(raw_spinlock_irqsave)(&irq->irq_lock);
	return irq_forward_check(irq);
}

/*
 * The virtual interrupt is as the host's disabled SPI would have made it: what VFIO's eventfd
 * has raised is taken back, as the device still asserts the SPI.  What the guest has in
 * service its deactivation ends, and the SPI has to be active for that.
 */
static int irq_forward_map(struct kvm_irq_forward *forward, struct vgic_irq *irq)
{
	struct irq_data *data = irq_get_irq_data(forward->host_irq);
	int ret;

	/* The list register names the SPI as the GIC does, the last of a hierarchy. */
	while (data->parent_data)
		data = data->parent_data;

	guard(raw_spinlock_irqsave)(&irq->irq_lock);

	ret = irq_forward_check(irq);
	if (ret)
		return ret;
	/* The GIC's driver only wants to know that there is a guest. */
	ret = irq_set_vcpu_affinity(forward->host_irq, forward->kvm);
	if (ret)
		return -EOPNOTSUPP;

	irq->owner = forward;
	irq->hw = true;
	irq->host_irq = forward->host_irq;
	irq->hwintid = irqd_to_hwirq(data);
	irq->ops = NULL;
	irq->line_level = false;
	if (irq->active)
		vgic_irq_set_phys_active(irq, true);

	return 0;
}

/*
 * While the SPI's handler is about to end on one processor, the guest may deactivate it,
 * and it may come again.  That must be on the same processor, where it waits: on another
 * one the core would find the handler running, and drop an interrupt that nothing
 * deactivates.  So user space can't move it meanwhile.  The hotplug of processors does, when
 * no processor runs a handler.
 */
static void irq_forward_fix(struct kvm_irq_forward *forward)
{
	forward->fixed = irqd_can_balance(irq_get_irq_data(forward->host_irq));
	if (forward->fixed)
		irq_set_status_flags(forward->host_irq, IRQ_NO_BALANCING);
}

static void irq_forward_unfix(struct kvm_irq_forward *forward)
{
	if (forward->fixed)
		irq_clear_status_flags(forward->host_irq, IRQ_NO_BALANCING);
}

int kvm_arch_irq_forward(struct kvm_irq_forward *forward)
{
	struct irq_data *data = irq_get_irq_data(forward->host_irq);
	struct kvm *kvm = forward->kvm;
	int ret;

	ret = kvm_arch_irq_can_forward(kvm, forward->guest_irq);
	if (ret)
		return ret;
	if (!data || !irqd_is_level_type(data))
		return -EINVAL;

	irq_forward_fix(forward);
	irq_forward_halt(kvm);
	ret = irq_forward_map(forward, vgic_get_irq(kvm, NULL,
						    irq_forward_intid(forward->guest_irq)));
	kvm_arm_resume_guest(kvm);
	if (ret)
		irq_forward_unfix(forward);

	return ret;
}

void kvm_arch_irq_unforward(struct kvm_irq_forward *forward)
{
	struct kvm *kvm = forward->kvm;
	struct vgic_irq *irq = vgic_get_irq(kvm, NULL, irq_forward_intid(forward->guest_irq));

	irq_forward_halt(kvm);
	scoped_guard(raw_spinlock_irqsave, &irq->irq_lock) {
		/* What is left in service will have a list register without the HW bit. */
		vgic_irq_set_phys_active(irq, false);
		irq->line_level = false;
		irq->hw = false;
		irq->hwintid = 0;
		irq->owner = NULL;
		irq_set_vcpu_affinity(forward->host_irq, NULL);
	}
	kvm_arm_resume_guest(kvm);
	irq_forward_unfix(forward);
}

void kvm_arch_irq_forward_raise(struct kvm_irq_forward *forward)
{
	kvm_vgic_inject_irq(forward->kvm, NULL, irq_forward_intid(forward->guest_irq), true,
			    forward);
}

/**
 * vgic_irq_is_forwarded - is it an SPI that is tied to the host's?
 * @irq: the virtual interrupt
 *
 * The timers' are private interrupts.
 * Context: @irq->irq_lock.
 * Return: true if so.
 */
bool vgic_irq_is_forwarded(struct vgic_irq *irq)
{
	return irq->hw && irq->intid >= VGIC_NR_PRIVATE_IRQS && irq->intid <= VGIC_MAX_SPI;
}

/**
 * vgic_irq_forward_written - user space has written a virtual interrupt's state
 * @irq: the virtual interrupt, forwarded or not
 *
 * A VMM that resets the guest takes away what the guest would have deactivated.
 * Context: @irq->irq_lock, no vCPU in the guest.
 */
void vgic_irq_forward_written(struct vgic_irq *irq)
{
	lockdep_assert_held(&irq->irq_lock);

	if (vgic_irq_is_forwarded(irq) && !irq->active && !irq_is_pending(irq))
		vgic_irq_set_phys_active(irq, false);
}
