#!/bin/sh
# SPDX-License-Identifier: ISC
# tidy.sh <tidy> [--selftest]: lists the files of the tree (outside a repository: all) for tidy.
set -eu
cd "$(dirname "$0")/.."
tidy=$1
shift
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
	git ls-files --cached --others --exclude-standard
else
	find . -type f ! -path './build/*' ! -path './.git/*' | sed 's,^\./,,'
fi | sort | "$tidy" "$@"
