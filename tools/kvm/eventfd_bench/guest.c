// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest: routines in 64-bit mode that use only guest.h.  The host copies them
 * to GUEST_CODE, so they are position independent.
 */
#include "guest.h"

#define STR_(x)	#x
#define STR(x)	STR_(x)

asm("	.pushsection .rodata, \"a\"\n"
"	.globl	guest_start, guest_end\n"
"	.globl	guest_ring_pio, guest_ring_mmio\n"
"	.globl	guest_ring_round, guest_ring_beside, guest_ring_real\n"
"	.globl	guest_irq_setup, guest_irq_wait\n"
"	.globl	guest_isr_pin, guest_isr_msi\n"
"guest_start:\n"

"guest_ring_pio:\n"
"	movl	%edi, %edx\n"
"	movl	%esi, %eax\n"
"1:	outl	%eax, %dx\n"
"	decq	%rcx\n"
"	jnz	1b\n"
"	jmp	guest_done\n"

"guest_ring_mmio:\n"
"1:	movl	%esi, (%rdi)\n"
"	decq	%rcx\n"
"	jnz	1b\n"
"	jmp	guest_done\n"

"guest_ring_round:\n"
"	movl	%edi, %edx\n"
"	movl	$1, %eax\n"
"1:	outl	%eax, %dx\n"
"	addl	$4, %edx\n"
"	cmpl	%esi, %edx\n"
"	cmovel	%edi, %edx\n"
"	decq	%rcx\n"
"	jnz	1b\n"
"	jmp	guest_done\n"

"guest_ring_beside:\n"
"1:	movl	%edi, %edx\n"
"	movl	$1, %eax\n"
"	outl	%eax, %dx\n"
"	movl	%esi, %edx\n"
"2:	outb	%al, %dx\n"
"	incl	%eax\n"
"	cmpl	$17, %eax\n"
"	jne	2b\n"
"	decq	%rcx\n"
"	jnz	1b\n"
"	jmp	guest_done\n"

"	.code16\n"
"guest_ring_real:\n"
"	movw	%di, %dx\n"
"	movl	%esi, %eax\n"
"1:	outl	%eax, %dx\n"
"	decl	%ecx\n"
"	jnz	1b\n"
"2:	outb	%al, $" STR(GUEST_EXIT_PORT) "\n"
"	jmp	2b\n"
"	.code64\n"

/*
 * Spurious vector register: APIC enabled.  Then the pin's redirection entry,
 * high word (destination: APIC 0) before low word (edge, fixed, not masked).
 */
"guest_irq_setup:\n"
"	movl	$" STR(GUEST_LAPIC) ", %eax\n"
"	movl	$0x1ff, 0xf0(%rax)\n"
"	movl	$" STR(GUEST_IOAPIC) ", %eax\n"
"	leal	0x11(%rdi, %rdi), %edx\n"
"	movl	%edx, (%rax)\n"
"	movl	$0, 0x10(%rax)\n"
"	decl	%edx\n"
"	movl	%edx, (%rax)\n"
"	movl	$" STR(GUEST_VECTOR) ", 0x10(%rax)\n"
"	jmp	guest_done\n"

/*
 * sti takes effect after hlt has begun: no interrupt is lost in between.  At the
 * end there is a nop after sti: without it the guest would exit in sti's shadow,
 * and the next call enters with interrupts off, which VMX refuses together.
 */
"guest_irq_wait:\n"
"1:	cli\n"
"	cmpq	%rsi, " STR(GUEST_SHARED) "(, %rdi, 8)\n"
"	jae	2f\n"
"	sti\n"
"	hlt\n"
"	jmp	1b\n"
"2:	sti\n"
"	nop\n"

"guest_done:\n"
"	outb	%al, $" STR(GUEST_EXIT_PORT) "\n"
"	jmp	guest_done\n"

"guest_isr_pin:\n"
"	pushq	$0\n"
"	jmp	guest_isr\n"
"guest_isr_msi:\n"
"	pushq	$1\n"

/*
 * Count, end the interrupt, and write to the port after that: the host, which sees
 * the write, may then raise the next interrupt and finds the vector free.
 */
"guest_isr:\n"
"	pushq	%rax\n"
"	pushq	%rdx\n"
"	movq	16(%rsp), %rax\n"
"	incq	" STR(GUEST_SHARED) "(, %rax, 8)\n"
"	movl	$" STR(GUEST_LAPIC) ", %eax\n"
"	movl	$0, 0xb0(%rax)\n"
"	movl	" STR(GUEST_SHARED) "+8*" STR(GUEST_NR_IRQS) ", %edx\n"
"	testl	%edx, %edx\n"
"	jz	1f\n"
"	outl	%eax, %dx\n"
"1:	popq	%rdx\n"
"	popq	%rax\n"
"	addq	$8, %rsp\n"
"	iretq\n"

"guest_end:\n"
"	.popsection\n"
);
