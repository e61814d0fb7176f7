/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the bytes of an instruction say of what it stores.  No state of KVM's is looked
 * at, so that this can be tested without a processor that hands instructions over.
 */
#ifndef __KVM_SVM_STORE_H
#define __KVM_SVM_STORE_H

#include <linux/types.h>

/**
 * svm_decode_store - does an instruction store, and do nothing else?
 * @insn: its bytes
 * @len: how many there are; 0 where the processor doesn't tell
 * @base: the number of the register whose value is the address, as long as the guest is
 *	in 64-bit mode; -1 if there is more to the address
 *
 * Bytes 0x40 to 0x4f are prefixes, REX: as instructions they don't access memory.
 * Return: true if it is such a store, of no more than eight bytes.
 */
static inline bool svm_decode_store(const u8 *insn, int len, int *base)
{
	bool high = false, segment = false, offset = false;
	int i;

	*base = -1;

	for (i = 0; i < len; i++) {
		switch (insn[i]) {
		case 0x64: case 0x65:
			segment = true;
			high = false;
			continue;
		case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x66: case 0x67:
			/* A REX counts right before the opcode alone. */
			high = false;
			continue;
		case 0x40 ... 0x4f:
			high = insn[i] & 1;
			continue;
		case 0xa2: case 0xa3:
			offset = true;
			break;
		case 0x88: case 0x89: case 0xc6: case 0xc7:
			break;
		default:
			return false;
		}
		break;
	}
	if (i == len)
		return false;

	/* Of the forms with a ModRM byte the one with neither SIB nor displacement. */
	if (!offset && !segment && i + 1 < len && insn[i + 1] < 0x40 &&
	    (insn[i + 1] & 7) != 4 && (insn[i + 1] & 7) != 5)
		*base = (insn[i + 1] & 7) | (high ? 8 : 0);

	return true;
}

#endif /* __KVM_SVM_STORE_H */
