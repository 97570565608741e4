# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# Sourced by the tests of port mapping: a home behind a router that runs Debian's miniupnpd, in
# network namespaces of this script, without root and without a way out.
#
#	home h (10.1.0.2) -- router r (nftables, miniupnpd) -- the open network (this namespace):
#	      (10.1.0.1)              (21.0.0.1)               peers 21.0.0.100, 31.0.0.100

# router_enter <script> <word..>: runs the script again where router_build may be called; skips
# where that is not possible.
router_enter() {
	[ -z "${KITH_ROUTER:-}" ] || return 0
	PATH=$PATH:/usr/sbin:/sbin
	for tool in unshare ip nft; do
		command -v $tool >/dev/null || skip "$tool is missing"
	done
	unshare -Urnm sh -c 'mount -t tmpfs none /run && mkdir -p /run/netns &&
		ip netns add probe && nft add table inet probe' >/dev/null 2>&1 ||
		skip "no user and network namespaces with nftables here"
	exec unshare -Urnm env KITH_ROUTER=1 PATH="$PATH" sh -c \
		'mount -t tmpfs none /run && mkdir -p /run/netns && exec "$@"' sh "$@"
}

# join <ns> <interface> <address/len> <ns> <interface> <address/len>: a wire; "." is here.
join() {
	a="-n $1" b="-n $4" far="netns $4"
	[ "$1" != . ] || a=
	[ "$4" != . ] || b= far="netns $$"
	# shellcheck disable=SC2086
	ip $a link add "$2" type veth peer name "$5" $far
	# shellcheck disable=SC2086
	ip $a addr add "$3" dev "$2" && ip $a link set "$2" up
	# shellcheck disable=SC2086
	ip $b addr add "$6" dev "$5" && ip $b link set "$5" up
}

router_build() {
	ip link set lo up
	ip addr add 31.0.0.100/32 dev lo
	ip netns add r && ip netns add h || return 1
	ip -n r link set lo up && ip -n h link set lo up
	join r wan 21.0.0.1/24 . net 21.0.0.100/24
	join r lan 10.1.0.1/24 h eth0 10.1.0.2/24
	ip -n r route add default via 21.0.0.100
	ip -n h route add default via 10.1.0.1
	ip netns exec r sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	router_rules r
}

# router_rules <ns>: NAT and a firewall, with the chains that miniupnpd fills.
router_rules() {
	ip netns exec "$1" nft -f - <<END
table inet filter {
	chain input {
		type filter hook input priority 0;
		iifname "wan" ct state new drop;
	}
	chain forward {
		type filter hook forward priority 0;
		ct state established,related accept;
		jump miniupnpd;
		iifname "wan" drop;
	}
	chain miniupnpd {
	}
	chain prerouting {
		type nat hook prerouting priority -100;
		jump prerouting_miniupnpd;
	}
	chain postrouting {
		type nat hook postrouting priority 100;
		jump postrouting_miniupnpd;
		oifname "wan" masquerade;
	}
	chain prerouting_miniupnpd {
	}
	chain postrouting_miniupnpd {
	}
}
END
}

# upnpd_conf <pcp and nat-pmp: yes|no> <upnp: yes|no> [line..]: the file of the daemon.
upnpd_conf() {
	cat >"$dir/upnpd.conf" <<END
ext_ifname=wan
listening_ip=lan
enable_natpmp=$1
enable_upnp=$2
secure_mode=yes
system_uptime=no
min_lifetime=10
max_lifetime=86400
uuid=b348bb23-b029-4e5b-abcd-e33b1047b62b
allow 1024-65535 10.1.0.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
END
	shift 2
	for line in "$@"; do
		echo "$line" >>"$dir/upnpd.conf"
	done
}

upnpd_start() {
	ip netns exec r miniupnpd -d -f "$dir/upnpd.conf" -P "$dir/upnpd.pid" \
		>>"$dir/upnpd.txt" 2>&1 &
	upnpd=$!
	eventually 5 grep -q "listening on\|Listening\|HTTP listening\|NAT-PMP" "$dir/upnpd.txt"
}

upnpd_stop() {
	[ -n "${upnpd:-}" ] || return 0
	kill "$upnpd" 2>/dev/null || true
	wait "$upnpd" 2>/dev/null || true
	upnpd=
}

# forwards <port>: the router leads this outer UDP port to the home.
forwards() {
	ip netns exec r nft list chain inet filter prerouting_miniupnpd | grep -q "dport $1 dnat"
}
