#!/bin/sh
# SPDX-License-Identifier: ISC
# 20,000 datagrams of nobody at the port of a node: not one byte back, no growth, all counted.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
in_namespace "$here/04_garbage.sh"
begin
community 2 || fail "the peers do not start"
"$KITH_BIN/e2e_tap" "$dir/capture" >"$dir/tap.ready" &
tap=$!
on_finish="kill $tap"
eventually 5 grep -q ready "$dir/tap.ready" || skip "no packet sockets here"
person alice 11 Alice || fail "Alice does not start"
person bob 12 Bob || fail "Bob does not start"
befriend alice Alice bob Bob || fail "no contacts"
as alice send Bob "before" --wait delivered --timeout 30s --json >/dev/null || fail "not delivered"
on_finish=
kill $tap
wait $tap || fail "the tap failed"

# flood <name>: at a node, with what was really sent to it at hand
flood() {
	port=$(address "$1" | sed 's/.*://')
	before=$(rss "$1")
	"$KITH_BIN/e2e_flood" "$port" 20000 4711 "$dir/capture" | tee "$dir/flood"
	grep -q 'answered 0 bytes' "$dir/flood" || fail "$1 answers garbage"
	grep -q ' 0 real ones' "$dir/flood" && fail "nothing captured for $1"
	grown=$(($(rss "$1") - before))
	[ $grown -lt 4096 ] || fail "$1 grew by $grown KiB"
	"$KITH_BIN/e2e_flood" "$port" --replay "$dir/capture" | tee "$dir/replay"
	sent=$(sed 's/.*datagrams, \([0-9]*\) bytes.*/\1/' "$dir/replay")
	back=$(sed 's/.*answered \([0-9]*\) bytes.*/\1/' "$dir/replay")
	[ "$back" -le "$sent" ] || fail "$1 answers a replay with more than it got"
	echo "$1: grew by $grown KiB"
}
flood bob
flood p1
counted=$(as bob status --json | grep -o '"[a-z_.]*drop_[a-z_]*": *[1-9][0-9]*')
[ -n "$counted" ] || fail "nothing is counted: $(as bob status --json)"
echo "$counted" | tr '\n' ' '
echo
total=$(echo "$counted" | awk -F: '{ n += $2 } END { print n }')
[ "$total" -ge 15000 ] || fail "only $total of 20,000 are counted by cause"
as alice send Bob "after" --wait delivered --timeout 30s --json >/dev/null ||
	fail "no chat after it"
echo ok
