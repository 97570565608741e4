#!/bin/sh
# SPDX-License-Identifier: ISC
# Wrong clocks on real programs: ten years off in either direction, jumps while it runs, a sleep of
# the machine, a restart in the past. Nothing is lost, nothing expires, nothing changes its place.
set -eu
. "$(dirname "$0")/lib.sh"
begin
shim=$KITH_BIN/e2e_clock.so
[ -e "$shim" ] || skip "e2e_clock is not built"
ten=315360000

# clock <who> <wall seconds> <slept seconds>
clock() {
	echo "$2 $3" >"$dir/$1.clock.new"
	mv "$dir/$1.clock.new" "$dir/$1.clock"
}

said=0
# both: a message in each direction arrives; $1 says when
both() {
	said=$((said + 1))
	as alice send Bob "$said a: $1" --wait delivered --timeout 40s >/dev/null ||
		fail "Alice to Bob $1: $(as alice status)"
	as bob send Alice "$said b: $1" --wait delivered --timeout 40s >/dev/null ||
		fail "Bob to Alice $1: $(as bob status)"
}

for who in alice bob p1 p2; do
	clock $who 0 0
	eval "inside_$who='env KITH_TEST_CLOCK=$dir/$who.clock LD_PRELOAD=$shim'"
done
community 2 || fail "the community does not start"
person alice 11 Alice || fail "Alice does not start"
person bob 12 Bob || fail "Bob does not start"
befriend alice Alice bob Bob || fail "no friendship"
both "at the right time"

clock alice $ten 0
both "with Alice ten years ahead"
clock alice -$ten 0
both "with Alice ten years back"
clock bob $ten 0
both "with the two twenty years apart"
clock alice 0 0
clock bob 0 0
both "right again"

# a day passes for all, and the machine of one slept through it: its monotonic clock stood still
for who in p1 p2 bob; do
	clock $who 86400 0
done
clock alice 86400 86400
both "after a day of sleep"

# what waits while a clock is wrong neither leaves nor expires wrongly
halt bob
as alice send Bob "waits" --json >/dev/null
clock alice $ten 86400
sleep 1
as alice send Bob "waits too" --json >/dev/null
clock alice -$ten 86400
halt alice
start alice user || fail "Alice does not start ten years back"
[ "$(texts alice Bob | wc -l)" = $((2 * said + 2)) ] || fail "history changed with the clock"
start bob user || fail "Bob does not start again"
clock alice 86400 86400
eventually 60 has_text bob Alice "waits" || fail "what waited did not arrive"
eventually 60 has_text bob Alice "waits too" || fail "what waited too did not arrive"
both "at the end"

# the same texts once each on both sides, in the order in which they were said; of two that waited
# at mailboxes either may be read first (the other then resolves a gap)
texts alice Bob >"$dir/a"
texts bob Alice >"$dir/b"
sort "$dir/a" >"$dir/a.sorted"
sort "$dir/b" | cmp -s - "$dir/a.sorted" || fail "other texts: $(diff "$dir/a" "$dir/b")"
for side in a b; do
	grep -v '^waits' "$dir/$side" >"$dir/$side.said"
	mv "$dir/$side.said" "$dir/$side"
done
cmp -s "$dir/a" "$dir/b" || fail "two orders: $(diff "$dir/a" "$dir/b")"
[ "$(uniq -d "$dir/a.sorted" | wc -l)" = 0 ] || fail "a text twice"
i=1
while [ $i -le $said ]; do
	printf '%s a\n%s b\n' $i $i
	i=$((i + 1))
done >"$dir/want"
grep -o '^[0-9]* [ab]' "$dir/a" | cmp -s - "$dir/want" || fail "out of order: $(cat "$dir/a")"
echo "$(wc -l <"$dir/a") texts through $said clocks, none lost, none moved"
echo ok
