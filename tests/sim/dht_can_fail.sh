#!/bin/sh
# SPDX-License-Identifier: ISC
# The laboratory must be able to say no: with nine of ten datagrams lost, and of a limit that
# nothing can hold.
#	dht_can_fail.sh KITH_SIM SCENARIO
set -eu
small="--nodes 60 --set join.settle=1min --set join.span=10s --set workload.records=10 \
	--set workload.lookups=40"
status=0
# shellcheck disable=SC2086
"$1" run "$2" $small --set link.loss=90% || status=$?
[ "$status" = 1 ] || { echo "90 % loss: exit $status"; exit 1; }
status=0
# shellcheck disable=SC2086
"$1" run "$2" $small --set expect.p50=0.01 || status=$?
[ "$status" = 1 ] || { echo "an impossible limit: exit $status"; exit 1; }
