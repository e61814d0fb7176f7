// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stores that AMD's exit path decodes.  That path needs a processor that provides
 * the instruction's bytes, which no emulator does, so the decoder is compiled into this
 * test.
 */
#include <stdbool.h>

#include <linux/types.h>

#include "../../../../../arch/x86/kvm/svm/store.h"

#include "kselftest_harness.h"

struct insn {
	const char *bytes;
	int len;
	bool stores;
	int base;
};

#define INSN(_bytes, _stores, _base) \
	{ .bytes = _bytes, .len = sizeof(_bytes) - 1, .stores = _stores, .base = _base }

static const struct insn insns[] = {
	/* mov %al, (%rdi); mov %ax, (%rsi); mov %eax, (%rdx); mov %rax, (%rcx) */
	INSN("\x88\x07", true, 7),
	INSN("\x66\x89\x06", true, 6),
	INSN("\x89\x02", true, 2),
	INSN("\x48\x89\x01", true, 1),
	/* mov %r8d, (%r9); mov %r8, (%r9) */
	INSN("\x45\x89\x01", true, 9),
	INSN("\x4d\x89\x01", true, 9),
	/* movb $1, (%rax); movl $1, (%rax); movq $1, (%rax) */
	INSN("\xc6\x00\x01", true, 0),
	INSN("\xc7\x00\x01\x00\x00\x00", true, 0),
	INSN("\x48\xc7\x00\x01\x00\x00\x00", true, 0),
	/* mov %eax, 8(%rdx); the same with 32 bits of offset */
	INSN("\x89\x42\x08", true, -1),
	INSN("\x89\x82\x00\x10\x00\x00", true, -1),
	/* mov %eax, (%rdx, %rcx); (%r12); 0(%r13); 0x1000(%rip) */
	INSN("\x89\x04\x0a", true, -1),
	INSN("\x41\x89\x04\x24", true, -1),
	INSN("\x41\x89\x45\x00", true, -1),
	INSN("\x89\x05\x00\x10\x00\x00", true, -1),
	/* mov %al, moffs; mov %rax, moffs */
	INSN("\xa2\x00\x10\x00\x00\x00\x00\x00\x00", true, -1),
	INSN("\x48\xa3\x00\x10\x00\x00\x00\x00\x00\x00", true, -1),
	/* mov %eax, %gs:(%rdx); mov %eax, %es:(%edx) */
	INSN("\x65\x89\x02", true, -1),
	INSN("\x26\x67\x89\x02", true, 2),
	/* A REX prefix that another prefix follows is ignored. */
	INSN("\x48\x66\x89\x02", true, 2),
	INSN("\x41\x2e\x89\x02", true, 2),
	/* mov (%rdx), %eax; add %eax, (%rdx); xchg; rep stos; movups; lock or */
	INSN("\x8b\x02", false, -1),
	INSN("\x01\x02", false, -1),
	INSN("\x87\x02", false, -1),
	INSN("\xf3\xab", false, -1),
	INSN("\x0f\x11\x02", false, -1),
	INSN("\xf0\x09\x02", false, -1),
	/* The processor has provided no bytes, or not all. */
	INSN("", false, -1),
	INSN("\x66", false, -1),
	INSN("\x48\x89", true, -1),
};

TEST(stores)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(insns); i++) {
		int base;
		bool stores = svm_decode_store((const u8 *)insns[i].bytes, insns[i].len, &base);

		EXPECT_EQ(insns[i].stores, stores)
			TH_LOG("instruction %d", i);
		EXPECT_EQ(insns[i].base, base)
			TH_LOG("base, instruction %d", i);
	}
}

TEST_HARNESS_MAIN
