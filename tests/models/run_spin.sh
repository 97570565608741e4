#!/bin/sh
# SPDX-License-Identifier: ISC
#
# run_spin.sh MODEL.pml: exhaustive check of one SPIN model.
#
# The model names its variants itself, in comment lines of the form
#	@faults A B C	each -DFAULT_x must be found (assertion broken)
#	@reach A B	each -DREACH_x must be found (the state is not vacuous)
#	@depth N	search depth limit (default 100000)
# The plain model must be searched to the end with no error and no deadlock; a
# variant must break an assertion (a deadlock does not count). Exit 0 = all as
# stated, 1 = not, 77 = spin or a C compiler is missing.

set -u
LC_ALL=C
export LC_ALL

CC=${CC:-cc}
MEM_MIB=1024
model=${1:?usage: run_spin.sh MODEL.pml}

for tool in spin "$CC"; do
	if ! command -v "$tool" >/dev/null 2>&1; then
		echo "skipped: $tool is not installed"
		exit 77
	fi
done
if [ ! -r "$model" ]; then
	echo "not ok: $model cannot be read"
	exit 1
fi

name=$(basename "$model" .pml)
model=$(cd "$(dirname "$model")" && pwd)/$name.pml
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work" || exit 1

words() { # words KEY: the words after "@KEY" in the model's comments
	sed -n "s/^.*@$1[[:space:]]\{1,\}//p" "$model" | tr '\n' ' '
}

depth=$(words depth)
depth=${depth:-100000}
bad=0

build() { # build FLAGS: make ./pan
	rm -f pan pan.* ./*.trail
	: >pan.out
	# shellcheck disable=SC2086
	spin -a $1 "$model" >spin.out 2>&1 || { cat spin.out; return 1; }
	"$CC" -O2 -w -DSAFETY -DCOLLAPSE -DVECTORSZ=4096 -DMEMLIM=$MEM_MIB \
	    -o pan pan.c >cc.out 2>&1 || { cat cc.out; return 1; }
}

search() { # search OPTIONS: run ./pan, set errors, full, states, mem
	# shellcheck disable=SC2086
	./pan -m$depth -c1 $1 >pan.out 2>&1
	errors=$(sed -n 's/^.*errors: \([0-9]*\).*$/\1/p' pan.out | tail -n 1)
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*$/\1/p' pan.out)
	mem=$(sed -n 's/^ *\([0-9.]*\).*total actual memory usage.*$/\1/p' pan.out)
	full=1
	if grep -q -e 'Search not completed' -e 'max search depth too small' \
	    -e 'out of memory' -e 'reached -DMEMLIM' pan.out; then
		full=0
	fi
	errors=${errors:-none}
}

report() { # report OK TEXT
	if [ "$1" -eq 1 ]; then
		echo "ok: $name: $2"
	else
		echo "NOT OK: $name: $2"
		cat pan.out
		bad=1
	fi
}

if build "" && search "" && [ "$errors" = 0 ] && [ $full -eq 1 ]; then
	report 1 "holds, $states states, ${mem:-?} MiB"
else
	report 0 "does not hold, or was not searched to the end"
fi

for kind in faults reach; do
	for word in $(words $kind); do
		case $kind in
		faults) flag=-DFAULT_$word ;;
		*) flag=-DREACH_$word ;;
		esac
		if ! grep -q "${flag#-D}\\b" "$model"; then
			echo "NOT OK: $name: $flag is named but not used"
			bad=1
			continue
		fi
		errors=none
		build "$flag" && search -E
		if grep -q 'assertion violated' pan.out; then
			why=$(sed -n 's/^pan:[0-9]*: \(.*\) (at depth.*$/\1/p' pan.out |
			    head -n 1)
			report 1 "$flag found: ${why:-error}"
		else
			report 0 "$flag NOT found"
		fi
	done
done
exit $bad
