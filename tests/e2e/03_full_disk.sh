#!/bin/sh
# SPDX-License-Identifier: ISC
# The disk fills up: a message is refused, never lost; after room is made all goes on.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
if [ -z "${KITH_NAMESPACE:-}" ]; then
	unshare -Urm true 2>/dev/null || skip "no user and mount namespaces here"
	exec unshare -Urm env KITH_NAMESPACE=1 "$0"
fi
begin
mkdir "$dir/small"
mount -t tmpfs -o size=120m none "$dir/small" 2>/dev/null || skip "no tmpfs in a namespace here"
on_finish="umount $dir/small"
mkdir "$dir/small/alice"
ln -s "$dir/small/alice" "$dir/alice"
community 1 || fail "the peer does not start"
person alice 11 Alice || fail "Alice does not start"
person bob 12 Bob || fail "Bob does not start"
link=$(as alice invite --json | field link)
as bob add "$link" --name Alice --json >/dev/null || fail "add"
eventually 30 has_request alice || fail "no request"
as alice accept 1 --json >/dev/null || fail "accept"

fill=$(($(df --output=avail -k "$dir/small" | tail -n 1) - 8000))
head -c "$((fill * 1024))" /dev/zero >"$dir/small/fill" 2>/dev/null || true
long=$(head -c 8000 /dev/zero | tr '\0' x)
taken=0 refused=
while [ $taken -lt 200 ] && [ -z "$refused" ]; do
	if as alice send Bob "$taken $long" --json >"$dir/out" 2>&1; then
		taken=$((taken + 1))
	else
		refused=1
	fi
done
[ -n "$refused" ] || fail "200 messages of 8 kB fit on a full disk"
grep -qi 'disk\|storage\|space' "$dir/out" || fail "no word about the disk: $(cat "$dir/out")"
rm "$dir/small/fill"
kill -0 "$(pid_of alice)" 2>/dev/null || fail "the full disk ended Alice's node"
# the node looks again every 5 s, and goes on without a restart
try() {
	as alice send Bob "room again" --json >/dev/null 2>&1
}
eventually 20 try || fail "still refused after room was made"
[ "$(texts alice Bob | grep -c "$long")" = "$taken" ] ||
	fail "taken $taken, in the history $(texts alice Bob | grep -c "$long")"
echo "ok: $taken taken, then refused, nothing lost"
