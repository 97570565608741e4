#!/bin/sh
# SPDX-License-Identifier: ISC
# Usage: can_fail.sh KITH-SIM SCENARIO
# A network in which nothing arrives must fail the scenario with status 1; a bad scenario is 2.
set -u

"$1" run "$2" --set link.loss=100% --set run.heal=0s
[ $? -eq 1 ] || { echo "a network without a single datagram passed"; exit 1; }
"$1" run "$2" --set link.loss=101%
[ $? -eq 2 ] || { echo "101 % loss was taken"; exit 1; }
"$1" run "$2" --set link.lose=1%
[ $? -eq 2 ] || { echo "an unknown key was taken"; exit 1; }
