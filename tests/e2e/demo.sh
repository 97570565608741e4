#!/bin/sh
# SPDX-License-Identifier: ISC
# Kith at work, in four scenes on this machine: a chat, an absence, twenty crashes, broken promises.
#	demo.sh            the scenes, then the nodes stay up to play with until Ctrl-C
#	demo.sh --check    the scenes only, unattended; fails at the first scene that fails
# KITH_DEMO_PLAIN=1: on loopback, without homes behind routers.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
. "$here/homes.sh"

check=
case ${1:-} in
--check) check=1 ;;
'') ;;
*)
	echo "usage: demo.sh [--check]" >&2
	exit 2
	;;
esac

messages=${KITH_DEMO_MESSAGES:-1000}
kills=${KITH_DEMO_KILLS:-20}

# scene <number> <title>; then proof lines; scene_end prints the measured time.
scene() {
	scene_begin=$(now_ms)
	scene_number=$1
	scene_title="Scene $1: $2"
	proofs=
}

proof() {
	proofs="$proofs
    $*"
}

scene_end() {
	echo "$scene_title  ($(seconds $(($(now_ms) - scene_begin))))$proofs"
}

say() { # <who> <contact> <text> <state>: waits until it got there
	as "$1" send "$2" "$3" --wait "$4" --timeout 30s --json >/dev/null ||
		fail "scene $scene_number: \"$3\" of $1 is not $4: $(step "$1" "$2" "$3")"
}

began=$(now_ms)
place_of="on loopback, without delay and NAT"
if [ -z "${KITH_HOMES:-}${KITH_DEMO_PLAIN:-}" ]; then
	if why=$(homes_possible); then
		homes_enter "$here/demo.sh" "$@"
	fi
	place_of="$place_of ($why)"
fi
begin
if [ -n "${KITH_HOMES:-}" ]; then
	homes_end() {
		for pid in $wires; do
			kill "$pid" 2>/dev/null || true
		done
	}
	on_finish=homes_end
	homes_build || fail "the homes cannot be built"
	for i in 1 2 3 4 5; do
		eval "host_p$i=$((10 + i)).0.0.1"
	done
	host_alice=10.1.0.2 inside_alice="ip netns exec ha"
	host_anna=10.1.0.2 inside_anna="ip netns exec ha"
	host_bob=10.2.0.2 inside_bob="ip netns exec hb"
	place_of="of two homes behind NAT routers, 40 ms from the peers"
fi
community 5 || fail "the community does not start"
person alice 11 Alice || fail "Alice's node does not start"
person bob 12 Bob || fail "Bob's node does not start"
echo "Own network $network $place_of: 5 always-on peers, Alice and Bob;"
echo "proofs of work and receipt delays are set low.  ($(seconds $(($(now_ms) - began))))"

# ---- 1 ----
scene 1 "Alice invites, Bob adds the link, Alice accepts; they write"
befriend alice Alice bob Bob || fail "scene 1: Alice and Bob do not become contacts"
contact_ms=$(($(now_ms) - scene_begin))
sent=$(now_ms)
say alice Bob "Hello Bob" delivered
proof "contacts after $(seconds $contact_ms); Alice's first message delivered after" \
	"$(($(now_ms) - sent)) ms"
has_text bob Alice "Hello Bob" || fail "scene 1: delivered, and not in Bob's history"
say bob Alice "Hello Alice" delivered
has_text alice Bob "Hello Alice" || fail "scene 1: delivered, and not in Alice's history"
as bob history Alice --read --json >/dev/null
as alice history Bob --read --json >/dev/null
eventually 20 has_step alice Bob "Hello Bob" read || fail "scene 1: Alice does not see \"read\""
eventually 20 has_step bob Alice "Hello Alice" read || fail "scene 1: Bob does not see \"read\""
proof "\"Hello Bob\" and \"Hello Alice\": delivered, then read, on proof of the other side"
scene_end

# ---- 2 ----
kept_by() { # <count>
	[ "$(as alice history Bob --json | grep -F '"See you at eight"' |
		grep -o '"kept": *{[^}]*}' | field n)" = "$1" ]
}

scene 2 "Bob is off; Alice writes, and is destroyed with 2 of the 5 peers; Bob returns"
eventually 20 has_mailboxes bob 5 || fail "scene 2: Bob does not have 5 mailboxes"
halt bob
say alice Bob "See you at eight" kept
eventually 20 kept_by 5 ||
	fail "scene 2: not kept by 5: $(as alice history Bob --json | tail -n 1)"
until_ms=$(as alice history Bob --json | grep -F '"See you at eight"' | grep -o '"kept": *{[^}]*}' |
	field until)
proof "Alice sees: kept by 5 until $(date -d "@$((until_ms / 1000))" '+%-d %b %Y')"
halt alice KILL
erase alice
halt p1 KILL
erase p1
halt p3 KILL
erase p3
[ ! -e "$dir/alice" ] && [ ! -e "$dir/p1" ] && [ ! -e "$dir/p3" ] || fail "scene 2: not erased"
proof "killed and erased from the disk: Alice's node, peers 1 and 3"
back=$(now_ms)
start bob user || fail "scene 2: Bob does not start again"
eventually 20 has_text bob Alice "See you at eight" ||
	fail "scene 2: Bob is back and the message is not there"
proof "Bob has \"See you at eight\" $(seconds $(($(now_ms) - back))) after his start"
scene_end

# ---- 3 ----
claimed() { # the texts that Anna shows as delivered or read
	as anna history Bob -n 100000 --json |
		grep '"step": *"\(delivered\|read\)"' | grep -o '"text": *"[^"]*"' |
		sed 's/^"text": *"//; s/"$//' | sort
}

# What a killed Bob has on his disk: a copy of it, read by a node that nobody can reach.
disk_texts() {
	cp -r "$dir/bob" "$dir/copy"
	saved=$hints saved_network=$network
	hints='' network=$((network + 1))
	start copy user || fail "scene 3: the copy of Bob's disk does not open"
	hints=$saved network=$saved_network
	texts copy Anna | sort
	halt copy KILL
	erase copy
}

count() {
	wc -l <"$1" | tr -d ' '
}

scene 3 "Bob's node is killed with -9 $kills times during $messages messages"
# On a fast disk a kill seldom falls between an acknowledgement and its commit; on a slow one it
# always does, so that one sent too early is found.
halt bob
inside_bob="${inside_bob:-} env LD_PRELOAD=$KITH_BIN/e2e_slow_disk.so"
start bob user || fail "scene 3: Bob does not start on a slow disk"
proof "Bob's disk is a slow one from here on: each batch of writes waits 20 ms"
if [ -n "${KITH_HOMES:-}" ]; then
	homes_forward b 2 "$(address bob | sed 's/.*://')"
	proof "Bob's router forwards his port from here on"
fi
person anna 13 Anna || fail "scene 3: Anna's node does not start"
place copy 14
befriend anna Anna bob Bob || fail "scene 3: Anna and Bob do not become contacts"
sees() { # <who>
	as "$1" contacts --json | grep -q '"online"'
}
eventually 20 sees anna && proof "Anna and Bob have a direct session" ||
	proof "no direct session: everything goes through the peers"
per_kill=$((messages / kills))
number=0 killed=0 too_much=0 looked=0 late=0
while [ $number -lt "$messages" ]; do
	# a place in this batch that changes from kill to kill
	at=$((number + 1 + killed * 7 % per_kill))
	batch_end=$((number + per_kill))
	while [ $number -lt $batch_end ]; do
		number=$((number + 1))
		as anna send Bob "message $number" --json >/dev/null ||
			fail "scene 3: message $number was not taken"
		if [ $number = $at ] && [ $killed -lt "$kills" ]; then
			halt bob KILL
			killed=$((killed + 1))
			if [ $((killed % 5)) = 0 ]; then
				claimed >"$dir/claimed"
				disk_texts >"$dir/disk"
				above=$(comm -23 "$dir/claimed" "$dir/disk" | wc -l)
				too_much=$((too_much + above))
				looked=$((looked + 1))
			fi
			start bob user || fail "scene 3: Bob does not start after kill $killed"
		fi
	done
done
eventually 60 has_step anna Bob "message $messages" delivered || late=1
all_there() {
	texts bob Anna | grep '^message ' | sort >"$dir/bob.texts"
	[ "$(sort -u "$dir/bob.texts" | wc -l)" -ge "$messages" ]
}
eventually 60 all_there || true
doubled=$(($(count "$dir/bob.texts") - $(sort -u "$dir/bob.texts" | wc -l)))
claimed >"$dir/claimed"
too_much=$((too_much + $(comm -23 "$dir/claimed" "$dir/bob.texts" | wc -l)))
proof "sent $messages, in Bob's database $(sort -u "$dir/bob.texts" | wc -l), doubled $doubled," \
	"states that claim too much $too_much"
proof "($killed kills; after $looked of them Bob's disk was read and compared with Anna's states)"
scene_end
[ "$(sort -u "$dir/bob.texts" | wc -l)" = "$messages" ] || fail "scene 3: messages are missing"
[ $doubled = 0 ] || fail "scene 3: messages are doubled"
[ $too_much = 0 ] || fail "scene 3: a state claims too much"
[ $late = 0 ] || fail "scene 3: the last message is $(step anna Bob "message $messages")"

# ---- 4 ----
# How far the message to Carl is, and by how many it is kept.
custody() {
	line=$(as anna history Carl --json | grep -F '"Do not forget"')
	echo "$(echo "$line" | field step) $(echo "$line" | grep -o '"kept": *{[^}]*}' | field n)"
}

custody_is() { # <step> <count>
	[ "$(custody)" = "$1 $2" ]
}

peers() { # <save|erase>: the disks of all five are copied, or put back, while they are off
	for i in 1 2 3 4 5; do
		halt "p$i" KILL
	done
	for i in 1 2 3 4 5; do
		if [ "$1" = save ]; then
			cp -r "$dir/p$i" "$dir/p$i.before"
		else
			erase "p$i"
			mv "$dir/p$i.before" "$dir/p$i"
		fi
	done
	for i in 1 2 3 4 5; do
		start "p$i" always-on || return 1
	done
}

scene 4 "all five promise and erase: the tick steps back, Anna's node sends again"
hints=$all
start p1 always-on && start p3 always-on || fail "scene 4: new peers 1 and 3 do not start"
hints="$(echo "$all" | cut -d ' ' -f 3) $(echo "$all" | cut -d ' ' -f 6)"
person carl 15 Carl || fail "scene 4: Carl's node does not start"
eventually 40 has_mailboxes carl 5 || fail "scene 4: Carl does not have 5 mailboxes"
befriend anna Anna carl Carl || fail "scene 4: Anna and Carl do not become contacts"
halt carl
peers save || fail "scene 4: the peers do not start again"
halt anna
start anna user --audit-every 3 || fail "scene 4: Anna does not start again"
say anna Carl "Do not forget" kept
eventually 20 custody_is kept 5 || fail "scene 4: not kept by 5 but $(custody)"
proof "Carl is off; Anna sees: kept by 5"
broken=$(now_ms)
peers erase || fail "scene 4: the peers do not start again"
proof "the peers' disks are set back behind their backs: none has what it signed for"
eventually 40 custody_is queued 0 || fail "scene 4: nobody noticed: $(custody)"
proof "Anna's node looked: her tick steps back to queued ($(seconds $(($(now_ms) - broken))))"
eventually 40 custody_is kept 5 || fail "scene 4: not sent again: $(custody)"
proof "and sent it again: kept by 5 ($(seconds $(($(now_ms) - broken))))"
halt anna KILL
start carl user || fail "scene 4: Carl does not start again"
eventually 20 has_text carl Anna "Do not forget" || fail "scene 4: Carl does not have it"
proof "Anna's node is killed; Carl returns and has \"Do not forget\""
start anna user || fail "scene 4: Anna does not start again"
scene_end

echo "All four scenes hold.  ($(seconds $(($(now_ms) - began))))"
[ -z "$check" ] || exit 0
cat <<END

Talk yourself, in two other terminals (Alice's place has Anna now):
    $kith --socket $dir/anna.run/control.sock send Bob "hi"
    $kith --socket $dir/bob.run/control.sock tail
    $kith --socket $dir/bob.run/control.sock send Anna "hi back"
    $kith --socket $dir/anna.run/control.sock history Bob
Ctrl-C here ends it all and leaves nothing behind.
END
wait "$(pid_of bob)"
