#!/bin/sh
# SPDX-License-Identifier: ISC
# Both nodes are killed with -9 and start again: contacts, history and what waits are still there.
set -eu
. "$(dirname "$0")/lib.sh"
begin
community 2 || fail "the peers do not start"
person alice 11 Alice || fail "Alice does not start"
person bob 12 Bob || fail "Bob does not start"
befriend alice Alice bob Bob || fail "no contacts"
as alice send Bob "before" --wait delivered --timeout 30s --json >/dev/null || fail "not delivered"

halt bob KILL
as alice send Bob "while you were away" --json >/dev/null || fail "not taken"
halt alice KILL # right after the answer: it must be on the disk
start alice user || fail "Alice does not start again"
has_text alice Bob "while you were away" || fail "an answered message is lost"
start bob user || fail "Bob does not start again"
has_text bob Alice before || fail "Bob's history is lost"
eventually 30 has_text bob Alice "while you were away" || fail "it never arrives"
eventually 30 has_step alice Bob "while you were away" delivered ||
	fail "not delivered: $(step alice Bob "while you were away")"
as bob send Alice "after" --wait delivered --timeout 30s --json >/dev/null || fail "no answer"

halt alice KILL
halt bob KILL
start alice user || fail "Alice does not start the second time"
start bob user || fail "Bob does not start the second time"
as alice send Bob "again" --wait delivered --timeout 30s --json >/dev/null || fail "not after both"
for text in before "while you were away" again; do
	[ "$(texts bob Alice | grep -cxF "$text")" = 1 ] || fail "\"$text\" is not there once"
done
[ "$(texts alice Bob | grep -cxF after)" = 1 ] || fail "\"after\" is not there once"
echo ok
