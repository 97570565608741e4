#!/bin/sh
# SPDX-License-Identifier: ISC
# Builds Kith and shows it at work: two people on this machine, see tests/e2e/demo.sh.
set -eu
cd "$(dirname "$0")"
. cmake/deps.sh
deps_install build

if [ ! -x tests/e2e/demo.sh ]; then
	echo "demo.sh: tests/e2e/demo.sh is not there yet, so there is nothing to show." >&2
	exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { cmake --preset release && cmake --build --preset release; } >"$log" 2>&1; then
	tail -n 40 "$log" >&2
	echo "demo.sh: the build failed; its last lines are above." >&2
	exit 1
fi
KITH_SRC=$PWD KITH_BIN=$PWD/build/release/bin tests/e2e/demo.sh "$@"
