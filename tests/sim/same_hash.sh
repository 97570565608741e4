#!/bin/sh
# SPDX-License-Identifier: ISC
# Usage: same_hash.sh KITH-SIM SCENARIO FILE
# The same seed gives the same trace: twice here, and as in FILE, which every compiler and level of
# optimisation must reach. A change of behaviour changes the trace: then FILE is written anew with
# the hash that is printed.
set -u

trace() {
	"$1" run "$2" --seed "$3" | sed -n 's/^trace_hash *//p'
}

first=$(trace "$1" "$2" 7)
second=$(trace "$1" "$2" 7)
other=$(trace "$1" "$2" 8)
expected=$(cat "$3")
echo "seed 7: $first, again: $second, expected: $expected"
echo "seed 8: $other"
[ -n "$first" ] && [ "$first" = "$second" ] && [ "$first" = "$expected" ] &&
	[ "$first" != "$other" ]
