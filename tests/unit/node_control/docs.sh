#!/bin/sh
# SPDX-License-Identifier: ISC
# The list of methods in docs/control.md is that of the table; every verb is in the manual.
set -eu
made=$(awk -v form=markdown -f "$KITH_SRC/client/methods.awk" "$KITH_SRC/node/control/methods.def")
written=$(sed -n '/^| method |/,/^$/p' "$KITH_SRC/docs/control.md" | sed '1,2d;/^$/d')
if [ "$made" != "$written" ]; then
	echo "docs/control.md is not up to date: paste the output of" >&2
	echo "awk -v form=markdown -f client/methods.awk node/control/methods.def" >&2
	exit 1
fi
for verb in $("$KITH_BIN/kith" __complete | grep -v '\.'); do
	if ! grep -q "^\.It Ic $verb" "$KITH_SRC/man/kith.1"; then
		echo "man/kith.1 does not describe $verb" >&2
		exit 1
	fi
done
