#!/bin/sh
# SPDX-License-Identifier: ISC
# A backup restored elsewhere: both directions go on by themselves, the copy that it was made of is
# shut out and says so, and the same backup restored a second time takes over from the first.
set -eu
. "$(dirname "$0")/lib.sh"
begin

# reaches <from> <name of to> <to> <name of from> <text>: said here, shown there.
reaches() {
	as "$1" send "$2" "$5" --json >/dev/null || fail "$1 cannot send \"$5\""
	eventually 150 has_text "$3" "$4" "$5" || fail "\"$5\" did not reach $3"
}

restore() { # <who> <number>
	place "$1" "$2"
	start "$1" user || fail "$1 does not start"
	printf 'safe place\n\n' | as "$1" restore "$dir/a.backup" >"$dir/out" 2>&1 ||
		fail "restore to $1: $(cat "$dir/out")"
}

says_elsewhere() {
	as "$1" status --json | field sentence | grep -q 'elsewhere'
}

community 3 || fail "the community does not start"
person alice 11 Alice || fail "Alice does not start"
person bob 12 Bob || fail "Bob does not start"
befriend alice Alice bob Bob || fail "no friendship"
as alice contacts --json | grep -q '"renewed"' || skip "this build makes no new sessions yet"
reaches alice Bob bob Alice "one"
reaches bob Alice alice Bob "two"
eventually 30 has_mailboxes bob 2 || fail "Bob has no mailboxes"
eventually 30 has_mailboxes alice 2 || fail "Alice has no mailboxes"
printf 'safe place\n' | as alice backup "$dir/a.backup" >/dev/null || fail "backup"

# the conversation goes on after the backup
reaches alice Bob bob Alice "three, not in the backup"
reaches bob Alice alice Bob "four, not in the backup"
halt alice
as bob send Alice "five, while nobody is there" --json >/dev/null

restore second 13
has_text second Bob "two" || fail "the history did not come back"
reaches second Bob bob Alice "six, from the restored copy"
reaches bob Alice second Bob "seven, to the restored copy"
eventually 60 has_text second Bob "five, while nobody is there" || fail "five is lost"
echo "healed: both directions without any action of a person"

# the old one comes back and is shut out
start alice user || fail "the old copy does not start"
eventually 60 says_elsewhere alice || fail "the old copy does not say so: $(as alice status)"
code=0
as alice send Bob "eight, from the old copy" >"$dir/out" 2>&1 || code=$?
[ "$code" != 0 ] || fail "the old copy takes a message"
has_text alice Bob "three, not in the backup" || fail "the old copy does not show its history"
reaches second Bob bob Alice "nine"
! has_text bob Alice "eight, from the old copy" || fail "the old copy still speaks"
halt alice

# one and the same backup once more: the newer one goes on, the older is shut out
sleep 1
restore third 14
reaches third Bob bob Alice "ten, from the third"
reaches bob Alice third Bob "eleven, to the third"
halt second
start second user || fail "the second copy does not start again"
eventually 60 says_elsewhere second || fail "the second copy goes on: $(as second status)"
reaches third Bob bob Alice "twelve, from the third"

# in Bob's history every text once
[ "$(texts bob Alice | sort | uniq -d | wc -l)" = 0 ] || fail "a text twice"
echo ok
