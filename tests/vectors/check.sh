#!/bin/sh
# SPDX-License-Identifier: ISC
# Every vector file is byte for byte what the model in Python makes; it can be checked by hand with selfcheck.py.
set -eu
cd "$(dirname "$0")"
if ! command -v python3 >/dev/null 2>&1; then
	echo "skipped: python3 is missing"
	exit 77
fi
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
python3 model/gen_all.py --check
