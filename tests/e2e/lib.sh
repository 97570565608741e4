# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# Sourced by the scripts of tests/e2e: a network of real kithd processes in a folder of its own, on
# ports and with a network id of its own. Everything is ended by its own process id and removed on
# exit. KITH_BIN = folder of the programs; KITH_KEEP=1 keeps the folder.

KITH_BIN=${KITH_BIN:-build/release/bin}
KITH_BIN=$(cd "$KITH_BIN" && pwd) || exit 1
kithd=$KITH_BIN/kithd
kith=$KITH_BIN/kith
net_bits="--work-bits 8 --mailbox-bits 4 --ack-delay 1"

# begin: the folder, the network id, the clean-up.
begin() {
	for program in "$kithd" "$kith"; do
		[ -x "$program" ] || skip "$program is not built"
	done
	dir=$(mktemp -d "${TMPDIR:-/tmp}/kith.XXXXXX")
	network=$((1000000 + $$))
	port_base=$((10000 + $$ % 1000 * 20))
	names=
	hints=
	trap finish EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

skip() {
	echo "skipped: $*"
	exit 77
}

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

finish() {
	code=$?
	trap - EXIT HUP INT TERM
	for name in $names; do
		halt "$name" KILL
	done
	[ -z "${on_finish:-}" ] || $on_finish
	if [ -n "${KITH_KEEP:-}" ] || { [ "$code" != 0 ] && [ "$code" -lt 77 ]; }; then
		for log in "$dir"/*.log; do
			grep -v '^INFO' "$log" | tail -n 3 | sed "s|^|-- ${log##*/}: |" >&2
		done
	fi
	[ -n "${KITH_KEEP:-}" ] && echo "kept: $dir" >&2 || rm -rf "$dir"
	exit "$code"
}

# Milliseconds, for printed times.
now_ms() {
	echo $(($(date +%s%N) / 1000000))
}

seconds() { # <ms>
	printf '%d.%d s' $(($1 / 1000)) $(($1 % 1000 / 100))
}

# eventually <seconds> <command..>: runs it until it succeeds; 1 after the deadline.
eventually() {
	deadline=$(($(now_ms) + $1 * 1000))
	shift
	until "$@"; do
		[ "$(now_ms)" -lt "$deadline" ] || return 1
		sleep 0.05
	done
}

# ---- nodes ----

# place <name> <number> [address]: remembers a port; prints nothing. host_<name> is the address
# of a node and inside_<name> what its command begins with, where set before.
place() {
	eval "addr_$1=${3:-127.0.0.1}:$((port_base + $2))"
	names="$names $1"
}

address() {
	eval "echo \$addr_$1"
}

# hint_of <name>: the starting point under which others reach it; the node must not run.
hint_of() {
	"$kithd" --profile "$dir/$1" --listen "$(address "$1")" --print-hint 2>>"$dir/$1.log"
}

# start <name> <role> [option..]: runs until it is ready; fails after 15 s.
start() {
	name=$1 role=$2
	shift 2
	ready=$dir/$name.ready
	rm -f "$ready"
	mkfifo "$ready"
	boot=
	for hint in $hints; do
		[ "$hint" = "$(eval "echo \${hint_$name:-}")" ] || boot="$boot --bootstrap $hint"
	done
	# shellcheck disable=SC2086
	$(eval "echo \${inside_$name:-}") "$kithd" --role "$role" --profile "$dir/$name" \
		--socket "$dir/$name.run/control.sock" --network "$network" \
		--listen "$(address "$name")" $net_bits $boot "$@" --ready-fd 9 \
		9>"$ready" 2>>"$dir/$name.log" &
	eval "pid_$name=$!"
	got=$(timeout 15 head -c 1 "$ready" | wc -c)
	rm -f "$ready"
	[ "$got" = 1 ] || return 1
}

pid_of() {
	eval "echo \${pid_$1:-}"
}

# halt <name> [signal]: ends the node that this script started and waits for it.
halt() {
	pid=$(pid_of "$1")
	[ -n "$pid" ] || return 0
	kill -s "${2:-TERM}" "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	eval "pid_$1="
}

erase() {
	rm -rf "${dir:?}/$1" "$dir/$1.run"
}

# as <name> <word..>: the command line of this person.
as() {
	person=$1
	shift
	"$kith" --socket "$dir/$person.run/control.sock" "$@"
}

# community <count>: peers p1..pN that know each other; `hints` is set for all who follow.
community() {
	i=1 all=
	while [ $i -le "$1" ]; do
		place "p$i" "$i" "$(eval "echo \${host_p$i:-}")"
		eval "hint_p$i=$(hint_of "p$i")"
		all="$all $(eval "echo \$hint_p$i")"
		i=$((i + 1))
	done
	hints=$all
	i=1
	while [ $i -le "$1" ]; do
		start "p$i" always-on || return 1
		i=$((i + 1))
	done
	# two starting points are enough for people
	hints=$(echo "$all" | awk '{ print $1, $NF }')
}

# person <name> <number> <Name>: a node of a user, with an identity.
person() {
	place "$1" "$2" "$(eval "echo \${host_$1:-}")"
	start "$1" user || return 1
	as "$1" profile create --name "$3" --json >/dev/null
}

# ---- conversations ----

# befriend <a> <A> <b> <B>: a invites, b adds the link, a accepts.
befriend() {
	link=$(as "$1" invite --json | field link)
	[ -n "$link" ] || return 1
	as "$3" add "$link" --name "$2" --json >/dev/null || return 1
	eventually 20 has_request "$1" || return 1
	as "$1" accept 1 --json >/dev/null || return 1
	eventually 20 is_accepted "$3" "$2"
}

has_request() {
	as "$1" requests --json 2>/dev/null | grep -q '"request"'
}

is_accepted() {
	as "$1" contacts --json 2>/dev/null | grep "\"$2\"" | grep -q '"accepted"'
}

# field <name>: the first text or number of that name on standard input.
field() {
	grep -o "\"$1\": *\(\"[^\"]*\"\|[0-9]*\)" | head -n 1 | sed 's/^[^:]*: *//; s/"//g'
}

# texts <who> <contact>: the texts of a conversation, one a line.
texts() {
	as "$1" history "$2" -n 100000 --json | grep -o '"text": *"[^"]*"' |
		sed 's/^"text": *"//; s/"$//'
}

has_text() { # <who> <contact> <text>
	texts "$1" "$2" 2>/dev/null | grep -qxF "$3"
}

# step <who> <contact> <text>: how far the own message with this text got.
step() {
	as "$1" history "$2" -n 100000 --json | grep -F "\"$3\"" | field step
}

has_step() { # <who> <contact> <text> <step>
	[ "$(step "$1" "$2" "$3" 2>/dev/null)" = "$4" ]
}

# has_mailboxes <who> <count>
has_mailboxes() {
	[ "$(as "$1" mailboxes --json 2>/dev/null | grep -o '"mailbox"' | wc -l)" -ge "$2" ]
}

gone() { # <pid>: ended (a child that nobody waited for counts as ended)
	! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

# rss <name>: KiB of memory a node holds.
rss() {
	awk '/^VmRSS/ { print $2 }' "/proc/$(pid_of "$1")/status"
}

# in_namespace <script> <word..>: runs the script again in its own user and network namespace, with
# loopback up; skips where that is not allowed.
in_namespace() {
	[ -z "${KITH_NAMESPACE:-}" ] || return 0
	unshare -Urn true 2>/dev/null || skip "no user and network namespaces here"
	command -v ip >/dev/null || skip "iproute2 is missing"
	exec unshare -Urn env KITH_NAMESPACE=1 sh -c 'ip link set lo up && exec "$@"' sh "$@"
}
