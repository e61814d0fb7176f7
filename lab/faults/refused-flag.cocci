// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iosignalfd_ioctl.c
// run: cloud iosignalfd_errno_test.always.buses
// KVM refuses the flag of channels on an architecture without channels.
@@
identifier valid;
@@
  valid &= ~KVM_IOSIGNALFD_FLAG_ANY_FD;
+ valid &= ~KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY;
