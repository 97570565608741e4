#!/bin/sh
# SPDX-License-Identifier: ISC
# Every relative link in a tracked Markdown page leads to a file.
set -eu
cd "$(dirname "$0")/.."
bad=0
for page in $(git ls-files '*.md'); do
	links=$(grep -o '](\([^)]*\))' "$page" | sed 's/^](//; s/)$//; s/#.*//') || true
	for link in $links; do
		case $link in *://*) continue ;; esac
		if [ ! -e "$(dirname "$page")/$link" ]; then
			echo "$page: no such file: $link"
			bad=1
		fi
	done
done
exit $bad
