#!/bin/sh
# SPDX-License-Identifier: ISC
# What goes wrong with home routers: none, one that is silent, restarts, changes its address, gives
# the port to another host, stands behind a second one, or is hostile. kithd says what is the
# matter, mends what can be mended, and never waits.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/router.sh"
here=$(cd "$(dirname "$0")" && pwd)
router_enter "$0"
command -v miniupnpd >/dev/null || skip "miniupnpd is missing (Debian: miniupnpd-nftables)"
[ -x "$KITH_BIN/kith-portmap" ] || skip "kith-portmap is not built"
begin
hostile=
end_all() {
	upnpd_stop
	[ -z "$hostile" ] || kill -KILL "$hostile" 2>/dev/null || true
}
on_finish=end_all
router_build || fail "the network cannot be built"
host_p1=21.0.0.100 host_p2=31.0.0.100
community 2 || fail "the peers outside do not start"
inside_home="ip netns exec h"
port=$((port_base + 30))
addr_home=0.0.0.0:$port
names="$names home"

home() { # [option..]
	halt home KILL
	start home always-on --port-mapping yes --mapping-lease 10 "$@" ||
		fail "the node inside does not start"
}

why() {
	as home status --json | field why
}

is_why() {
	[ "$(why 2>/dev/null)" = "$1" ]
}

says() { # <words>
	as home status | grep -q "$1" || fail "kith status: $(as home status)"
}

forwards_to() { # <address>
	ip netns exec r nft list chain inet filter prerouting_miniupnpd |
		grep -q "dport [0-9]* dnat ip to $1:$port"
}

is_external() { # <address>
	as home network test --json 2>/dev/null | field external | grep -q "^$1:"
}

flush() {
	ip netns exec r nft flush chain inet filter prerouting_miniupnpd
	ip netns exec r nft flush chain inet filter miniupnpd
}

# no router at all; then one appears, and nobody has to start anything again
ip -n h route del default
home
eventually 2 is_why no_gateway || fail "no router: $(why)"
says "there is no router"
upnpd_conf yes no
upnpd_start || fail "miniupnpd does not start"
begun=$(now_ms)
ip -n h route add default via 10.1.0.1
eventually 5 is_why mapped || fail "a router has appeared: $(why)"
echo "no router: said so; mapped $(($(now_ms) - begun)) ms after one appeared"

# another own address: the mapping moves
ip -n h addr flush dev eth0
ip -n h addr add 10.1.0.3/24 dev eth0
ip -n h addr add 10.1.0.2/24 dev eth0
ip -n h route replace default via 10.1.0.1 src 10.1.0.3
begun=$(now_ms)
eventually 5 forwards_to 10.1.0.3 || fail "the mapping does not follow the own address"
echo "own address changed: the mapping moved in $(($(now_ms) - begun)) ms"

# the router loses all it knew, and its address changes
upnpd_stop
flush
ip -n r addr flush dev wan
ip -n r addr add 21.0.0.2/24 dev wan
ip -n r addr add 21.0.0.1/24 dev wan
ip -n r route replace default via 21.0.0.100 src 21.0.0.2
begun=$(now_ms)
upnpd_start || fail "miniupnpd does not start again"
eventually 8 forwards_to 10.1.0.3 || fail "nothing after the router restarted"
echo "router restarted: mapped again after $(($(now_ms) - begun)) ms (lease 10 s)"
eventually 8 is_external 21.0.0.2 || fail "the new address: $(as home network test)"
echo "router has another address: noticed"

# a node that dies leaves nothing: the lease runs out
kill -KILL "$(pid_of home)"
halt home
begun=$(now_ms)
forwards_to 10.1.0.3 || fail "the mapping was not there"
not_forwards() {
	! forwards_to 10.1.0.3
}
eventually 14 not_forwards || fail "the lease does not run out"
echo "killed: the mapping ran out after $(($(now_ms) - begun)) ms (lease 10 s)"

# the port belongs to another host: another port is taken, and told
other_host_takes_it() {
	ip netns exec h python3 - "$port" <<'END' || fail "the other host gets no port"
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.1.0.2", 0))
s.settimeout(3)
p = int(sys.argv[1])
s.sendto(struct.pack(">BBHHHI", 0, 1, 0, p, p, 600), ("10.1.0.1", 5351))
sys.exit(0 if s.recv(16)[3] == 0 else 1)
END
}
other_host_takes_it
home
eventually 5 is_why mapped || fail "port taken: $(why) $(as home network test)"
got=$(as home network test --json | field external)
[ "$got" != "21.0.0.2:$port" ] || fail "the port of another host was taken over"
says "forwards UDP port ${got##*:} to it"
echo "port taken by another host: got another one"
halt home
upnpd_stop
flush

# UPnP instead: the same
upnpd_conf yes yes
upnpd_start || fail "miniupnpd does not start"
other_host_takes_it
home --pcp no --nat-pmp no
eventually 8 is_why mapped || fail "port taken, UPnP: $(why) $(as home network test)"
[ "$(as home network test --json | field external)" != "21.0.0.2:$port" ] ||
	fail "the port of another host was taken over by UPnP"
echo "port taken by another host, UPnP: got another one"
halt home
upnpd_stop
flush

# two routers in series: the inner one is believed only if the world sees its address
ip -n r link del wan
ip netns add r2
ip -n r2 link set lo up
join r wan 10.9.0.2/24 r2 lan 10.9.0.1/24
join r2 wan 21.0.0.1/24 . net 21.0.0.100/24
ip -n r route replace default via 10.9.0.1
ip -n r2 route add default via 21.0.0.100
ip netns exec r2 sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
router_rules r2
upnpd_conf yes no # miniupnpd grants nothing with a private address outside
upnpd_start || fail "miniupnpd does not start"
home
eventually 8 is_why refused || fail "two routers: $(why) $(as home network test)"
halt home
upnpd_stop
upnpd_conf yes no ext_ip=21.0.0.77
upnpd_start || fail "miniupnpd does not start"
home
eventually 8 is_why differs || fail "two routers: $(why) $(as home network test)"
says "Others cannot reach this node directly: the router names another"
echo "two routers in series: said so"
halt home
upnpd_stop
flush

# a silent router: the search for UPnP blocks its own process and nobody else
home
turns() { # <seconds>
	python3 "$here/turns.py" "$dir/home.run/control.sock" "$dir/p1.run/control.sock" "$1"
}
is_why trying || fail "a silent router: $(why)"
# shellcheck disable=SC2046
set -- $(turns 4)
echo "while UPnP searches: $1 calls, answered in p50 $2 us, p99 $3 us" \
	"(a node that does not search, p99 $4 us)"
[ "$3" -le 5000 ] || [ "$3" -le $(($4 * 3)) ] || fail "the loop waits while UPnP searches"
eventually 12 is_why silent || fail "a silent router: $(why)"
says "the router opens no port on request"
halt home

# a hostile router: garbage on every port; whatever it says, nothing goes elsewhere
ip netns exec h nft -f - <<END
table inet watch {
	counter outside {
	}
	chain out {
		type filter hook output priority 0;
		oifname "lo" accept;
		meta l4proto icmpv6 accept;
		meta l4proto igmp accept;
		ip daddr { 10.1.0.1, 239.255.255.250 } accept;
		counter name outside;
	}
}
END
ip netns exec r "$KITH_BIN/e2e_igd" serve 10.1.0.1 "${KITH_SEED:-7}" &
hostile=$!
erase home # a node that knows nobody has nobody to write to
hints=
home
# shellcheck disable=SC2046
set -- $(turns 3)
as home network test >/dev/null || fail "the node is gone"
as home status --json >/dev/null || fail "the node is gone"
kill -KILL "$hostile"
wait "$hostile" 2>/dev/null || true
hostile=
outside=$(ip netns exec h nft list counter inet watch outside | awk '/packets/ { print $2 }')
answers=$(as home status --json | tr ',' '\n' | grep -o '"map\.[a-z]*": *[0-9]*' | tr '\n' ' ')
echo "hostile router: $answers; $1 calls, answered in p50 $2 us, p99 $3 us;" \
	"packets to elsewhere $outside"
[ "$outside" = 0 ] || fail "the node sent packets elsewhere"
halt home
! grep -i 'sanitizer\|assert' "$dir/home.log" || fail "the node has crashed"
