# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# Sourced by the demo: two homes behind routers of their own in network namespaces, without root.
#
#	home a (10.1.0.2) - router a (nftables, masquerade) - wire 20 ms -+
#	                                                                  +- the open network: peers
#	home b (10.2.0.2) - router b (nftables, masquerade) - wire 20 ms -+
#
# A wire is e2e_wire, as netem is often missing: 20 ms each way, so 40 ms to a peer and back.

# homes_possible: 0 when all of it can be had here, else says what is missing.
homes_possible() {
	for tool in unshare ip nft; do
		command -v $tool >/dev/null || PATH=$PATH:/usr/sbin:/sbin
		command -v $tool >/dev/null || {
			echo "$tool is missing"
			return 1
		}
	done
	unshare -Urnm sh -c 'mount -t tmpfs none /run && mkdir -p /run/netns &&
		ip netns add probe && nft add table ip probe && ip tuntap add dev probe mode tun' \
		>/dev/null 2>&1 || {
		echo "no user and network namespaces with nftables and TUN here"
		return 1
	}
}

# homes_enter <script> <word..>: runs the script again inside, where homes_build may be called.
homes_enter() {
	exec unshare -Urnm env KITH_HOMES=1 PATH="$PATH" sh -c \
		'mount -t tmpfs none /run && mkdir -p /run/netns && exec "$@"' sh "$@"
}

# homes_build: the open network is this namespace; sets wires (process ids).
homes_build() {
	wires=
	ip link set lo up
	echo 1 >/proc/sys/net/ipv4/ip_forward
	for i in 1 2 3 4 5; do
		ip addr add "$((10 + i)).0.0.1/32" dev lo
	done
	home a 1 21.0.0.1 || return 1
	home b 2 22.0.0.1
}

home() { # <letter> <number> <outer address>
	ip netns add "r$1" && ip netns add "h$1" || return 1
	: >"$dir/wire.$1"
	"$KITH_BIN/e2e_wire" 20 /proc/self/ns/net "w$1" "/run/netns/r$1" wan >"$dir/wire.$1" &
	wires="$wires $!"
	eventually 5 grep -q ready "$dir/wire.$1" || return 1
	ip addr add "20.0.0.$2" peer "$3" dev "w$1" && ip link set "w$1" up
	ip -n "r$1" addr add "$3" peer "20.0.0.$2" dev wan && ip -n "r$1" link set wan up
	ip -n "r$1" route add default via "20.0.0.$2"
	ip link add "l$1" netns "r$1" type veth peer name eth0 netns "h$1"
	ip -n "r$1" addr add "10.$2.0.1/24" dev "l$1" && ip -n "r$1" link set "l$1" up
	ip -n "h$1" addr add "10.$2.0.2/24" dev eth0 && ip -n "h$1" link set eth0 up
	ip -n "h$1" link set lo up
	ip -n "h$1" route add default via "10.$2.0.1"
	ip netns exec "r$1" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	# without the input rule an early packet would reach the router itself and cost the port
	ip netns exec "r$1" nft -f - <<END
table ip nat {
	chain post {
		type nat hook postrouting priority 100;
		oifname "wan" masquerade;
	}
	chain pre {
		type nat hook prerouting priority -100;
	}
}
table ip filter {
	chain input {
		type filter hook input priority 0;
		iifname "wan" ct state new drop;
	}
	chain forward {
		type filter hook forward priority 0;
		iifname "wan" ct state new ct status dnat accept;
		iifname "wan" ct state new drop;
	}
}
END
}

# homes_forward <letter> <number> <port>: this router forwards one UDP port to its home.
homes_forward() {
	ip netns exec "r$1" nft add rule ip nat pre iifname wan udp dport "$3" \
		dnat to "10.$2.0.2:$3"
}
