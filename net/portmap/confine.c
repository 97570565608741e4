/* SPDX-License-Identifier: ISC */
/*
 * What a child may use: little memory and time, no files, no programs, no other processes; of the
 * system's calls those below. A call that is not listed ends the child. Opening a file and sockets
 * of other families fail politely, because the library tries both and goes on without.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "net/portmap/internal.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define INSTRUMENTED 1 /* shadow memory and a tracer need more than is allowed here */
#else
#define INSTRUMENTED 0
#endif

#define MIB         ((rlim_t)1 << 20)
#define LIMIT_AS    (128 * MIB)
#define LIMIT_DATA  (8 * MIB) /* so that no answer, however long, makes the child a big one */
#define LIMIT_CPU_S 10
#define LIMIT_FILES 32

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0
#endif

#define LOAD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define RETURN(v)   BPF_STMT(BPF_RET | BPF_K, (v))
#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), RETURN(SECCOMP_RET_ALLOW)
#define REFUSE(call, error) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), RETURN(SECCOMP_RET_ERRNO | (error))
/* Memory may be asked for, but never to be executed. */
#define ALLOW_DATA(call) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 4), LOAD(args[2]), \
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1), \
		RETURN(SECCOMP_RET_KILL_PROCESS), RETURN(SECCOMP_RET_ALLOW)

static bool limit(int what, rlim_t value)
{
	struct rlimit r = {value, value};

	return setrlimit((__rlimit_resource_t)what, &r) == 0;
}

static bool filter(void)
{
	static const struct sock_filter code[] = {
		LOAD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
		RETURN(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		ALLOW_DATA(mmap),
		ALLOW_DATA(mprotect),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 4),
		LOAD(args[0]),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 1, 0),
		RETURN(SECCOMP_RET_ERRNO | EAFNOSUPPORT),
		RETURN(SECCOMP_RET_ALLOW),
		REFUSE(openat, EACCES),
		ALLOW(read),
		ALLOW(write),
		ALLOW(close),
		ALLOW(connect),
		ALLOW(bind),
		ALLOW(sendto),
		ALLOW(recvfrom),
		ALLOW(setsockopt),
		ALLOW(getsockopt),
		ALLOW(getsockname),
		ALLOW(shutdown),
		ALLOW(ppoll),
		ALLOW(pselect6),
#ifdef SYS_poll
		ALLOW(poll),
#endif
#ifdef SYS_select
		ALLOW(select),
#endif
		ALLOW(fcntl),
		REFUSE(ioctl, ENOTTY), /* by perror, as the next two */
		ALLOW(dup),
		ALLOW(lseek),
		ALLOW(newfstatat),
		ALLOW(fstat),
		ALLOW(munmap),
		ALLOW(mremap),
		ALLOW(madvise),
		ALLOW(brk),
		ALLOW(futex),
		ALLOW(clock_gettime),
		ALLOW(gettimeofday),
		ALLOW(getrandom),
		ALLOW(getpid),
		ALLOW(gettid),
		ALLOW(tgkill),
		ALLOW(rt_sigprocmask),
		ALLOW(rt_sigaction),
		ALLOW(rt_sigreturn),
		ALLOW(restart_syscall),
		ALLOW(exit),
		ALLOW(exit_group),
		RETURN(SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0])};

	/* the kernel reads it only, though its type does not say so */
	__builtin_memcpy(&program.filter, &(const struct sock_filter *){code}, sizeof(void *));
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

bool kith__portmap_confine(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !limit(RLIMIT_CORE, 0) ||
	    !limit(RLIMIT_FSIZE, 0) || !limit(RLIMIT_CPU, LIMIT_CPU_S) ||
	    !limit(RLIMIT_NOFILE, LIMIT_FILES))
		return false;
	if (INSTRUMENTED)
		return true;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || !limit(RLIMIT_AS, LIMIT_AS) ||
	    !limit(RLIMIT_DATA, LIMIT_DATA))
		return false;
	return ARCH == 0 || filter();
}
