#!/bin/sh
# SPDX-License-Identifier: ISC
# A fresh seed, which is printed: nothing is lost or doubled, and two runs leave the same trace.
#	KITH_BIN=build/release/bin tests/sim/fresh.sh [SEED]
set -eu
cd "$(dirname "$0")/../.."
seed=${1:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "seed $seed: ${0} $seed runs this again"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for scenario in sim/scenarios/first-network.ini; do
	for run in 1 2; do
		"$KITH_BIN/kith-sim" run "$scenario" --seed "$seed" --json >"$work/$run"
		grep '"trace_hash"' "$work/$run" >"$work/hash$run"
	done
	cat "$work/1"
	if ! cmp -s "$work/hash1" "$work/hash2"; then
		echo "$scenario: the same seed left two traces:"
		cat "$work/hash1" "$work/hash2"
		exit 1
	fi
done
