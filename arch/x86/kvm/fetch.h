/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading instructions that are to be emulated.
 */
#ifndef __KVM_X86_FETCH_H
#define __KVM_X86_FETCH_H

#include <linux/kvm_host.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>

/* What the emulator asks for unless the page or the segment ends before. */
#define KVM_FETCH_SIZE 15

/**
 * kvm_fetch_guest_page - kvm_vcpu_read_guest_page() for an instruction
 * @vcpu: the vCPU
 * @gfn: the page
 * @data: where the bytes go
 * @offset: where in the page they are
 * @len: how many; they don't go beyond the page
 *
 * Two words are faster than a copy of any length, and read the bytes no less
 * at once.
 * Context: a read section of kvm->srcu; may sleep.
 * Return: 0 or -EFAULT.
 */
static inline int kvm_fetch_guest_page(struct kvm_vcpu *vcpu, gfn_t gfn,
				       void *data, int offset, int len)
{
	u64 __user *first, *last;
	unsigned long hva;
	u64 low, high;

	if (!IS_ENABLED(CONFIG_X86_64) || len != KVM_FETCH_SIZE)
		return kvm_vcpu_read_guest_page(vcpu, gfn, data, offset, len);

	hva = kvm_vcpu_gfn_to_hva_prot(vcpu, gfn, NULL);
	if (kvm_is_error_hva(hva))
		return -EFAULT;

	first = (u64 __user *)(hva + offset);
	last = (u64 __user *)(hva + offset + KVM_FETCH_SIZE - sizeof(u64));
	if (__get_user(low, first) || __get_user(high, last))
		return -EFAULT;

	put_unaligned(low, (u64 *)data);
	put_unaligned(high, (u64 *)(data + KVM_FETCH_SIZE - sizeof(u64)));
	return 0;
}

#endif /* __KVM_X86_FETCH_H */
