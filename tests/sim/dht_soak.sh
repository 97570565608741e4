#!/bin/sh
# SPDX-License-Identifier: ISC
# A row of the DHT's table with 30,000 lookups, on N nodes.
#	dht_soak.sh KITH_SIM SCENARIO N
set -eu
sim=$1 file=$2 nodes=$3
set -- --nodes "$nodes"
case $file in
*ground*) # 100 keys, 300 lookups each
	set -- "$@" --set workload.records=100 --set workload.rounds=100 \
		--set workload.lookups=30000 ;;
*fresh.ini) # 500 nodes start per second
	set -- "$@" --set workload.records=2000 --set workload.lookups=30000
	[ "$nodes" -le 1000 ] || set -- "$@" --set join.span=20s ;;
*idle*|*join*) ;;
*) set -- "$@" --set workload.records=2000 --set workload.lookups=30000 \
		--set workload.publish_span=5min ;;
esac
[ "$nodes" -le 1000 ] || case $file in
*healthy*) set -- "$@" --set expect.p50=1.2 --set expect.p95=2.0 ;;
esac
exec "$sim" run "$file" --json "$@"
