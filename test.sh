#!/bin/sh
# SPDX-License-Identifier: ISC
# Installs what is missing, then runs the gate: every check that a change must pass.
#	./test.sh           all steps, under 20 minutes on 2 cores
#	./test.sh --quick   style, build with gcc, unit tests
set -eu
cd "$(dirname "$0")"
. cmake/deps.sh
deps_install build test
exec tests/gate.sh "$@"
