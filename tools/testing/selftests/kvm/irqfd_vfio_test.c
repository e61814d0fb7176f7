// SPDX-License-Identifier: GPL-2.0-only
/*
 * A level irqfd that is INTx of a device of VFIO's: QEMU's edu.
 *
 * Linux up to 6.12 and later passes.
 */
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "intx_vm.h"

FIXTURE(intx) {
	struct intx_vm f;
};

FIXTURE_SETUP(intx)
{
	if (!intx_vm_init(&self->f))
		SKIP(return, "No edu device that vfio-pci takes");
	use_intx(&self->f);
}

FIXTURE_TEARDOWN(intx)
{
	intx_vm_free(&self->f);
}

/* None is lost, and none spurious. */
TEST_F_TIMEOUT(intx, rounds, 120)
{
	count_rounds(&self->f, false, rounds(10000));
}

/* VFIO masks it until the guest's EOI. */
TEST_F(intx, without_the_guest)
{
	int i;

	for (i = 0; i < 20; i++)
		assert_works(&self->f);
}

TEST_F(intx, disintx)
{
	assert_disintx(&self->f);
}

/* Where KVM can't forward an interrupt, it says so, and refuses. */
TEST_F(intx, no_forwarding)
{
	struct intx_vm *f = &self->f;

	if (!__kvm_has_device_attr(f->kvm_vfio, KVM_DEV_VFIO_DEVICE,
				   KVM_DEV_VFIO_DEVICE_FORWARD_IRQ))
		SKIP(return, "KVM forwards interrupts: vfio_forward_test");
	TEST_ASSERT(errno == ENXIO, "KVM_HAS_DEVICE_ATTR: %s", strerror(errno));
	ASSERT_ERRNO(ENXIO, forward_irq(f, f->vfio.device, VFIO_PCI_INTX_IRQ_INDEX, 0, GSI_LEVEL),
		     "Forward");
	assert_works(f);
}

int main(int argc, char *argv[])
{
	irq_vm_begin();
	return test_harness_run(argc, argv);
}
