// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iosignalfd.c
// run: cloud iosignalfd_hangup_test.bus.pio.hangup_of_very_many
// An ioctl ends all registrations that have hung up, however many they are.
@@
@@
- REAP_BATCH
+ INT_MAX
