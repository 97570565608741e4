#!/bin/sh
# SPDX-License-Identifier: ISC
# nodiv.sh <objdump> <object file>..: no division instruction, whose time depends on its operands
# (KyberSlash), in any of the files; the planted one in ct_leaky.c must be seen.
set -eu
objdump=$1
shift
seen=no
bad=no
for object in "$@"; do
	divisions=$("$objdump" -d --no-show-raw-insn "$object" | awk '
		/^[0-9a-f]+ <.*>:$/ { name = $2; lines++ }
		$2 ~ /^(i?div[bwlq]?|[us]div)$/ { print name, $2 }
		END { if (!lines) print "no function in this file" }')
	case $object in
	*ct_leaky*) if [ -n "$divisions" ]; then seen=yes; fi ;;
	*)
		if [ -n "$divisions" ]; then
			echo "$object:"
			echo "$divisions"
			bad=yes
		fi
		;;
	esac
done
if [ "$seen" = no ]; then
	echo "the planted division was not seen"
	exit 1
fi
[ "$bad" = no ]
echo "no division in $(($# - 1)) files"
