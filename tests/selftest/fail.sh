#!/bin/sh
# SPDX-License-Identifier: ISC
# Goal: a failing case is seen, with its values, and the seed and the filter work.
out=$("$1" --seed 0x1f3a) && { echo "all failures went unseen"; exit 1; }
while read -r want; do
	case $out in
	*"$want"*) ;;
	*) printf '%s\n' "$out" "missing: $want"; exit 1 ;;
	esac
done <<'END'
# seed 0x1f3a
1 > 2
41 and 42
61 62 78 64
"one" and "two"
-7 is ok: -7 and 0
not ok 6 - dies # signal 6
cannot open
--seed 0x1f3a check_str
1..7
END
[ "$("$1" check_str | grep -c '^not ok')" = 1 ] || { echo "the name filter fails"; exit 1; }
if "$1" no_such_case >/dev/null; then echo "an empty selection passed"; exit 1; fi
