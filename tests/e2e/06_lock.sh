#!/bin/sh
# SPDX-License-Identifier: ISC
# Passphrase, recovery words, lock and unlock on real programs: what is locked says so and opens
# with the right words only; what people wrote meanwhile arrives after.
set -eu
. "$(dirname "$0")/lib.sh"
begin

# code <want> <command..>: its exit code; the output stays in $dir/out.
code() {
	want=$1
	shift
	got=0
	"$@" >"$dir/out" 2>&1 || got=$?
	[ "$got" = "$want" ] || fail "exit $got instead of $want: $* ($(cat "$dir/out"))"
}

says() {
	grep -q "$1" "$dir/out" || fail "\"$1\" is not in: $(cat "$dir/out")"
}

try() { # <who> <text>: unlocks with what stands on standard input; waits out the back-off
	printf '%s\n' "$2" | as "$1" unlock
}

opens() {
	try "$1" "$2" >/dev/null 2>&1
}

state() { # <who>
	as "$1" status --json | field state
}

community 2 || fail "the community does not start"

# without a profile: it says so, and makes one when asked
place alice 11
start alice user || fail "Alice does not start"
[ "$(state alice)" = absent ] || fail "status without a profile: $(state alice)"
[ ! -e "$dir/alice" ] || fail "a profile was made without being asked for"
code 0 as alice status
says 'no profile'
code 5 as alice contacts
says 'kith up'
as alice profile create --name Alice --passphrase 'correct horse' --json >/dev/null ||
	fail "profile.create"
[ -s "$dir/alice/profile.key" ] || fail "no key file"
person bob 12 Bob || fail "Bob does not start"
befriend alice Alice bob Bob || fail "no friendship"
as alice send Bob "before" --wait delivered --timeout 20s >/dev/null || fail "before"

# the passphrase is nowhere to be found
for p in "$dir"/alice/* "$dir/alice.log"; do
	! grep -qa 'correct horse' "$p" || fail "the passphrase stands in $p"
done
! tr '\0' ' ' <"/proc/$(pid_of alice)/cmdline" | grep -q horse || fail "the passphrase in cmdline"

# lock: no keys, no answers but the open ones
as alice lock >/dev/null || fail "lock"
[ "$(state alice)" = locked ] || fail "status while locked: $(state alice)"
code 0 as alice status
says 'locked'
code 5 as alice contacts
says 'kith unlock'
code 5 as alice send Bob hi
as bob send Alice "while locked" --json >/dev/null || fail "Bob cannot write"

# wrong ones: no hint, and each costs time
code 6 try alice 'wrong'
says 'wrong or missing'
first=$(cat "$dir/out")
code 6 try alice 'correct horse'
says 'next try'
sleep 1.1
code 6 try alice 'correct horsE'
[ "$(sed 's/[0-9]* s\.//' "$dir/out")" = "$(echo "$first" | sed 's/[0-9]* s\.//')" ] ||
	fail "two wrong passphrases get two answers: $(cat "$dir/out")"
sleep 2.1
opens alice 'correct horse' || fail "unlock"
eventually 20 has_text alice Bob "while locked" || fail "what came while locked is not there"

# a restart begins locked; a restart takes no key from memory or disk
halt alice
start alice user || fail "Alice does not start again"
[ "$(state alice)" = locked ] || fail "a protected profile starts open"
opens alice 'correct horse' || fail "unlock after a restart"
code 0 as alice unlock
says 'already'
has_text alice Bob "before" || fail "history is lost"

# words
printf 'correct horse\n' | as alice words --quiet >"$dir/words" || fail "words"
[ "$(wc -w <"$dir/words")" = 24 ] || fail "not 24 words"
as alice lock >/dev/null
opens alice "$(tr '[:lower:]' '[:upper:]' <"$dir/words")" || fail "the words do not open"

# a forgotten passphrase is replaced by way of the words
printf '%s\n%s\n' "$(cat "$dir/words")" 'new one' | as alice passphrase >/dev/null ||
	fail "passphrase by words"
as alice lock >/dev/null
code 6 try alice 'correct horse'
sleep 1.1
opens alice 'new one' || fail "the new passphrase does not open"
code 6 sh -c "printf 'bad\nother\n' | '$kith' --socket '$dir/alice.run/control.sock' passphrase"
sleep 1.1

# none any more
printf '%s\n\n' 'new one' | as alice passphrase >/dev/null || fail "removing the passphrase"
code 1 as alice lock
says 'no passphrase'
halt alice
start alice user || fail "Alice does not start unprotected"
[ "$(state alice)" != locked ] || fail "an unprotected profile is locked"
as alice send Bob "after" --wait delivered --timeout 20s >/dev/null || fail "after"

# an always-on peer: a file with the passphrase opens it unattended
place peer 13
start peer always-on || fail "a peer does not start unattended"
printf 'from a file\n' | as peer profile passphrase --new 'from a file' >/dev/null ||
	fail "a peer's passphrase"
halt peer
start peer always-on || fail "the peer"
[ "$(state peer)" = locked ] || fail "a protected peer starts open without its file"
halt peer
printf 'from a file\n' >"$dir/secret"
start peer always-on --passphrase-file "$dir/secret" || fail "the peer with its file"
[ "$(state peer)" != locked ] || fail "the file does not open the peer"
halt peer
printf 'other\n' >"$dir/secret"
code 5 "$kithd" --role always-on --profile "$dir/peer" --socket "$dir/peer.run/control.sock" \
	--network "$network" --listen "$(address peer)" $net_bits --passphrase-file "$dir/secret"
says 'passphrase'
echo ok
