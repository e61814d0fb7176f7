// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/iosignalfd.c
// run: cloud iosignalfd_flags_test.bus.pio.hangup_of_very_many
// All that have hung up are ended at a time, however many they are.
@@
@@
- REAP_BATCH
+ INT_MAX
