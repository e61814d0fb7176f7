// SPDX-License-Identifier: GPL-2.0-only
// file: arch/x86/kvm/irqfd_pin.c
// run: cloud irqfd_pin_test.pin.both.locked
// A wake-up that doesn't get the IOAPIC's lock keeps the PIC's.
@@
@@
 irqfd_pin_try(...)
 {
 <...
- irqfd_pin_unlock_pic(&chips);
 return -EWOULDBLOCK;
 ...>
 }
