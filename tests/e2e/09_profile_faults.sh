#!/bin/sh
# SPDX-License-Identifier: ISC
# Profiles that are damaged, lost in part, foreign, newer, copied or not writable: a sentence and an
# exit code each, nothing overwritten, and never silently a new identity.
set -eu
. "$(dirname "$0")/lib.sh"
begin
hints=
tool=$KITH_BIN/e2e_profile
[ -x "$tool" ] || skip "e2e_profile is not built"

daemon() { # <profile> [command before it..]
	home=$dir/$1
	shift
	timeout 20 "$@" "$kithd" --profile "$home" --socket "$dir/x.run/control.sock" \
		--listen "127.0.0.1:$((port_base + 15))" --network "$network" $net_bits
}

sums() { # <profile>: what its lasting files hold (an empty log is none)
	(cd "$dir/$1" && find . -type f ! -name lock ! -name reserve ! -empty | sort | xargs cksum)
}

# refused <code> <words> <profile> [command before..]: and every file stays as it is
refused() {
	want=$1 words=$2 profile=$3
	shift 3
	before=$(sums "$profile")
	code=0
	daemon "$profile" "$@" >"$dir/out" 2>&1 </dev/null || code=$?
	[ "$code" = "$want" ] || fail "$profile: exit $code instead of $want ($(cat "$dir/out"))"
	grep -q "$words" "$dir/out" || fail "$profile: \"$words\" is not in: $(cat "$dir/out")"
	[ "$(sums "$profile")" = "$before" ] || fail "$profile: files were changed: $before
$(sums "$profile")"
	refusals=$((refusals + 1))
}

fresh() { # <name>: a copy of the sound profile
	rm -rf "${dir:?}/$1"
	cp -r "$dir/sound" "$dir/$1"
}

key() {
	as "$1" identity get --json | field key
}

refusals=0
person alice 11 Alice || fail "Alice does not start"
identity=$(key alice)
[ -n "$identity" ] || fail "no identity"
as alice invite --label kept --json >/dev/null || fail "invite"
halt alice
cp -r "$dir/alice" "$dir/sound"

# a database of another program, or none
fresh foreign
{ printf 'SQLite format 3\000\020\000\001\001'; head -c 8172 /dev/zero; } >"$dir/foreign/account.db"
refused 4 'account.db is damaged or belongs to another' foreign
fresh empty
: >"$dir/empty/account.db"
refused 4 'account.db' empty
fresh missing
rm "$dir/missing/account.db"
refused 4 'account.db' missing
[ ! -e "$dir/missing/account.db" ] || fail "a lost database was made anew"

# the key file: both copies half-written, lost, or of two minds
for len in 0 1 63 1000 1575 2047; do
	fresh cut
	truncate -s $len "$dir/cut/profile.key"
	truncate -s $len "$dir/cut/profile.key.2"
	refused 4 'key file' cut
done
fresh keyless
rm "$dir/keyless/profile.key" "$dir/keyless/profile.key.2"
refused 4 'key file' keyless
[ ! -e "$dir/keyless/profile.key" ] || fail "a key file was made beside an old database"

# one copy is enough, and the other is mended
for len in 0 500 2047 gone; do
	fresh alice
	case $len in
	gone) rm "$dir/alice/profile.key" ;;
	*) truncate -s $len "$dir/alice/profile.key" ;;
	esac
	start alice user || fail "one good copy of the key file does not suffice ($len)"
	[ "$(key alice)" = "$identity" ] || fail "another identity"
	halt alice
	cmp -s "$dir/alice/profile.key" "$dir/alice/profile.key.2" || fail "not mended ($len)"
done

# a newer release was here
fresh later
"$tool" newer-database "$dir/later" || fail "e2e_profile"
refused 6 'newer version' later
fresh later
"$tool" newer-key "$dir/later" || fail "e2e_profile"
refused 6 'newer version' later

# a lost log: it is an older copy, and says so; the identity stays
fresh alice
start alice user || fail "Alice does not start"
as alice invite --label "in the log" --json >/dev/null
halt alice KILL
[ -s "$dir/alice/account.db-wal" ] || fail "there is no log to lose"
rm "$dir/alice/account.db-wal"
start alice user || fail "a lost log keeps the profile shut"
grep -q 'restored from a copy' "$dir/alice.log" || fail "a lost log is not noticed"
[ "$(key alice)" = "$identity" ] || fail "another identity after a lost log"
halt alice

# copied while it runs: the copy is whole or refused, and it is the same person
fresh alice
start alice user || fail "Alice does not start"
as alice invite --label "while copied" --json >/dev/null
cp -r "$dir/alice" "$dir/twin"
rm -f "$dir/twin/lock"
place twin 12
if start twin user; then
	[ "$(key twin)" = "$identity" ] || fail "a copy has another identity"
	halt twin
else
	tail -n 1 "$dir/twin.log" | grep -q 'damaged' || fail "no sentence: $(cat "$dir/twin.log")"
fi
as alice invite --label "after" --json >/dev/null || fail "the copied one does not go on"
halt alice

# a read-only file system
if unshare -Urm true 2>/dev/null; then
	fresh fixed
	refused 7 'read or written' fixed unshare -Urm sh -c \
		'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"' "$dir/fixed"
else
	echo "# without user namespaces the read-only file system is left out"
fi

fresh alice
start alice user || fail "the sound profile does not start"
[ "$(key alice)" = "$identity" ] || fail "another identity"
echo "$refusals refusals, nothing changed"
echo ok
