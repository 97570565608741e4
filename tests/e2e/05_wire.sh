#!/bin/sh
# SPDX-License-Identifier: ISC
# Whoever reads the wire finds no text and no name. Everything on loopback is captured.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
in_namespace "$here/05_wire.sh"
begin
"$KITH_BIN/e2e_tap" "$dir/capture" >"$dir/tap.ready" &
tap=$!
on_finish="kill $tap"
eventually 5 grep -q ready "$dir/tap.ready" || skip "no packet sockets here"
community 2 || fail "the peers do not start"
person alice 11 "Alice Pellegrino" || fail "Alice does not start"
person bob 12 "Bob Quintanilla" || fail "Bob does not start"
befriend alice Alice bob "Bob Quintanilla" || fail "no contacts"
as alice send Bob "the canary is in the garden" --wait delivered --timeout 30s --json \
	>/dev/null || fail "not delivered"
halt bob
as alice send Bob "the spare key lies under the stone" --wait kept --timeout 30s --json \
	>/dev/null || fail "not kept"
start bob user || fail "Bob does not start again"
eventually 30 has_text bob Alice "the spare key lies under the stone" || fail "it never arrives"

# the search can find something
"$KITH_BIN/e2e_flood" 9 --say "a marker in the clear"
marked() {
	grep -qaF "a marker in the clear" "$dir/capture.now"
}
on_finish=
kill $tap
wait $tap || fail "the tap failed"
cp "$dir/capture" "$dir/capture.now"
marked || fail "the capture misses what was sent in the clear"

key=$(as alice identity get --json | field key | cut -c 1-12)
for words in "canary is" garden "spare key" stone Pellegrino Quintanilla KITH: "$key"; do
	! grep -qaiF "$words" "$dir/capture" || fail "\"$words\" is on the wire"
done
echo "ok: $(wc -c <"$dir/capture") bytes captured, 0 hits"
