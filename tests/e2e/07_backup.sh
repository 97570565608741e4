#!/bin/sh
# SPDX-License-Identifier: ISC
# Backup, export and restore on real programs: a backup is whole or none, replaces nothing and is
# never mixed into another profile; a restored copy brings the history back.
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

# typed <lines> <who> <word..>: the command line with lines on its standard input.
typed() {
	lines=$1
	shift
	printf "$lines" | as "$@"
}

community 2 || fail "the community does not start"
person alice 11 Alice || fail "Alice does not start"
person bob 12 Bob || fail "Bob does not start"
befriend alice Alice bob Bob || fail "no friendship"
i=1
while [ $i -le 30 ]; do
	as alice send Bob "before $i" --json >/dev/null
	i=$((i + 1))
done
as bob send Alice "answer" --wait delivered --timeout 20s >/dev/null || fail "answer"
eventually 20 has_step alice Bob "before 30" delivered || fail "before the backup"

# an unprotected profile: the backup has a passphrase of its own
code 2 typed '\n' alice backup "$dir/a.backup"
says 'needs a passphrase'
[ ! -e "$dir/a.backup" ] || fail "a file without a backup"
typed 'safe place\n' alice backup "$dir/a.backup" >"$dir/out" || fail "backup: $(cat "$dir/out")"
[ ! -e "$dir/a.backup.part" ] || fail "the part stays"
[ "$(stat -c %a "$dir/a.backup")" = 600 ] || fail "others can read the backup"
! grep -qa "before 1\|SQLite" "$dir/a.backup" || fail "a text in the clear"
sum=$(cksum <"$dir/a.backup")
code 1 typed 'safe place\n' alice backup "$dir/a.backup"
says 'there already'
[ "$(cksum <"$dir/a.backup")" = "$sum" ] || fail "a backup was overwritten"
code 1 typed 'safe place\n' alice backup "$dir/none/x.backup"
code 2 as alice profile backup --passphrase x

# export
as alice export "$dir/all.txt" --yes || fail "export"
[ "$(grep -c 'me: before' "$dir/all.txt")" = 30 ] || fail "export as text"
grep -q 'Bob: answer' "$dir/all.txt" || fail "export lacks what came"
[ "$(grep -n 'before 1$' "$dir/all.txt" | cut -d: -f1)" -lt \
	"$(grep -n 'before 30$' "$dir/all.txt" | cut -d: -f1)" ] || fail "export is not in order"
as alice export - Bob --yes --json >"$dir/all.json" || fail "export as JSON"
[ "$(grep -c '"text":"before' "$dir/all.json")" = 30 ] || fail "export as JSON"
code 2 as alice export "$dir/no.txt" </dev/null
says 'not protected'
code 1 as alice export "$dir/all.txt" --yes

# what is no backup, or half of one, makes nothing
place copy 13
start copy user || fail "a second home does not start"
head -c 20000 "$dir/a.backup" >"$dir/half.backup"
code 1 typed 'safe place\n\n' copy restore "$dir/half.backup"
says 'half-written'
code 1 typed 'safe place\n\n' copy restore "$dir/all.txt"
says 'no backup'
code 6 typed 'wrong\n\n' copy restore "$dir/a.backup"
sleep 1.1
[ ! -e "$dir/copy/profile.key" ] || fail "a failed restore left a profile behind"
[ "$(as copy status --json | field state)" = absent ] || fail "a failed restore left something open"
# and never into a profile that is there
code 1 typed 'safe place\n\n' bob restore "$dir/a.backup"
says 'already'

halt alice
typed 'safe place\nnew home\n' copy restore "$dir/a.backup" >"$dir/out" ||
	fail "restore: $(cat "$dir/out")"
says 'Alice'
[ "$(texts copy Bob | grep -c before)" = 30 ] || fail "the history did not come back"
has_text copy Bob "answer" || fail "what Bob wrote did not come back"
halt copy
start copy user || fail "the restored profile does not start"
[ "$(as copy status --json | field state)" = locked ] || fail "the new passphrase does not hold"
printf 'new home\n' | as copy unlock >/dev/null || fail "the new passphrase"
has_text copy Bob "before 30" || fail "history after a restart"
echo ok
