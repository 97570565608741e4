# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# Sourced by test.sh and demo.sh, or run as "sh cmake/deps.sh [build] [test]": installs what is
# missing from deps.txt for the groups named, and says so. On a system that is not Debian or its
# kin it prints the list and gives up.

deps_list() {
	for group in "$@"; do
		awk -v group="$group" '!/^#/ && $2 == group { print $1 }' deps.txt
	done
}

deps_missing() {
	for package in $(deps_list "$@"); do
		state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
		[ "$state" = installed ] || printf '%s ' "$package"
	done
}

# deps_install <group>..: returns 0 when everything is there, exits 2 when it cannot be.
deps_install() {
	if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
		echo "This is no Debian system. Please install what these Debian packages hold:" >&2
		deps_list "$@" | tr '\n' ' ' >&2
		echo >&2
		echo "then build by hand: cmake --workflow --preset dev" >&2
		exit 2
	fi
	missing=$(deps_missing "$@")
	[ -n "$missing" ] || return 0
	sudo=
	if [ "$(id -u)" != 0 ]; then
		if ! command -v sudo >/dev/null 2>&1; then
			echo "Missing Debian packages, and neither root nor sudo: $missing" >&2
			exit 2
		fi
		sudo=sudo
	fi
	echo "Installing Debian packages: $missing"
	log=$(mktemp)
	# shellcheck disable=SC2086
	if ! { $sudo apt-get update && $sudo env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		echo "The packages could not be installed." >&2
		exit 2
	fi
	rm -f "$log"
}

case ${0##*/} in
deps.sh)
	set -eu
	cd "$(dirname "$0")/.."
	[ $# -gt 0 ] || set -- build test
	deps_install "$@"
	;;
esac
