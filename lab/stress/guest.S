/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest.h"

#define APIC		0xfee00000
#define APIC_EOI	(APIC + 0xb0)
#define APIC_SPIV	(APIC + 0xf0)

/* A label's address in the guest, where the code is copied to. */
#define THERE(label)	(GUEST_CODE + label - guest_start)

	.section .rodata
	.code32
	.globl	guest_start, guest_isr, guest_end

guest_start:
	movl	$0x1ff, APIC_SPIV		/* the local APIC on */
	fninit
	sti
next:
	lock incl GUEST_COUNTS
	incl	%esi
	andl	$(GUEST_NR_OPS - 1), %esi
	movl	%esi, %ebx
	shll	$4, %ebx
	movl	GUEST_OPS(%ebx), %ecx
	movl	GUEST_OPS + 4(%ebx), %edx
	movl	GUEST_OPS + 8(%ebx), %eax
	cmpl	$NR_OP_KINDS, %ecx
	jae	next
	jmp	*THERE(kinds)(, %ecx, 4)

op_outb:
	outb	%al, %dx
	jmp	next
op_outw:
	outw	%ax, %dx
	jmp	next
op_outl:
	outl	%eax, %dx
	jmp	next
op_storeb:
	movb	%al, (%edx)
	jmp	next
op_storew:
	movw	%ax, (%edx)
	jmp	next
op_storel:
	movl	%eax, (%edx)
	jmp	next
op_storeq:
	movd	%eax, %mm0
	movq	%mm0, (%edx)
	jmp	next
op_load:
	movl	(%edx), %eax
	jmp	next
op_inb:
	inb	%dx, %al
	jmp	next
op_outs:
	pushl	%esi
	leal	GUEST_OPS + 8(%ebx), %esi
	movl	$3, %ecx
	rep outsb
	popl	%esi
	jmp	next
op_halt:
	hlt
	jmp	next

	/* In the order of their numbers. */
	.balign	4
kinds:
	.long	THERE(op_outb), THERE(op_outw), THERE(op_outl)
	.long	THERE(op_storeb), THERE(op_storew), THERE(op_storel)
	.long	THERE(op_storeq), THERE(op_load), THERE(op_inb)
	.long	THERE(op_outs), THERE(op_halt), THERE(next)

guest_isr:
	lock incl GUEST_COUNTS + 4
	pushl	%eax
	movl	$0, APIC_EOI
	testl	%ebp, %ebp
	jz	1f
	movb	$0x20, %al			/* end of interrupt */
	outb	%al, $0xa0
	outb	%al, $0x20
1:	popl	%eax
	iret
guest_end:

	.section .note.GNU-stack, "", @progbits
