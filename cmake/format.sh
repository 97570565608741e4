#!/bin/sh
# SPDX-License-Identifier: ISC
# format.sh format|format-check <clang-format>: over all tracked C files but the planted breaches.
set -eu
files=$(git ls-files '*.c' '*.h' | grep -v '^tests/tidy_bad/' || true)
[ -n "$files" ] || exit 0
case $1 in
format) echo "$files" | xargs "$2" -i ;;
format-check) echo "$files" | xargs "$2" --dry-run -Werror ;;
*) echo "usage: format.sh format|format-check CLANG_FORMAT" >&2; exit 2 ;;
esac
