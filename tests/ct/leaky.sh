#!/bin/sh
# SPDX-License-Identifier: ISC
# leaky.sh <valgrind> <suppressions> <ct program>: the deliberate leaks that memcheck can see must
# be reported, under the same suppressions as the real code.
set -eu
expect() { # <case> <words of the report>
	code=0
	report=$("$valgrind" --error-exitcode=99 --suppressions="$supp" \
		"$program" "$1" 2>&1) || code=$?
	if [ "$code" != 99 ] || ! echo "$report" | grep -q "$2"; then
		echo "$report"
		echo "$1: exit code $code, expected 99 and \"$2\""
		exit 1
	fi
	echo "$1: reported, as it must be"
}
valgrind=$1
supp=$2
program=$3
expect leaky_branch "Conditional jump or move depends on uninitialised"
expect leaky_index "Use of uninitialised value"
expect leaky_equal "Conditional jump or move depends on uninitialised"
expect leaky_blind "Conditional jump or move depends on uninitialised"
echo "4 leaks seen"
