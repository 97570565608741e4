/* SPDX-License-Identifier: ISC */
/* Who may do what: the tables of tests/tidy.c. In a list, "x/" and "x*" match by prefix. */
#ifndef KITH_TESTS_TIDY_TABLES_H
#define KITH_TESTS_TIDY_TABLES_H

#include <stddef.h>

/* The rules; the name is also the folder of its planted breach in tests/tidy_bad. */
#define RULES(X) \
	X(INCLUDE, "include") \
	X(FOREIGN, "foreign") \
	X(CALL, "call") \
	X(FILE, "file-length") \
	X(HEADER, "header-length") \
	X(FUNCTION, "function-length") \
	X(LINE, "line-length") \
	X(SPACE, "space") \
	X(CONTROL, "control") \
	X(BIDI, "bidi") \
	X(ASCII, "ascii") \
	X(HOST, "host") \
	X(LATER, "later") \
	X(SPDX, "spdx") \
	X(COMMENT, "comment") \
	X(DOCS, "docs") \
	X(LABEL, "label") \
	X(LIMIT, "limit") \
	X(DEFAULT, "default") \
	X(NAME, "name") \
	X(PARAMS, "params") \
	X(DEAD, "dead-code") \
	X(DECODE, "decode") \
	X(FLOAT, "float") \
	X(STATE, "state") \
	X(STALE, "allow-stale")

enum rule {
#define X(id, name) R_##id,
	RULES(X)
#undef X
		RULE_COUNT
};

static const char *const rule_names[RULE_COUNT] = {
#define X(id, name) name,
	RULES(X)
#undef X
};

/* The include table of docs/architecture.md 1; a folder may always include its own files. */
static const struct {
	const char *folder, *own, *kith; /* own: folders, kith: headers */
} include_table[] = {
	{"base", "base", ""},
	{"dht", "dht", "base/"},
	{"net", "net", "base/"},
	{"net/uv", "net/uv", "base/"},
	{"net/portmap", "net/portmap", "base/"},
	{"store", "store", "base/"},
	{"node", "node", "base/ dht/dht.h net/net.h store/store.h"},
	{"node/control", "node/control", "base/ node/node.h"},
	{"node/kithd", "node/kithd",
	 "base/ node/node.h node/control/control.h net/uv/driver.h store/store.h"},
	{"sim", "sim",
	 "base/ dht/dht.h net/net.h store/store.h node/node.h node/control/control.h"},
	{"client", "client", "base/"},
	{"client/web", "client", "base/"},
	{"tests", "tests", "base/"},
	{"tests/selftest", "tests", ""},
	{"tests/unit/base", "tests", "base/"},
	{"tests/ct", "tests", "base/"},
	{"tests/unit/dht", "tests", "base/ dht/"},
	{"tests/unit/net", "tests", "base/ net/"},
	{"tests/unit/net_uv", "tests", "base/ net/uv/"},
	{"tests/unit/net_portmap", "tests", "base/ net/portmap/"},
	{"tests/unit/store", "tests", "base/ store/ tests/bench/kith_bench.h"},
	{"tests/unit/node", "tests",
	 "base/ node/ dht/dht.h net/net.h store/store.h tests/unit/store/disk.h tests/sim/town.h"},
	{"tests/unit/node_control", "tests", "base/ node/control/ node/node.h"},
	{"tests/unit/node_kithd", "tests", "base/ node/kithd/"},
	{"tests/unit/sim", "tests", "base/ sim/"},
	{"tests/unit/client", "tests", "base/ client/"},
};

/* Tests of several layers may include anything but another folder's internal.h. */
#define FREE_TESTS "tests/sim* tests/fuzz* tests/break* tests/bench* tests/e2e* tests/ct*"
/* Headers that are lists and may be longer than 120 lines. */
#define ALLOW_LONG "base/limits.h base/labels.h"

/* Third-party headers and sockets: who may include them (paths). */
static const struct {
	const char *headers, *users;
} foreign_table[] = {
	{"sodium.h sodium/", "base/crypto* base/arena.c"},
	{"valgrind/", "tests/ct/"},
	{"malloc.h", "base/alloc.c node/kithd/run.c"},
	{"uv.h uv/", "net/uv/ node/kithd/"},
	{"sqlite3.h", "store/"},
	{"jansson.h", "node/control/ client/"},
	{"qrencode.h", "node/control/qr.c"},
	{"microhttpd.h", "node/kithd/"},
	{"miniupnpc/", "net/portmap/"},
	{"mpi.h", "sim/mpi.c"},
	{"netdb.h", "client/ net/portmap/guard.c"},
	{"sys/socket.h sys/un.h netinet/ arpa/inet.h net/if.h ifaddrs.h poll.h linux/netlink.h "
	 "linux/rtnetlink.h linux/udp.h linux/errqueue.h linux/if_addr.h sys/epoll.h",
	 "net/uv/ net/portmap/ node/kithd/ client/"},
	{"linux/landlock.h linux/seccomp.h linux/filter.h linux/audit.h sys/prctl.h sys/syscall.h",
	 "node/kithd/ net/portmap/"},
};

#define PURE_HEADERS \
	"stdbool.h stddef.h stdint.h stdalign.h stdarg.h stdlib.h string.h inttypes.h limits.h"
#define LIBC_HEADERS \
	PURE_HEADERS " assert.h ctype.h errno.h fcntl.h signal.h stdio.h time.h unistd.h " \
		     "dirent.h pthread.h termios.h pwd.h grp.h locale.h wchar.h wctype.h " \
		     "langinfo.h getopt.h sched.h stdatomic.h stdnoreturn.h immintrin.h " \
		     "cpuid.h endian.h math.h sys/"

#define ENGINES "dht net node"
/* Folders whose code includes nothing but PURE_HEADERS. */
#define PURE_FOLDERS "dht net node node/control"
#define DRIVERS      "net/uv/ net/portmap/ node/kithd/ client/ tests/"
#define PROGRAMS     DRIVERS " sim/"

/* Calls (whole names, "x*" by prefix) and the only files that may make them. */
static const struct {
	const char *names, *users, *why;
} call_table[] = {
	{"time clock clock_gettime gettimeofday", DRIVERS " sim/main.c sim/out_* sim/parallel.c",
	 "time is an argument"},
	{"rand srand random srandom drand48 arc4random* getrandom getentropy randombytes_* "
	 "crypto_box_seal crypto_box_keypair crypto_sign_keypair crypto_kx_keypair",
	 DRIVERS " base/crypto* base/rng.c", "randomness is an argument"},
	{"sleep usleep nanosleep clock_nanosleep", "", "nothing waits by the clock"},
	{"malloc calloc realloc reallocarray free strdup strndup aligned_alloc posix_memalign",
	 "base/alloc.c base/alloc_* tests/", "memory comes from kith_alloc"},
	{"printf fprintf vprintf vfprintf puts fputs putchar syslog vsyslog perror dprintf",
	 PROGRAMS " base/panic.c base/types.c", "engines do not print"},
	{"sprintf vsprintf strcpy stpcpy strcat strncpy strncat gets strtok strtok_r atoi atol "
	 "atoll system popen alloca setjmp sigsetjmp longjmp",
	 "", "banned everywhere"},
	{"fork vfork", "net/portmap/ node/kithd/portmap.c client/up.c tests/", "few may fork"},
	{"pthread_create pthread_mutex_* pthread_cond_* pthread_rwlock_* thrd_* mtx_* uv_thread_* "
	 "uv_queue_work uv_mutex_* uv_cond_* uv_rwlock_* uv_sem_*",
	 "net/uv/worker.c sim/parallel.c tests/", "threads live in the workers"},
};

/* Further nouns that a folder exports: kith_<noun>. */
static const struct {
	const char *folder, *names;
} noun_table[] = {
	{"dht", "kith_peerbook_*"},
	{"net", "kith_mapping_*"},
	{"net/uv", "kith_driver_*"},
	{"store", "kith_profile_* kith_op kith_op_* kith_rows_*"},
	{"sim", "sim_*"}, /* sim.h is private to one program: nothing links against these names */
};

#define MEMCMP_BANNED "base/crypto* net/handshake* node/ratchet* node/envelope*"
/* Compares with public known answers. */
#define MEMCMP_FINE "base/crypto_selftest.c"
#define ERRNO_USERS \
	"net/uv/ net/portmap/ node/kithd/ store/ client/ sim/ tests/ base/arena.c base/panic.c"
#define FLOAT_BANNED  "base dht net store node node/control"
#define STATE_BANNED  "dht net store node node/control"
#define DECODE_BANNED "dht net node"

/* Where options, environment variables and commands of programs are written. */
#define OPTION_FILES "node/kithd/ client/ sim/ net/portmap/"

static const char top_domains[] =
	"com org net edu gov io de ch fr uk eu nl ru cn jp se pl cz xyz biz onion";
static const char hosts_allowed[] =
	"example.com example.org example.net www.example.com www.w3.org";

static const char bad_names[] = "util.c utils.c common.c misc.c helper.c helpers.c util.h utils.h "
				"common.h misc.h helper.h helpers.h";

#endif
