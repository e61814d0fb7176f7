/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For the kselftests as the lab runs them, before anything else: the harness has a test
 * end by an alarm of the guest's clock, which goes on while the machine is busy with
 * other things.  It is left a tenth of the machine; who hangs is ended by "limit".
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <unistd.h>

#define alarm(seconds)	((alarm)(10 * (seconds)))
