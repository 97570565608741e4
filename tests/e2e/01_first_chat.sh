#!/bin/sh
# SPDX-License-Identifier: ISC
# Two people and one always-on peer: invite, add, accept, write, read; then in good order down.
set -eu
. "$(dirname "$0")/lib.sh"
begin
community 1 || fail "the peer does not start"
person alice 11 Alice || fail "Alice does not start"
person bob 12 Bob || fail "Bob does not start"
befriend alice Alice bob Bob || fail "no contacts"

as alice send Bob "first" --wait delivered --timeout 30s --json >"$dir/sent" || fail "not delivered"
grep -q '"delivered"' "$dir/sent" || fail "exit 0 without \"delivered\": $(cat "$dir/sent")"
has_text bob Alice first || fail "delivered, and not in Bob's history"
as bob send Alice "second" --wait delivered --timeout 30s --json >/dev/null || fail "no answer"
has_text alice Bob second || fail "the answer is not there"
has_step alice Bob first read && fail "read before Bob has read"
as bob history Alice --read --json >/dev/null
eventually 20 has_step alice Bob first read || fail "not read: $(step alice Bob first)"

# words of every kind come through as they are
odd=$(printf 'tab\there \303\244 "quoted" \\ back')
as alice send Bob "$odd" --wait delivered --timeout 30s --json >/dev/null || fail "odd text"
as bob history Alice --json | grep -qF 'tab\there ä \"quoted\" \\ back' ||
	fail "the odd text came out as $(as bob history Alice --json | tail -n 1)"
printf 'from stdin' | as alice send Bob - --wait delivered --timeout 30s --json >/dev/null ||
	fail "text from standard input"
has_text bob Alice "from stdin" || fail "text from standard input is not there"

as bob search STDIN fr --json | grep -q . && fail "\"fr\" is no word and was found"
as bob search 'fro*' Stdin --in Alice --json | grep -qF '"from stdin"' ||
	fail "search finds nothing"
code=0
as bob search '***' >/dev/null 2>&1 || code=$?
[ $code != 0 ] || fail "a search for nothing is exit 0"

as alice status --json | grep -q '"state"' || fail "status"
as alice down --quiet || fail "down"
eventually 10 gone "$(pid_of alice)" || fail "Alice's node is still there after down"
code=0
as alice status >/dev/null 2>&1 || code=$?
[ $code = 3 ] || fail "status without a node is exit $code, not 3"
echo ok
