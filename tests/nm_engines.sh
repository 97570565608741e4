#!/bin/sh
# SPDX-License-Identifier: ISC
# Goal: the engines reach neither clocks, entropy, sockets, files, output nor libm, whatever their
# sources say.
#	nm_engines.sh <archive>..     archives of engines; a missing one fails
#	nm_engines.sh --selftest <archive with forbidden calls>
set -eu

self=
[ "${1-}" != --selftest ] || { self=1; shift; }
[ $# -gt 0 ] || { echo "no engine is defined yet"; exit 77; }

# Fortified and 64-bit names (__printf_chk, fopen64) are the same calls.
words='time|clock|clock_gettime|clock_nanosleep|gettimeofday|sleep|usleep|nanosleep|timerfd_.*
rand|srand|random|srandom|rand_r|drand48|getrandom|getentropy|arc4random.*|randombytes.*
socket|bind|connect|listen|accept4?|send|sendto|sendm?msg|recv|recvfrom|recvm?msg|poll|ppoll|select
epoll_.*|getaddrinfo|setsockopt|open|openat|creat|fopen|fdopen|freopen|read|pread|write|pwrite|close
fsync|fdatasync|mmap|unlink|rename|stat|fstat|mkdir|ioctl|getenv|secure_getenv|system|popen|fork
v?printf|v?fprintf|v?dprintf|puts|fputs|putchar|putc|fputc|fwrite|fread|perror|v?syslog
std(in|out|err)
uv_.*|sqlite3_.*|pthread_.*|thrd_.*|crypto_.*_keypair|crypto_box_seal
sqrtf?|powf?|expm?1?f?|exp2|log|logf|log2|log10|log1p|sinf?|cosf?|tanf?|floorf?|ceilf?|roundf?|fmod'
pattern="^(__)?($(echo "$words" | tr '\n' '|'))(_chk|64|_2)?(@.*)?$"

bad=0
for archive in "$@"; do
	if [ ! -f "$archive" ]; then
		echo "$archive: the target is defined, but its archive is missing"
		exit 1
	fi
	# Sanitizers and coverage bring calls of their own under other names (__asan_.., __gcov_..).
	found=$(nm -u "$archive" 2>/dev/null | awk 'NF == 2 && $1 == "U" { print $2 }' | sort -u |
		grep -E "$pattern" || true)
	for name in $found; do
		echo "${archive##*/}: undefined $name"
		bad=1
	done
done
if [ -n "$self" ]; then
	for want in clock_gettime getrandom socket printf open log uv_now sqlite3_step; do
		echo "$found" | grep -Eq "^(__)?$want(_chk|_2|64)?$" ||
			{ echo "selftest: $want went unseen"; exit 1; }
	done
	for fine in memcpy snprintf kith_open; do
		! echo "$found" | grep -qx "$fine" || { echo "selftest: $fine refused"; exit 1; }
	done
	exit 0
fi
exit $bad
