# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The results of a lane that is a shell script, as TAP.  Such a lane sources this file,
# and ends with "finish".  $lane, if it is set, precedes the names of its tests.

lane=
number=0
# How many have failed.
failed=0

# result STATUS NAME [LOG]: a test, which has failed if STATUS isn't 0, and then LOG's end.
result() {
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $lane$2"
	else
		failed=$((failed + 1))
		echo "not ok $number - $lane$2"
		[ -z "${3:-}" ] || tail -15 "$3" | sed 's/^/# /'
	fi
}

# none NAME FILE: a test, which has failed if FILE holds anything, and then FILE's begin.
none() {
	[ ! -s "$2" ]
	result $? "$1"
	head -60 "$2" | sed 's/^/# /'
}

# skip NAME REASON
skip() {
	number=$((number + 1))
	echo "ok $number - $lane$1 # SKIP $2"
}

# follow COMMAND...: the tests of another lane, with numbers that go on.
follow() {
	local line

	while read -r line; do
		case $line in
		1..*)	[[ $line != *SKIP* ]] || echo "# $line" ;;
		ok\ * | not\ ok\ *)
			number=$((number + 1))
			sed -E "s/ok [0-9]+/ok $number/" <<<"$line" ;;
		*)	echo "$line" ;;
		esac
	done < <("$@")
	wait $! || failed=$((failed + 1))
}

# finish: the plan, and the lane's end.
finish() {
	echo "1..$number"
	exit $((failed > 0))
}
