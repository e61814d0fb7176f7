// SPDX-License-Identifier: GPL-2.0-only
// file: virt/kvm/irqfd_counter.c
// run: cloud irqfd_pollers_test.pollers.io_uring_semaphore
// A wake-up doesn't say that an io_uring caused it, which may be the one that polls.
@@
expression events;
@@
- EPOLLOUT | (events & EPOLL_URING_WAKE)
+ EPOLLOUT
