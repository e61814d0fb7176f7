/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTEST_KVM_TEST_MODULE_H
#define SELFTEST_KVM_TEST_MODULE_H

#include <stdbool.h>

/*
 * Load a module from test_modules/ beside the program; it is unloaded when the program
 * ends.  To be called from main(), once.
 */
bool load_test_module(const char *name);

#endif /* SELFTEST_KVM_TEST_MODULE_H */
