#!/bin/sh
# SPDX-License-Identifier: ISC
# A row of the DHT's table on a network that every build can afford; only what holds at any size is
# demanded: nothing is lost, nobody is amplified.
#	dht_small.sh KITH_SIM SCENARIO
set -eu
"$1" run "$2" --json --nodes 60 --set join.settle=3min --set join.span=10s \
	--set workload.records=10 --set workload.rounds=1 --set workload.lookups=40 \
	--set attack.lead=5s --set expect.p50=0 --set expect.p95=0 --set expect.late_p95=0 \
	--set expect.requests_p50=0 --set expect.requests_p95=0 --set expect.store_p50=0 \
	--set expect.store_p95=0 --set expect.cold=0 --set expect.warm=0
