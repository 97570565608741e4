#!/bin/sh
# SPDX-License-Identifier: ISC
# What people and disks do wrong: each gets its own exit code and a sentence, and nothing is lost.
set -eu
. "$(dirname "$0")/lib.sh"
begin
hints=

# refused <code> <words in the sentence> <command..>
refused() {
	want=$1 words=$2
	shift 2
	code=0
	"$@" >"$dir/out" 2>&1 </dev/null || code=$?
	[ "$code" = "$want" ] || fail "exit $code instead of $want: $* ($(cat "$dir/out"))"
	grep -q "$words" "$dir/out" || fail "\"$words\" is not in: $(cat "$dir/out")"
	# a sentence, not a crash
	! grep -qi 'sanitizer\|assert\|abort' "$dir/out" || fail "crash: $(cat "$dir/out")"
}

daemon() { # <profile> <port> [option..]
	profile=$1 at=$2
	shift 2
	timeout 10 "$kithd" --profile "$dir/$profile" --socket "$dir/$profile.x/control.sock" \
		--listen "127.0.0.1:$at" --network "$network" $net_bits "$@"
}

person alice 11 Alice || fail "Alice does not start"
busy=$((port_base + 11))
free=$((port_base + 15))

refused 5 "$(pid_of alice)" daemon alice "$free"
refused 3 "$busy" daemon other "$busy"
refused 2 'usage\|--help' "$kithd" --no-such-option
refused 2 'range\|number' "$kithd" --profile "$dir/z" --network 99999999999
refused 2 'work bits' "$kithd" --profile "$dir/z" --work-bits 4
refused 2 'hint' daemon other "$free" --bootstrap NONSENSE
[ ! -e "$dir/z" ] || fail "a refused start left a profile behind"
printf '[node]\nrole = user\ncolour = red\n' >"$dir/bad.conf"
refused 2 'bad.conf:3' "$kithd" --config "$dir/bad.conf" --profile "$dir/z"

# the command line
refused 2 'usage\|--help' "$kith" no-such-verb
refused 2 'usage\|--help\|missing\|needs' as alice send
refused 2 'usage\|--help\|until\|state\|wait' as alice send Nobody hi --wait yesterday
refused 7 'Nobody' as alice send Nobody hi
refused 3 'node' "$kith" --socket "$dir/none/control.sock" status
refused 1 'link\|invitation' as alice add KITH:NONSENSE
link=$(as alice invite --json | field link)
refused 1 'own\|self' as alice add "$link"
last=$(printf '%s' "$link" | tail -c 1)
[ "$last" = A ] && flipped=B || flipped=A
refused 1 'link\|invitation\|typ\|check' as alice add "$(printf '%s' "$link" | head -c 86)$flipped"

# a damaged profile: every copy of the key is spoilt, nothing is overwritten
halt alice
cp -r "$dir/alice" "$dir/spoilt"
for file in "$dir"/spoilt/*key*; do
	printf 'XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX' |
		dd of="$file" bs=1 seek=40 conv=notrunc status=none
done
sum=$(cat "$dir"/spoilt/*key* | cksum)
refused 4 'amaged' daemon spoilt "$free"
[ "$(cat "$dir"/spoilt/*key* | cksum)" = "$sum" ] || fail "a damaged key file was overwritten"

# a damaged database
cp -r "$dir/alice" "$dir/torn"
dd if=/dev/urandom of="$dir/torn/account.db" bs=1 seek=100 count=3000 conv=notrunc status=none
refused 4 'amaged\|account.db' daemon torn "$free"

# and the profile itself is still whole
start alice user || fail "Alice does not start after all that"
as alice status --json | grep -q '"state"' || fail "status"
echo ok
