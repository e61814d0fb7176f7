// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the irqfds, the iosignalfds and the routes of all VMs share.
 */

#include <linux/kvm_host.h>
#include <linux/kvm_irq_routes.h>

#include "bulk.h"
#include "eventfd_module.h"
#include "iosignalfd.h"

/**
 * kvm_eventfd_module_init - set up what all VMs share
 *
 * Context: module initialisation.
 * Return: 0, or -ENOMEM with nothing done.
 */
int kvm_eventfd_module_init(void)
{
	int ret;

	ret = kvm_irqfd_init();
	if (ret)
		return ret;

	ret = kvm_irq_create_cache();
	if (ret)
		goto no_routes;

	ret = kvm_iosignalfd_create_caches();
	if (ret)
		goto no_iosignalfds;

	ret = kvm_bulk_create_workqueue();
	if (ret)
		goto no_bulk;

	return 0;

no_bulk:
	kvm_iosignalfd_destroy_caches();
no_iosignalfds:
	kvm_irq_destroy_cache();
no_routes:
	kvm_irqfd_exit();
	return ret;
}

/**
 * kvm_eventfd_module_exit - the counterpart of kvm_eventfd_module_init()
 *
 * Context: module exit; there are no VMs.
 */
void kvm_eventfd_module_exit(void)
{
	/* First, as the caches have what it frees. */
	kvm_bulk_destroy_workqueue();
	kvm_iosignalfd_destroy_caches();
	kvm_irq_destroy_cache();
	kvm_irqfd_exit();
}
