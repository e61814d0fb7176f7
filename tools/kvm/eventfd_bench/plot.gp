# SPDX-License-Identifier: GPL-2.0-only
#
# Plots cost against N: bench.svg and bench.png from plot/*.dat. To be run in the
# directory that has plot.

names = "ring-value-last ring-value-first ring-mmio-among irqfd-signal-msi " . \
	"assign-value deassign-value assign-addr deassign-addr " . \
	"irqfd-assign irqfd-deassign irqfd-hangup-work irqfd-signal-ioapic " . \
	"set-gsi-routing-bare set-gsi-routing vm-release-work vm-release"

array titles[16] = [ \
	"ring, last of N values", "ring, first of N values", \
	"ring, one of N addresses", "signal that injects an MSI", \
	"assign a value", "deassign a value", \
	"assign an address", "deassign an address", \
	"irqfd assign", "irqfd deassign", \
	"hang-up, all of its work", "signal that raises an IOAPIC pin", \
	"set routing, N routes", "set routing, N routes, N irqfds", \
	"VM close, N irqfds, all of its work", \
	"VM close, N irqfds, till it returns" ]

set datafile missing "?"
set style line 1 linecolor rgb "#d55e00" linewidth 2 pointtype 7 pointsize 0.6
set style line 2 linecolor rgb "#0072b2" linewidth 2 pointtype 5 pointsize 0.6
set style line 3 linecolor rgb "#dddddd" linewidth 0.7
set grid xtics ytics linestyle 3
set border 3 linecolor rgb "#888888"
set tics nomirror scale 0.5
set logscale xy
set xrange [0.8:20000]
set xtics ("1" 1, "64" 64, "1k" 1024, "16k" 16384)
set ytics format "%.0s%c"
unset mytics

file(i) = sprintf("plot/%s.dat", word(names, i))

do for [kind in "png svg"] {
	if (kind eq "png") {
		set terminal pngcairo size 1400, 1100 font "DejaVu Sans,10"
	} else {
		set terminal svg size 1400, 1100 font "DejaVu Sans,12" background "white"
	}
	set output "bench." . kind
	set multiplot layout 4, 4 margins 0.05, 0.985, 0.05, 0.9 spacing 0.05, 0.085 \
		title "Instructions per operation where N are registered" font ",15"
	do for [i = 1:16] {
		# All rows but the last have one scale, so that flat costs look flat.
		if (i <= 12) { set yrange [500:3e6] } else { set yrange [1e4:3e8] }
		if (i == 1) { set key top left samplen 2 } else { set key off }
		set title titles[i]
		plot file(i) using 1:2 with linespoints linestyle 1 title "stock", \
		     file(i) using 1:3 with linespoints linestyle 2 title "ours"
	}
	unset multiplot
}
