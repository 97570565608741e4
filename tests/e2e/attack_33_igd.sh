#!/bin/sh
# SPDX-License-Identifier: ISC
# A hostile router against kith-portmap: odd, nested, endless, dripping, redirecting and fuzzed
# answers (10,000; or as many as the first argument says). The child may die, the broker never, and
# nothing leaves for another address: every address leads back into this namespace and is watched.
set -eu
. "$(dirname "$0")/lib.sh"
[ -x "$KITH_BIN/kith-portmap" ] || skip "kith-portmap is not built"
PATH=$PATH:/usr/sbin:/sbin
in_namespace "$0" "$@"
ip route add local default dev lo || skip "no routes of our own here"
seed=${KITH_SEED:-$(date +%s)}
echo "seed $seed (KITH_SEED repeats it)"
# the slow drip takes its 20 s meanwhile, in a network of its own
unshare -n sh -c 'ip link set lo up && ip route add local default dev lo && exec "$@"' sh \
	"$KITH_BIN/e2e_igd" drip "$KITH_BIN/kith-portmap" &
drip=$!
"$KITH_BIN/e2e_igd" attack "$KITH_BIN/kith-portmap" "${1:-10000}" "$seed"
wait "$drip" || fail "the slow drip"
