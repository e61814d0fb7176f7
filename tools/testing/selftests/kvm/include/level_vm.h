/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a level irqfd's line comes to.  The line is GSI_LEVEL's.
 */
#ifndef SELFTEST_KVM_LEVEL_VM_H
#define SELFTEST_KVM_LEVEL_VM_H

#include <stdbool.h>
#include <stdint.h>

#include "irq_vm.h"
#include "kvm_util.h"

#ifdef __x86_64__
#include "level_vm_arch.h"
#endif

/* The architecture's; the vCPU must not run. */
bool line_is_up(struct irq_vm *v);
bool in_service(struct irq_vm *v);
/* A worker injects, and lowers the line after a hang-up, so the test waits. */
void wait_for_line(struct irq_vm *v, bool up);
/* Run until the guest has its interrupt and hasn't acknowledged it yet. */
void run_into_irq(struct irq_vm *v);
void assert_resampled(int resamplefd, uint64_t want, const char *when);

/* Have the guest call @work. */
void do_work(struct irq_vm *v, void (*work)(void));

#endif /* SELFTEST_KVM_LEVEL_VM_H */
