#!/bin/sh
# SPDX-License-Identifier: ISC
# Many real nodes on loopback, every second one always on: each joins through two peers, and each
# user finds the record of another one by its link.
#	06_many.sh [COUNT]
set -eu
. "$(dirname "$0")/lib.sh"
count=${1:-64}
begin
port_base=$((12000 + $$ % 60 * 300))
net_bits="--work-bits 1 --mailbox-bits 1 --ack-delay 1"
begun=$(now_ms)

role() { # <number>
	if [ $(($1 % 2)) = 1 ]; then echo always-on; else echo user; fi
}

launch() { # <number>
	name=n$1
	# shellcheck disable=SC2086
	"$kithd" --role "$(role "$1")" --profile "$dir/$name" \
		--socket "$dir/$name.run/control.sock" --network "$network" \
		--listen "$(address "$name")" $net_bits $boot 2>>"$dir/$name.log" &
	eval "pid_$name=$!"
}

answers() { # <number>
	as "n$1" status --json >/dev/null 2>&1
}

counter() { # <number> <name>
	as "n$1" status --json 2>/dev/null | grep -o "\"$2\": *[0-9]*" | grep -o '[0-9]*$'
}

knows() { # <number> <peers>
	[ "$(counter "$1" 'dht\.peers' || echo 0)" -ge "$2" ]
}

i=1
while [ "$i" -le "$count" ]; do
	place "n$i" "$i"
	i=$((i + 1))
done
hint_n1=$(hint_of n1)
hint_n11=$(hint_of n11)
boot=
i=1
while [ "$i" -le "$count" ]; do
	launch "$i"
	boot="--bootstrap $hint_n1"
	[ "$i" -lt 11 ] || boot="$boot --bootstrap $hint_n11"
	# A burst of starts that no machine would see; the nodes are what is tested.
	[ $((i % 16)) != 0 ] || eventually 20 answers "$i" ||
		fail "node $i did not start"
	i=$((i + 1))
done
i=1 users=
while [ "$i" -le "$count" ]; do
	[ "$(role "$i")" = always-on ] || users="$users $i"
	i=$((i + 1))
done
for i in $users; do # who has no profile joins nothing
	eventually 20 answers "$i" || fail "node $i did not start"
	as "n$i" profile create --name "N$i" --json >/dev/null || fail "node $i has no profile"
done
want=16
[ "$count" -gt 40 ] || want=$((count / 2 - 2))
i=1
while [ "$i" -le "$count" ]; do
	eventually 30 knows "$i" "$want" || fail "node $i knows $(counter "$i" 'dht\.peers') peers"
	i=$((i + 1))
done
echo "$count nodes know $want peers or more each after $(seconds $(($(now_ms) - begun)))"

# Users invite, the next user adds the link: it must find the record, and the request must arrive.
for i in $users; do
	eval "link_$i=\$(as n$i invite --json | field link)"
done
last=${users##* }
pairs=0
for i in $users; do
	as "n$i" add "$(eval "echo \$link_$last")" --name "N$last" --json >/dev/null ||
		fail "node $i could not add node $last"
	last=$i
	pairs=$((pairs + 1))
done
found_record() { # <number>
	[ "$(counter "$1" 'dht\.lookups_found' || echo 0)" -ge 1 ]
}
found=0 missing=
for i in $users; do
	if eventually 20 found_record "$i"; then
		found=$((found + 1))
	else
		missing="$missing $i"
	fi
done
echo "records found: $found of $pairs, after $(seconds $(($(now_ms) - begun)))"
arrived=0
for i in $users; do
	! has_request "n$i" || arrived=$((arrived + 1))
done
echo "requests that arrived by then: $arrived"
[ "$((found * 1000))" -ge "$((pairs * 999))" ] || fail "not found by$missing"
