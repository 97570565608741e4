#!/bin/sh
# SPDX-License-Identifier: ISC
# One seed gives one run, and stand-ins for the slow cryptography change no route: the levels
# "counted" and "real" give one trace.
#	dht_same_hash.sh KITH_SIM SCENARIO
set -eu
hash() {
	"$sim" run "$file" --json --nodes 40 --set join.settle=1min --set join.span=5s \
		--set workload.records=5 --set workload.lookups=20 --set expect.p95=0 \
		--set expect.success=0% --seed 5 "$@" |
		sed -n 's/.*trace_hash","value":"\([0-9a-f]*\)".*/\1/p'
}
sim=$1 file=$2
first=$(hash) second=$(hash) real=$(hash --set crypto.level=real) other=$(hash --seed 6)
echo "counted $first, again $second, real $real, another seed $other"
[ -n "$first" ] && [ "$first" = "$second" ] && [ "$first" = "$real" ] && [ "$first" != "$other" ]
