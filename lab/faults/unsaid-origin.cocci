// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_counter.c
// run: cloud irqfd_pollers_test.pollers.io_uring_semaphore
// A ring that signals isn't told that it is a poll of its own that this wakes.
@@
expression events;
@@
- EPOLLOUT | (events & EPOLL_URING_WAKE)
+ EPOLLOUT
