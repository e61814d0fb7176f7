// SPDX-License-Identifier: GPL-2.0-only
/*
 * arm64's part of the VM that takes interrupts, see irq_vm.h.
 */
#include <linux/sizes.h>

#include "irq_vm.h"

#include "gic.h"
#include "gic_v3.h"
#include "gic_v3_its.h"
#include "processor.h"
#include "vgic.h"

#define NR_VCPUS	2
#define NR_IRQS		64
#define DEVICE		1
#define TABLES_SLOT	1
#define LPI_PRIORITY	0xa0

/* The ITS' and the redistributors' tables; each has 64 KiB. */
enum {
	DEVICE_TABLE,
	COLLECTION_TABLE,
	COMMAND_QUEUE,
	TRANSLATION_TABLE,
	LPI_TABLE,
	PENDING_TABLES,
	NR_TABLES = PENDING_TABLES + NR_VCPUS,
};

static const uint8_t vectors[] = { VECTOR, VECTOR2, VECTOR3, WAKE_VECTOR };

static struct guest_state guest_state;

/* What the guest needs to know: where the tables are, and what to count for a pin. */
static uint64_t guest_tables;
static uint8_t guest_pin_vectors[NR_IRQS];

static uint64_t table(uint64_t tables, int nr)
{
	return tables + nr * SZ_64K;
}

struct kvm_irq_routing_entry msi_route(uint32_t gsi, uint8_t vector)
{
	return (struct kvm_irq_routing_entry) {
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.flags = KVM_MSI_VALID_DEVID,
		.u.msi.address_lo = GITS_BASE_GPA + GITS_TRANSLATER,
		.u.msi.data = vector,
		.u.msi.devid = DEVICE,
	};
}

void set_default_routes(struct kvm_vm *vm)
{
	const struct kvm_irq_routing_entry entries[] = {
		msi_route(GSI_MSI, VECTOR),
		msi_route(GSI_MSI2, VECTOR2),
		msi_route(GSI_WORKER, VECTOR),
		pin_route(GSI_PIN, GSI_PIN),
		pin_route(GSI_LEVEL, GSI_LEVEL),
	};

	set_routes(vm, entries, ARRAY_SIZE(entries));
}

/* The second vCPU's events, and its LPIs, come after those of the first one. */
static uint32_t event(uint32_t vcpu, uint8_t vector)
{
	return vcpu * 256 + vector;
}

static void guest_irq(struct ex_regs *regs)
{
	unsigned int intid = gic_get_and_ack_irq();
	uint8_t vector;

	if (intid == IAR_SPURIOUS)
		return;

	vector = intid >= GIC_LPI ? (intid - GIC_LPI) % 256 : guest_pin_vectors[intid - MIN_SPI];
	WRITE_ONCE(guest_state.irqs[vector], guest_state.irqs[vector] + 1);
	if (READ_ONCE(guest_state.stop_before_eoi))
		GUEST_SYNC(SYNC_BEFORE_EOI);
	if (READ_ONCE(guest_state.ack))
		guest_state.ack();
	else
		gic_set_eoi(intid);
}

static void guest_map_events(void)
{
	void *queue = (void *)table(guest_tables, COMMAND_QUEUE);
	int vcpu, i;

	its_init(table(guest_tables, COLLECTION_TABLE), SZ_64K,
		 table(guest_tables, DEVICE_TABLE), SZ_64K,
		 table(guest_tables, COMMAND_QUEUE), SZ_64K);
	its_send_mapd_cmd(queue, DEVICE, table(guest_tables, TRANSLATION_TABLE), SZ_64K, true);
	for (vcpu = 0; vcpu < NR_VCPUS; vcpu++) {
		its_send_mapc_cmd(queue, vcpu, vcpu, true);
		for (i = 0; i < ARRAY_SIZE(vectors); i++)
			its_send_mapti_cmd(queue, DEVICE, event(vcpu, vectors[i]), vcpu,
					   GIC_LPI + event(vcpu, vectors[i]));
		its_send_invall_cmd(queue, vcpu);
	}
}

static void guest_init_gic(uint32_t id)
{
	gic_init(GIC_V3, NR_VCPUS);
	gic_rdist_enable_lpis(table(guest_tables, LPI_TABLE), SZ_64K,
			      table(guest_tables, PENDING_TABLES + id));
	if (id)
		return;

	guest_map_events();
	gic_irq_set_config(MIN_SPI + GSI_PIN, true);
	gic_irq_enable(MIN_SPI + GSI_PIN);
	gic_irq_set_config(MIN_SPI + GSI_LEVEL, false);
	gic_irq_enable(MIN_SPI + GSI_LEVEL);
}

static void guest_main(uint32_t id)
{
	local_irq_disable();
	guest_init_gic(id);

	for (;;) {
		GUEST_SYNC(SYNC_PASS);

		if (READ_ONCE(guest_state.ring))
			WRITE_ONCE(*(uint32_t *)DOORBELL_ADDR, 1);
		if (READ_ONCE(guest_state.work))
			guest_state.work();

		/* What is pending comes at the barrier at the latest. */
		local_irq_enable();
		isb();
		local_irq_disable();
		/* An interrupt that is masked ends wfi as well, so none is lost in between. */
		while (READ_ONCE(guest_state.halt)) {
			wfi();
			local_irq_enable();
			isb();
			local_irq_disable();
		}
	}
}

/* A vCPU finds at each entry what is pending. */
void look_for_irqs(struct kvm_vcpu *vcpu)
{
}

static uint64_t add_tables(struct kvm_vm *vm)
{
	const uint64_t size = NR_TABLES * SZ_64K;
	uint64_t tables = (vm_compute_max_gfn(vm) + 1) * vm->page_size - size;
	uint8_t *lpis;

	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, tables, TABLES_SLOT,
				    size / vm->page_size, 0);
	virt_map(vm, table(tables, COMMAND_QUEUE), table(tables, COMMAND_QUEUE),
		 SZ_64K / vm->page_size);
	lpis = addr_gpa2hva(vm, table(tables, LPI_TABLE));
	memset(lpis, LPI_PRIORITY | LPI_PROP_GROUP1 | LPI_PROP_ENABLED, 256 * NR_VCPUS);
	return tables;
}

void irq_vm_init(struct irq_vm *v)
{
	struct kvm_vcpu *vcpus[NR_VCPUS];
	int i;

	v->vm = vm_create_with_vcpus(NR_VCPUS, guest_main, vcpus);
	v->vcpu = vcpus[0];
	vm_init_descriptor_tables(v->vm);
	for (i = 0; i < NR_VCPUS; i++) {
		vcpu_init_descriptor_tables(vcpus[i]);
		vcpu_args_set(vcpus[i], 1, i);
	}
	vm_install_exception_handler(v->vm, VECTOR_IRQ_CURRENT, guest_irq);
	v->guest = addr_gva2hva(v->vm, (uint64_t)&guest_state);

	v->arch.gic_fd = vgic_v3_setup(v->vm, NR_VCPUS, NR_IRQS);
	__TEST_REQUIRE(v->arch.gic_fd >= 0, "The host has no GICv3");
	close(vgic_its_setup(v->vm));
	v->arch.tables = add_tables(v->vm);
	write_guest_global(v->vm, guest_tables, v->arch.tables);
	set_pin_vector(v, GSI_PIN, VECTOR);
	set_pin_vector(v, GSI_LEVEL, VECTOR);
	virt_pg_map(v->vm, DOORBELL_ADDR, DOORBELL_ADDR);
	set_default_routes(v->vm);

	/* Up to the first pass, with the GIC set up. */
	pass(v);
}

void irq_vm_close(struct irq_vm *v)
{
	close(v->arch.gic_fd);
}

/* A vCPU can't be created once there is a GIC, so it is there from the beginning. */
struct irq_vm irq_vm_add_vcpu(struct irq_vm *v)
{
	struct irq_vm other = *v;

	list_for_each_entry(other.vcpu, &v->vm->vcpus, list)
		if (other.vcpu->id == v->vcpu->id + 1)
			break;
	pass(&other);
	return other;
}

void set_pin_vector(struct irq_vm *v, uint32_t gsi, uint8_t vector)
{
	uint8_t *pin_vectors = addr_gva2hva(v->vm, (uint64_t)guest_pin_vectors);

	WRITE_ONCE(pin_vectors[gsi], vector);
}

struct kvm_vm *create_irqchip_vm(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = vm_create_with_one_vcpu(&vcpu, NULL);
	int fd = vgic_v3_setup(vm, 1, NR_IRQS);

	__TEST_REQUIRE(fd >= 0, "The host has no GICv3");
	close(fd);
	return vm;
}

static bool pin_is_pending(struct irq_vm *v, uint32_t gsi)
{
	uint32_t intid = MIN_SPI + gsi, pending;

	kvm_device_attr_get(v->arch.gic_fd, KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
			    GICD_ISPENDR + intid / 32 * 4, &pending);
	return pending & BIT(intid % 32);
}

static bool lpi_is_pending(struct irq_vm *v, uint32_t lpi)
{
	uint8_t *pending;

	kvm_device_attr_set(v->arch.gic_fd, KVM_DEV_ARM_VGIC_GRP_CTRL,
			    KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES, NULL);
	pending = addr_gpa2hva(v->vm, table(v->arch.tables, PENDING_TABLES + v->vcpu->id));
	return READ_ONCE(pending[lpi / 8]) & BIT(lpi % 8);
}

bool irq_is_pending(struct irq_vm *v, uint8_t vector)
{
	uint8_t *pin_vectors = addr_gva2hva(v->vm, (uint64_t)guest_pin_vectors);
	static const uint32_t pins[] = { GSI_PIN, GSI_LEVEL };
	int i;

	for (i = 0; i < ARRAY_SIZE(pins); i++)
		if (pin_vectors[pins[i]] == vector && pin_is_pending(v, pins[i]))
			return true;
	return lpi_is_pending(v, GIC_LPI + event(v->vcpu->id, vector));
}

struct kvm_msi wake_msi(struct kvm_vcpu *vcpu)
{
	return (struct kvm_msi) {
		.address_lo = GITS_BASE_GPA + GITS_TRANSLATER,
		.data = event(vcpu->id, WAKE_VECTOR),
		.devid = DEVICE,
		.flags = KVM_MSI_VALID_DEVID,
	};
}
