# SPDX-License-Identifier: GPL-2.0-only
#
# make help lists the targets.

.PHONY: help modules deb demo check fuzz lint bench series clean

help:
	@echo 'make modules	build kvm.ko, its kin and irqbypass.ko into build/modules/'
	@echo 'make deb	build a DKMS package of these modules: build/deb/*.deb'
	@echo 'make demo	show a guest that rings and is interrupted, and what that costs'
	@echo 'make check	run the tests; T=name for one test, LANE=name for one lane,'
	@echo '		LANE=list for their names'
	@echo 'make fuzz	random calls against a model, for half an hour in a kernel with'
	@echo '		KASAN and lockdep; SEED=n to repeat a run, SECONDS=n for how long'
	@echo 'make lint	check the sources only'
	@echo 'make bench	count instructions, stock modules and ours side by side'
	@echo 'make series	write the patch series to build/series/'
	@echo '		KERNEL=7.3 with modules or series: for the kernel of Debian 13'
	@echo 'make clean	remove what was built, not what was downloaded or unpacked'

modules:
	@scripts/modules $(or $(filter-out 6.12,$(KERNEL)),cloud)

deb:
	@scripts/deb $(KERNEL)

demo:
	@scripts/demo

check:
	@[ "$(LANE)" = list ] || scripts/modules cloud
	@scripts/check

fuzz:
	@T=fuzz SECONDS=$(or $(SECONDS),1800) tests/debug

lint:
	@tests/lint

bench:
	@scripts/bench

series:
	@scripts/series

clean:
	rm -rf build/tree* build/roots/*/kbuild/* build/kbuild build/modules build/selftests \
		build/lint build/client build/vfio build/series build/series.* build/series-* build/bench build/demo \
		build/deb build/package build/kernels build/kernel/debug build/kernel/kcsan build/kernel/gcov \
		build/kernel/plain build/kernel/plain-stock \
		build/stress build/coverage build/faults build/arches build/groups build/kconfig
