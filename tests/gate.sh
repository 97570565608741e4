#!/bin/sh
# SPDX-License-Identifier: ISC
# The gate: cheapest step first, one line per step, stops at the first failure.
#	tests/gate.sh [--quick] [--from <step>] [--list]
set -eu
cd "$(dirname "$0")/.."

quick= from= list=
while [ $# -gt 0 ]; do
	case $1 in
	--quick) quick=1 ;;
	--from) from=${2:?--from needs the name of a step}; shift ;;
	--list) list=1 ;;
	*) echo "usage: gate.sh [--quick] [--from STEP] [--list]" >&2; exit 2 ;;
	esac
	shift
done

mkdir -p build
log=build/gate.log
begin=$(date +%s)
jobs=$(nproc 2>/dev/null || echo 2)
export CTEST_PARALLEL_LEVEL="$jobs" CTEST_OUTPUT_ON_FAILURE=1

# step <name> <what a failure means> <command>..
step() {
	name=$1 sense=$2
	shift 2
	if [ -n "$list" ]; then
		printf '%-14s %s\n' "$name" "$*"
		return
	fi
	if [ -n "$from" ]; then
		[ "$from" = "$name" ] || return 0
		from=
	fi
	start=$(date +%s)
	if "$@" >"$log" 2>&1; then
		skips=$(grep -Ec '^ *[0-9]+/[0-9]+ Test .*Skipped' "$log" || true)
		note=
		[ "$skips" = 0 ] || note=" ($skips skipped)"
		printf 'ok   %-14s %4d s%s\n' "$name" $(($(date +%s) - start)) "$note"
	else
		printf 'FAIL %-14s %4d s\n' "$name" $(($(date +%s) - start))
		tail -n 60 "$log"
		echo "gate: step $name failed: $sense. Full output: $log; go on with --from $name"
		exit 1
	fi
}

build() {
	cmake --preset "$1" && cmake --build --preset "$1"
}

# labels <preset> <regular expression>: the tests of these labels; none at all is a failure.
labels() {
	ctest --preset "$1" -L "$2" --no-tests=error
}

# As labels, for labels that a young tree may not have yet.
labels_if_any() {
	ctest --preset "$1" -L "$2" --no-tests=ignore
}

# Everything but what an earlier step ran, what the optimised build runs, and soak. Without the
# preset: of two exclusions ctest leaves out only what both name.
all_others() {
	ctest --test-dir "build/$1" -LE '^(tidy|unit|e2e|soak)$' --no-tests=ignore
}

format_check() {
	if command -v clang-format >/dev/null 2>&1; then
		cmake/format.sh format-check clang-format
	fi
}

# The sources alone; what the archives call is seen after the build, in dev-unit.
tidy_first() {
	cmake --preset dev && cmake --build --preset dev --target tidy &&
		ctest --preset dev -R '^tidy\.(tree|selftest)$' --no-tests=error
}

# What has threads: the worker's tests, and programs that chat, crash and meet bad input.
threads() {
	ctest --test-dir build/tsan -R '^(worker\.|e2e\.0[1-5]_)' --no-tests=error
}

staged_install() {
	rm -rf build/stage
	DESTDIR=$PWD/build/stage cmake --install build/release --prefix /usr
	for file in bin/kith sbin/kithd sbin/kith-portmap bin/kith-sim share/man/man1/kith.1 \
		share/man/man8/kith-portmap.8 \
		share/man/man1/kith-sim.1 share/man/man8/kithd.8 share/man/man5/kithd.conf.5; do
		[ -s "build/stage/usr/$file" ] || { echo "not installed: $file"; return 1; }
	done
	[ -n "$(find build/stage/usr -name kithd.conf.example)" ] || return 1
	build/stage/usr/bin/kith --version && build/stage/usr/sbin/kithd --version
}

fresh_sim() {
	[ -x build/release/bin/kith-sim ] && [ -x tests/sim/fresh.sh ] || return 0
	KITH_BIN=$PWD/build/release/bin tests/sim/fresh.sh
}

docs() {
	if command -v mandoc >/dev/null 2>&1; then
		find docs/man man -name '*.[1-8]' 2>/dev/null | xargs -r mandoc -Tlint -Werror
	fi
	tests/links.sh
}

step format 'some file is not as clang-format 14 writes it (cmake --build build/dev -t format)' \
	format_check
step tidy 'a house rule is broken, each named above as file:line: rule' tidy_first
step dev-build 'gcc does not build the tree without warnings' build dev
step dev-unit 'a unit test fails' labels dev '^(tidy|unit)$'
if [ -z "$quick" ]; then
	step dev-all 'a test fails with gcc' all_others dev
	step clang-build 'clang does not build the tree without warnings' build dev-clang
	step clang-quick 'a unit test fails with clang' labels dev-clang '^(tidy|unit)$'
	step asan-build 'the sanitized build fails' build asan
	step asan-test 'a sanitizer or a test under it complains' \
		labels_if_any asan '^(unit|sim|fault|fuzz|attack)$'
	step release-build 'the optimised build warns or fails' build release
	step release-test 'a test fails in the optimised build' \
		labels_if_any release '^(tidy|sim|e2e|count)$'
	step install 'the staged install fails' staged_install
	step tsan-build 'the build for the thread sanitizer fails' build tsan
	step tsan-test 'the thread sanitizer complains' threads
	step sim-fresh 'a fresh seed fails, or the result depends on the number of threads' \
		fresh_sim
	step docs 'a manual page or a link in docs is wrong' docs
fi
[ -n "$list" ] || echo "gate: all steps passed in $(($(date +%s) - begin)) s"
