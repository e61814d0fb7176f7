/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included before all else when the lab builds the kselftests.  Their harness ends a test
 * by an alarm of the guest's clock, which goes on while the host runs other tasks.  So
 * alarms take ten times as long, for a guest that gets a tenth of the host.  "limit" ends
 * a test that hangs.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <unistd.h>

#define alarm(seconds)	((alarm)(10 * (seconds)))
