// SPDX-License-Identifier: GPL-2.0-only
/*
 * arm64's part of level_vm.h: the line is an SPI.
 */
#include "level_vm.h"

#include "gic.h"
#include "gic_v3.h"
#include "vgic.h"

static bool spi_bit(struct irq_vm *v, uint32_t group, uint64_t attr)
{
	uint32_t intid = MIN_SPI + GSI_LEVEL, bits;

	kvm_device_attr_get(v->arch.gic_fd, group, attr, &bits);
	return bits & BIT(intid % 32);
}

bool line_is_up(struct irq_vm *v)
{
	return spi_bit(v, KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO,
		       VGIC_LEVEL_INFO_LINE_LEVEL << KVM_DEV_ARM_VGIC_LINE_LEVEL_INFO_SHIFT |
		       (MIN_SPI + GSI_LEVEL) / 32 * 32);
}

bool in_service(struct irq_vm *v)
{
	return spi_bit(v, KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
		       GICD_ISACTIVER + (MIN_SPI + GSI_LEVEL) / 32 * 4);
}
