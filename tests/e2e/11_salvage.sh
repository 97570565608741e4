#!/bin/sh
# SPDX-License-Identifier: ISC
# A damaged database: refused with a sentence that names the way out, salvaged into a new profile
# with a report, and the person goes on as the same one: history, contacts, both directions.
set -eu
. "$(dirname "$0")/lib.sh"
begin

reaches() { # <from> <name of to> <to> <name of from> <text>
	as "$1" send "$2" "$5" --json >/dev/null || fail "$1 cannot send \"$5\""
	eventually 150 has_text "$3" "$4" "$5" || fail "\"$5\" did not reach $3"
}

sums() {
	(cd "$dir/$1" && find . -type f ! -name lock ! -name reserve ! -empty | sort | xargs cksum)
}

spoil() { # <profile> <page, from 1>
	printf 'damaged here' | dd of="$dir/$1/account.db" bs=1 seek=$((($2 - 1) * 4096 + 77)) \
		conv=notrunc 2>/dev/null
}

salvage() { # <from> <to>
	code=0
	"$kithd" --profile "$dir/$1" --socket "$dir/x.run/control.sock" --salvage "$dir/$2" \
		>"$dir/report" 2>"$dir/said" </dev/null || code=$?
}

key() {
	as "$1" identity get --json | field key
}

community 2 || fail "the community does not start"
person alice 11 Alice || fail "Alice does not start"
person bob 12 Bob || fail "Bob does not start"
befriend alice Alice bob Bob || fail "no friendship"
reaches alice Bob bob Alice "one"
reaches bob Alice alice Bob "two"
i=0
while [ $i -lt 150 ]; do
	as alice send Bob "message $i, long enough that some of them share a page" --json \
		>/dev/null || fail "send $i"
	i=$((i + 1))
done
eventually 60 has_text bob Alice "message 149, long enough that some of them share a page" ||
	fail "the messages did not reach Bob"
identity=$(key alice)
before=$(texts alice Bob | wc -l)
halt alice
cp -r "$dir/alice" "$dir/sound"

# the list of tables and some leaves
pages=$(($(wc -c <"$dir/alice/account.db") / 4096))
spoil alice 1
n=40
while [ $n -lt $pages ]; do
	spoil alice $n
	n=$((n + 4))
done
held=$(sums alice)
code=0
timeout 20 "$kithd" --profile "$dir/alice" --socket "$dir/x.run/control.sock" \
	--listen "$(address alice)" --network "$network" $net_bits >"$dir/out" 2>&1 || code=$?
[ "$code" = 4 ] || fail "exit $code instead of 4: $(cat "$dir/out")"
grep -q -- "--salvage" "$dir/out" || fail "no way out is named: $(cat "$dir/out")"

salvage alice saved
[ "$code" = 0 ] || fail "salvage: exit $code: $(cat "$dir/said")"
[ "$(sums alice)" = "$held" ] || fail "salvage changed the damaged profile"
grep -q 'do not open' "$dir/report" || fail "no report: $(cat "$dir/report")"
grep -q 'the list of tables is lost' "$dir/report" || fail "page 1 is not in the report"
sed 's/^/# /' "$dir/report"
salvage alice saved
[ "$code" = 4 ] || fail "a profile that is there: exit $code"

place saved 13
start saved user || fail "what was saved does not start"
[ "$(key saved)" = "$identity" ] || fail "another identity"
after=$(texts saved Bob | wc -l)
[ "$after" -gt $((before / 2)) ] || fail "only $after of $before messages came back"
[ "$(texts saved Bob | grep -cvxF -e one -e two -e "$(
	seq 0 149 | sed 's/.*/message &, long enough that some of them share a page/'
)")" = 0 ] || fail "a text that nobody wrote"
reaches saved Bob bob Alice "three, from what was saved"
reaches bob Alice saved Bob "four, to what was saved"
echo "$after of $before messages came back; both directions go on"

# whatever page is lost alone: the new profile starts as the same person, or there is none
alone=0 none=0 nameless=0 n=1
while [ $n -le 36 ]; do
	rm -rf "${dir:?}/alice" "$dir/one"
	cp -r "$dir/sound" "$dir/alice"
	spoil alice $n
	salvage alice one
	if [ "$code" = 0 ]; then
		place one 15
		start one user || fail "without page $n: $(tail -n 1 "$dir/one.log")"
		[ "$(key one)" = "$identity" ] || fail "without page $n: another identity"
		if grep -q 'of 1 people' "$dir/report"; then
			nameless=$((nameless + 1))
			as one contacts --json | grep -q '"removed"' || fail "no nameless contact"
			as one add "$(as bob invite --json | field link)" --name Bob --json \
				>/dev/null || fail "a nameless contact cannot be added again"
			eventually 60 is_accepted one Bob || fail "nobody answers the request"
			has_text one Bob "one" || fail "the history is not with the contact"
			reaches one Bob bob Alice "five, found again"
			reaches bob Alice one Bob "six, found again"
		fi
		halt one
		alone=$((alone + 1))
	else
		[ "$code" = 4 ] || fail "without page $n: exit $code"
		grep -q 'restore a backup' "$dir/said" || fail "no sentence: $(cat "$dir/said")"
		none=$((none + 1))
	fi
	n=$((n + 1))
done
[ $none -le 2 ] || fail "$none single pages are too much"
echo "36 single pages lost: $alone profiles start, $none have no identity any more," \
	"$nameless without the name of a contact"

# the keys of the identity are gone: a sentence, and no profile
rm -rf "${dir:?}/alice"
cp -r "$dir/sound" "$dir/alice"
n=1
while [ $n -le $pages ]; do
	spoil alice $n
	n=$((n + 1))
done
salvage alice nothing
[ "$code" = 4 ] || fail "exit $code where nothing can be read"
grep -q 'restore a backup' "$dir/said" || fail "no sentence: $(cat "$dir/said")"
[ ! -e "$dir/nothing/profile.key" ] || fail "a profile was made of nothing"

# a sound profile with a passphrase
start alice user 2>/dev/null && fail "ruins start"
rm -rf "${dir:?}/alice"
cp -r "$dir/sound" "$dir/alice"
start alice user || fail "the sound profile does not start"
printf 'open it\nopen it\n' | as alice passphrase >"$dir/out" 2>&1 ||
	fail "passphrase: $(cat "$dir/out")"
salvage alice busy
[ "$code" = 5 ] || fail "a running profile: exit $code"
halt alice
printf 'wrong\n' >"$dir/pass"
code=0
"$kithd" --profile "$dir/alice" --socket "$dir/x.run/c" --salvage "$dir/second" <"$dir/pass" \
	>"$dir/report" 2>"$dir/said" || code=$?
[ "$code" = 5 ] || fail "a wrong passphrase: exit $code"
printf 'open it\n' >"$dir/pass"
"$kithd" --profile "$dir/alice" --socket "$dir/x.run/c" --salvage "$dir/second" <"$dir/pass" \
	>"$dir/report" 2>"$dir/said" || fail "with a passphrase: $(cat "$dir/said")"
grep -q ' 0 of them do not open' "$dir/report" || fail "report: $(cat "$dir/report")"
grep -q ', 0 known to be lost' "$dir/report" || fail "report: $(cat "$dir/report")"
place second 14
start second user || fail "the second one does not start"
as second status --json | grep -q '"locked"' || fail "the new profile has no passphrase"
echo ok
