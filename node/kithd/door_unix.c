/* SPDX-License-Identifier: ISC */
/*
 * The Unix socket (client.md 3.1). Directory 0700 and ours, umask set before bind, the peer's uid
 * checked before a byte is read or written. A stale name is removed only while the profile's lock
 * is held and nobody answers on it. libuv's pipes take no files from a client, so bytes and
 * descriptors are read with recvmsg from a second descriptor of the same socket. Bytes go to
 * kith_control_feed and come from kith_control_reply; what a slow client has not taken waits in its
 * own bounded queue, then it is closed.
 *
 * Connection: open -> (reading <-> paused) -> ending (last reply leaves) -> closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "node/kithd/internal.h"

#define BACKLOG      16
#define LINGER_MS    10000u /* answers still go to a client that only ended its own side */
#define PASSES       8u     /* of writing and reading on, in one turn */
#define RESUME_BELOW 65536u /* a paused client is read again when less than this waits */

struct conn {
	struct kithd *k;
	uv_pipe_t pipe;   /* writes */
	uv_poll_t poll;   /* reads, from read_fd */
	int read_fd;      /* -1 = none */
	unsigned handles; /* open ones of the two */
	uint32_t caller;
	bool used, known; /* known: control has this caller */
	bool paused, ending;
	uint64_t half_at; /* loop ms at which the client ended its side; 0 = has not */
};

struct kith__kithd_door {
	uv_pipe_t listen;
	uv_timer_t linger;
	bool listening;
	struct conn conn[KITH_CONTROL_CALLERS_MAX];
	uint8_t in[65536];
};

/* A queued write with its bytes behind it. */
struct pending {
	uv_write_t write; /* first */
	struct conn *conn;
};

static void on_closed(uv_handle_t *h)
{
	struct conn *c = h->data;

	if (h == (uv_handle_t *)&c->poll) {
		(void)close(c->read_fd);
		c->read_fd = -1;
	}
	if (--c->handles == 0)
		c->used = false;
}

static void conn_close(struct conn *c)
{
	if (!c->used || uv_is_closing((uv_handle_t *)&c->pipe))
		return;
	if (c->known)
		kith_control_close(c->k->control, c->caller);
	c->known = false;
	if (c->read_fd >= 0)
		uv_close((uv_handle_t *)&c->poll, on_closed);
	uv_close((uv_handle_t *)&c->pipe, on_closed);
}

/* ---- reading ---- */

static void on_linger(uv_timer_t *t)
{
	struct kithd *k = t->data;
	uint64_t now = uv_now(&k->loop), left = LINGER_MS;
	bool more = false;

	for (unsigned i = 0; i < KITH_CONTROL_CALLERS_MAX; i++) {
		struct conn *c = &k->door->conn[i];

		if (!c->used || c->half_at == 0)
			continue;
		if (now - c->half_at >= LINGER_MS) {
			conn_close(c);
			continue;
		}
		more = true;
		if (LINGER_MS - (now - c->half_at) < left)
			left = LINGER_MS - (now - c->half_at);
	}
	if (more)
		(void)uv_timer_start(t, on_linger, left, 0);
}

/* The client sends no more. One that has gone is closed; one that still reads gets its answers. */
static void conn_half(struct conn *c, bool orderly)
{
	struct pollfd p = {.events = 0};
	uv_os_fd_t fd;

	if (!orderly || uv_fileno((const uv_handle_t *)&c->pipe, &fd) != 0) {
		conn_close(c);
		return;
	}
	p.fd = fd;
	if (poll(&p, 1, 0) != 0) {
		conn_close(c);
		return;
	}
	(void)uv_poll_stop(&c->poll);
	c->half_at = uv_now(&c->k->loop);
	if (!uv_is_active((uv_handle_t *)&c->k->door->linger))
		(void)uv_timer_start(&c->k->door->linger, on_linger, LINGER_MS, 0);
}

/* The first descriptor that came along goes to the control object, all others are closed. */
static void take_descriptors(struct conn *c, struct msghdr *m)
{
	bool first = true;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
		size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(fd));
			if (first && (m->msg_flags & MSG_CTRUNC) == 0)
				kith_control_descriptor(c->k->control, c->caller, fd);
			else
				(void)close(fd);
			first = false;
		}
	}
}

static void on_readable(uv_poll_t *h, int poll_status, int events)
{
	struct conn *c = h->data;
	struct kithd *k = c->k;
	_Alignas(struct cmsghdr) uint8_t aside[CMSG_SPACE(2 * sizeof(int))];
	struct iovec part = {k->door->in, sizeof(k->door->in)};
	struct msghdr m = {.msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = aside,
			   .msg_controllen = sizeof(aside)};
	ssize_t n;
	int status;

	(void)events;
	n = poll_status == 0 ? recvmsg(c->read_fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) : -1;
	if (n < 0 && poll_status == 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_half(c, n == 0);
		return;
	}
	take_descriptors(c, &m);
	status = kith_control_feed(k->control, c->caller, k->door->in, (size_t)n,
				   kith_driver_now(k->driver));
	kith_wipe(k->door->in, (size_t)n); /* a passphrase may have passed */
	if (status != KITH_OK) {
		c->paused = true;
		c->ending = status != KITH_E_FULL;
		(void)uv_poll_stop(&c->poll);
	}
	kith_driver_kick(k->driver);
}

static void read_on(struct conn *c)
{
	(void)uv_poll_start(&c->poll, UV_READABLE, on_readable);
}

/* ---- writing ---- */

static void on_written(uv_write_t *w, int status)
{
	struct pending *p = (struct pending *)(void *)w;
	struct conn *c = p->conn;
	bool open = c->used && !uv_is_closing((uv_handle_t *)&c->pipe);

	if (open && c->known)
		kith_control_backlog(c->k->control, c->caller,
				     uv_stream_get_write_queue_size((uv_stream_t *)&c->pipe));
	if (open && status != 0)
		conn_close(c);
	else if (open)
		kith_driver_kick(c->k->driver); /* a paused client or subscription goes on */
	kith_alloc_free(NULL, p);
}

static void queue(struct conn *c, const uint8_t *data, size_t len)
{
	struct pending *p;
	uv_buf_t buf;

	if (uv_stream_get_write_queue_size((uv_stream_t *)&c->pipe) + len > KITH_DOOR_BUFFER_MAX) {
		conn_close(c);
		return;
	}
	p = kith_alloc_zero(NULL, 1, sizeof(*p) + len);
	if (p == NULL) {
		conn_close(c);
		return;
	}
	p->conn = c;
	memcpy(p + 1, data, len);
	buf = uv_buf_init((char *)(p + 1), (unsigned)len);
	if (uv_write(&p->write, (uv_stream_t *)&c->pipe, &buf, 1, on_written) != 0) {
		kith_alloc_free(NULL, p);
		conn_close(c);
	}
}

/* Writes now what the socket takes and queues the rest. */
static void conn_write(struct conn *c, const uint8_t *data, size_t len)
{
	uv_stream_t *s = (uv_stream_t *)&c->pipe;
	uint8_t *bytes = c->k->door->in; /* libuv wants a buffer it may change */
	size_t part;
	uv_buf_t buf;
	int n;

	while (len > 0 && uv_stream_get_write_queue_size(s) == 0) {
		part = len < sizeof(c->k->door->in) ? len : sizeof(c->k->door->in);
		memcpy(bytes, data, part);
		buf = uv_buf_init((char *)bytes, (unsigned)part);
		n = uv_try_write(s, &buf, 1);
		if (n == UV_EAGAIN)
			break;
		if (n < 0) {
			conn_close(c);
			return;
		}
		data += n;
		len -= (size_t)n;
	}
	if (len > 0)
		queue(c, data, len);
	if (c->known)
		kith_control_backlog(c->k->control, c->caller, uv_stream_get_write_queue_size(s));
}

static struct conn *conn_of(struct kith__kithd_door *door, uint32_t caller)
{
	for (unsigned i = 0; i < KITH_CONTROL_CALLERS_MAX; i++)
		if (door->conn[i].used && door->conn[i].known && door->conn[i].caller == caller)
			return &door->conn[i];
	return NULL;
}

/* Reads a paused client again, or closes one whose last reply has left. */
static void conn_go_on(struct conn *c)
{
	size_t waits = uv_stream_get_write_queue_size((uv_stream_t *)&c->pipe);
	int status;

	if (c->ending) {
		if (waits == 0)
			conn_close(c);
		return;
	}
	if (waits >= RESUME_BELOW)
		return;
	status = kith_control_feed(c->k->control, c->caller, (const uint8_t *)"", 0,
				   kith_driver_now(c->k->driver));
	if (status == KITH_E_FULL)
		return;
	if (status != KITH_OK) {
		c->ending = true;
		kith_driver_kick(c->k->driver);
		return;
	}
	c->paused = false;
	if (c->half_at == 0)
		read_on(c);
}

/* Writes what is ready; false: nothing was. */
static bool write_replies(struct kithd *k)
{
	struct conn *c;
	const uint8_t *out;
	uint32_t caller;
	size_t len;
	bool any = false;

	while (kith_control_reply(k->control, &caller, &out, &len)) {
		any = true;
		c = conn_of(k->door, caller);
		if (c != NULL)
			conn_write(c, out, len);
	}
	return any;
}

void kith__kithd_door_turn(struct kithd *k)
{
	struct conn *c;
	bool some = true;

	if (k->door == NULL)
		return;
	/* reading on takes lines that waited, which may be answered at once */
	for (unsigned pass = 0; some && pass < PASSES; pass++) {
		(void)write_replies(k);
		for (unsigned i = 0; i < KITH_CONTROL_CALLERS_MAX; i++) {
			c = &k->door->conn[i];
			if (c->used && c->paused && !uv_is_closing((uv_handle_t *)&c->pipe))
				conn_go_on(c);
		}
		some = write_replies(k);
	}
	if (some)
		kith_driver_kick(k->driver);
}

/* ---- accepting ---- */

static bool is_owner(const uv_pipe_t *pipe)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	uv_os_fd_t fd;

	return uv_fileno((const uv_handle_t *)pipe, &fd) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && len == sizeof(cred) &&
	       cred.uid == geteuid();
}

static void refuse_closed(uv_handle_t *h)
{
	kith_alloc_free(NULL, h->data);
}

/* The second descriptor, for reading. */
static bool open_reader(struct conn *c)
{
	uv_os_fd_t fd;

	if (uv_fileno((const uv_handle_t *)&c->pipe, &fd) != 0)
		return false;
	c->read_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (c->read_fd < 0)
		return false;
	if (uv_poll_init(&c->k->loop, &c->poll, c->read_fd) != 0) {
		(void)close(c->read_fd);
		c->read_fd = -1;
		return false;
	}
	c->poll.data = c;
	c->handles++;
	return true;
}

/* Takes a connection that cannot be served and closes it without a byte. */
static void refuse(uv_stream_t *server)
{
	uv_pipe_t *pipe = kith_alloc_zero(NULL, 1, sizeof(*pipe));

	if (pipe == NULL)
		return;
	(void)uv_pipe_init(server->loop, pipe, 0);
	pipe->data = pipe;
	(void)uv_accept(server, (uv_stream_t *)pipe);
	uv_close((uv_handle_t *)pipe, refuse_closed);
}

static void on_connection(uv_stream_t *server, int status)
{
	struct kithd *k = server->data;
	struct conn *c = NULL;

	if (status != 0)
		return;
	for (unsigned i = 0; i < KITH_CONTROL_CALLERS_MAX && c == NULL; i++)
		if (!k->door->conn[i].used)
			c = &k->door->conn[i];
	if (c == NULL) {
		refuse(server);
		return;
	}
	memset(c, 0, sizeof(*c));
	c->k = k;
	c->used = true;
	c->read_fd = -1;
	c->handles = 1;
	(void)uv_pipe_init(&k->loop, &c->pipe, 0);
	c->pipe.data = c;
	if (uv_accept(server, (uv_stream_t *)&c->pipe) != 0 || !is_owner(&c->pipe) ||
	    !open_reader(c) ||
	    kith_control_open(k->control, KITH_RIGHTS_ALL, &c->caller) != KITH_OK) {
		conn_close(c);
		return;
	}
	c->known = true;
	read_on(c);
}

/* ---- the socket's name ---- */

/* Makes and checks the directory; the sentence printed says what is wrong. */
static bool directory_ok(const struct kithd *k)
{
	char dir[KITHD_PATH];
	char *slash;
	struct stat st;
	bool ok;
	int fd;

	(void)snprintf(dir, sizeof(dir), "%s", k->cfg.socket);
	slash = strrchr(dir, '/');
	if (slash == NULL)
		(void)snprintf(dir, sizeof(dir), ".");
	else if (slash == dir)
		slash[1] = '\0';
	else
		*slash = '\0';
	if (!kith__kithd_mkdirs(dir)) {
		kith__kithd_say(k, KITH_LOG_ERROR, "The directory %s cannot be made.", dir);
		return false;
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	ok = fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 077) == 0;
	if (fd >= 0)
		(void)close(fd);
	if (!ok)
		kith__kithd_say(k, KITH_LOG_ERROR,
				"The directory of the control socket, %s, must "
				"be yours alone (mode 0700, no symbolic link).",
				dir);
	return ok;
}

/* True when a process accepts on the name. */
static bool answers(const struct sockaddr_un *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool alive;

	if (fd < 0)
		return true; /* unknown: leave it alone */
	alive = connect(fd, (const struct sockaddr *)name, sizeof(*name)) == 0 ||
		errno != ECONNREFUSED;
	(void)close(fd);
	return alive;
}

/* Removes a stale socket. False: somebody answers, or the name is something else. */
static bool name_free(const struct kithd *k, const struct sockaddr_un *name)
{
	const char *path = name->sun_path;
	struct stat st = {.st_mode = 0};

	if (lstat(path, &st) != 0 && errno == ENOENT)
		return true;
	if (!S_ISSOCK(st.st_mode))
		kith__kithd_say(k, KITH_LOG_ERROR, "%s is no socket; it was left as it is.", path);
	else if (answers(name))
		kith__kithd_say(k, KITH_LOG_ERROR, "Another process answers on %s.", path);
	else if (unlink(path) != 0)
		kith__kithd_say(k, KITH_LOG_ERROR, "The old socket %s cannot be removed: %s.", path,
				strerror(errno));
	else
		return true;
	return false;
}

static int bind_socket(const struct kithd *k)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	size_t len = strlen(k->cfg.socket);
	int fd;

	if (len >= sizeof(name.sun_path)) {
		kith__kithd_say(k, KITH_LOG_ERROR,
				"The path of the control socket is longer than "
				"%zu bytes; give a shorter one with --socket.",
				sizeof(name.sun_path) - 1);
		return -1;
	}
	memcpy(name.sun_path, k->cfg.socket, len);
	if (!directory_ok(k) || !name_free(k, &name))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* the umask is 077 since the first line of main: the name is never open to others */
	if (fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0)
		return fd;
	kith__kithd_say(k, KITH_LOG_ERROR, "The control socket cannot be made: %s.",
			strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

int kith__kithd_door_open(struct kithd *k)
{
	struct kith__kithd_door *door;
	int fd = bind_socket(k);

	if (fd < 0)
		return KITHD_EXIT_DISK;
	door = kith_alloc_zero(NULL, 1, sizeof(*door));
	if (door == NULL) {
		(void)close(fd);
		return KITHD_EXIT_OTHER;
	}
	k->door = door;
	(void)uv_pipe_init(&k->loop, &door->listen, 0);
	door->listen.data = k;
	(void)uv_timer_init(&k->loop, &door->linger);
	door->linger.data = k;
	door->listening = true;
	if (uv_pipe_open(&door->listen, fd) != 0 ||
	    uv_listen((uv_stream_t *)&door->listen, BACKLOG, on_connection) != 0) {
		kith__kithd_say(k, KITH_LOG_ERROR, "The control socket cannot listen.");
		return KITHD_EXIT_DISK;
	}
	return -1;
}

void kith__kithd_door_shut(struct kithd *k)
{
	if (k->door == NULL || !k->door->listening)
		return;
	k->door->listening = false;
	(void)unlink(k->cfg.socket);
	uv_close((uv_handle_t *)&k->door->listen, NULL);
}

void kith__kithd_door_close(struct kithd *k)
{
	if (k->door == NULL)
		return;
	kith__kithd_door_shut(k);
	uv_close((uv_handle_t *)&k->door->linger, NULL);
	for (unsigned i = 0; i < KITH_CONTROL_CALLERS_MAX; i++)
		conn_close(&k->door->conn[i]);
}

void kith__kithd_door_free(struct kithd *k)
{
	kith_alloc_free(NULL, k->door);
	k->door = NULL;
}
