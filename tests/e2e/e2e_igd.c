/* SPDX-License-Identifier: ISC */
/*
 * A hostile home router.
 *	e2e_igd serve <address> <seed>               answers SSDP, HTTP and UDP 5351 with garbage
 *	e2e_igd attack <kith-portmap> <answers> <seed>   drives the program on 127.0.0.1 by itself
 *	e2e_igd drip <kith-portmap>                  one answer, byte by byte, for ever
 * `attack` runs where every address leads back to this machine (attack_33_igd.sh), so a packet to
 * anywhere else is seen. It ends when so many answers were read, after the named cases.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/portmap.h"

#define CONNS     64
#define BROKERS   6   /* at once: most of a search is waiting */
#define COPIES    150 /* fuzzed answers to one search */
#define ANSWER    (1 << 17)
#define ENOUGH    ((size_t)16 << 20) /* an endless answer ends where a child has no limit */
#define ELSEWHERE "198.51.100.7"

enum mode {
	HONEST,
	FOR_GOOD,
	TAKEN,
	REFUSING,
	FUZZ,
	NESTED,
	HUGE,
	ENDLESS,
	DRIP,
	REDIRECT,
	AWAY,
	NAMED
};

struct conn {
	int fd;
	char in[4096];
	size_t got;
	bool answered;
	uint64_t at_ms; /* DRIP: when the next byte is due */
	size_t sent;
};

static struct {
	enum mode mode;
	char host[32];
	unsigned port;
	int http, ssdp, pcp, away[3];
	struct conn conn[CONNS];
	unsigned long answers, outside, replies[KITH_PORTMAP_RESULTS];
	uint64_t random;
	char text[ANSWER];
} s;

static uint32_t draw(uint32_t below)
{
	s.random = s.random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(s.random >> 33) % below;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

_Noreturn static void fail(const char *what)
{
	fprintf(stderr, "FAIL: %s (%s)\n", what, strerror(errno));
	exit(1);
}

/* ---- what a router says ---- */

static const char service[] = "urn:schemas-upnp-org:service:WANIPConnection:1";

static size_t description(char *out, size_t cap)
{
	const char *base = s.mode == AWAY ? "http://" ELSEWHERE ":80" : "";
	const char *named = s.mode == NAMED ? "http://router.example.com:80" : base;

	return (size_t)snprintf(
		out, cap,
		"<?xml version=\"1.0\"?><root><URLBase>%s</URLBase><device><deviceType>"
		"urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><serviceList>"
		"<service><serviceType>%s</serviceType><controlURL>%s/ctl</controlURL>"
		"<eventSubURL>/e</eventSubURL><SCPDURL>/s</SCPDURL></service></serviceList>"
		"</device></root>",
		named, service, named);
}

static const char *error_of(const char *ask)
{
	if (s.mode == REFUSING)
		return "606";
	if (strstr(ask, "#GetSpecificPortMappingEntry") != NULL)
		return s.mode == TAKEN && strstr(ask, ">20000<") != NULL ? NULL : "714";
	if (s.mode == FOR_GOOD && strstr(ask, "<NewLeaseDuration>0<") == NULL &&
	    strstr(ask, "#AddPortMapping") != NULL)
		return "725";
	return NULL;
}

static size_t soap(char *out, size_t cap, const char *ask)
{
	const char *error = error_of(ask);

	if (error != NULL)
		return (size_t)snprintf(out, cap,
					"<s:Envelope><s:Body><s:Fault><detail><UPnPError>"
					"<errorCode>%s</errorCode></UPnPError></detail></s:Fault>"
					"</s:Body></s:Envelope>",
					error);
	return (size_t)
		snprintf(out, cap,
			 "<s:Envelope><s:Body><u:R xmlns:u=\"%s\"><NewExternalIPAddress>21.0.0.1"
			 "</NewExternalIPAddress><NewInternalClient>10.9.9.9</NewInternalClient>"
			 "<NewInternalPort>1</NewInternalPort><NewEnabled>1</NewEnabled>"
			 "<NewReservedPort>20000</NewReservedPort></u:R></s:Body></s:Envelope>",
			 service);
}

/* Bytes flipped, cut out, repeated, blown up; sometimes nothing but noise. */
static size_t mutate(char *b, size_t len, size_t cap)
{
	unsigned ways = 1 + draw(4);

	while (ways-- > 0 && len > 4) {
		size_t at = draw((uint32_t)len), n = 1 + draw(64);

		switch (draw(6)) {
		case 0: b[at] = (char)draw(256); break;
		case 1: len = at; break;
		case 2:
			n = n < len - at ? n : len - at;
			memmove(b + at, b + at + n, len - at - n);
			len -= n;
			break;
		case 3:
			n *= 1 + draw(64);
			if (len + n < cap) {
				memmove(b + at + n, b + at, len - at);
				memset(b + at, draw(2) != 0 ? '<' : (int)draw(256), n);
				len += n;
			}
			break;
		case 4:
			for (size_t i = at; i < len && i < at + n; i++)
				b[i] = (char)draw(256);
			break;
		case 5:
			if (at + 12 < len)
				memcpy(b + at, "999999999999", 12);
			break;
		}
	}
	return len;
}

static void answer(struct conn *c)
{
	char *body = s.text + 512, head[512];
	bool get = strncmp(c->in, "GET", 3) == 0;
	size_t n = get ? description(body, ANSWER - 1024) : soap(body, ANSWER - 1024, c->in);
	bool fault = !get && error_of(c->in) != NULL;
	size_t head_len, len;

	if (s.mode == NESTED)
		for (n = 0; n + 3 < ANSWER - 1024; n += 3)
			memcpy(body + n, "<a>", 3);
	if (s.mode == HUGE)
		n = (size_t)1 << 30;
	head_len =
		(size_t)snprintf(head, sizeof(head),
				 s.mode == ENDLESS ? "HTTP/1.1 200 OK\r\n\r\n"
						   : "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n",
				 s.mode == REDIRECT ? "301 Moved"
				 : fault            ? "500 No"
						    : "200 OK",
				 s.mode == REDIRECT ? "Location: http://" ELSEWHERE "/x\r\n" : "",
				 n);
	n = s.mode == HUGE ? 100 : n;
	memmove(s.text + head_len, body, n);
	memcpy(s.text, head, head_len);
	len = head_len + n;
	if (s.mode == FUZZ && (!get || draw(4) == 0))
		len = mutate(s.text, len, ANSWER);
	s.answers++;
	c->answered = true;
	if (s.mode == DRIP) {
		c->at_ms = now_ms();
		return;
	}
	if (send(c->fd, s.text, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
	if (s.mode != ENDLESS)
		shutdown(c->fd, SHUT_WR);
}

static void drop(struct conn *c)
{
	close(c->fd);
	c->fd = -1;
}

static bool complete(const struct conn *c)
{
	const char *end = strstr(c->in, "\r\n\r\n"), *len = strstr(c->in, "Content-Length:");

	if (end == NULL)
		return false;
	return len == NULL || len > end ||
	       c->got >= (size_t)(end + 4 - c->in) + strtoul(len + 15, NULL, 10);
}

static void conn_read(struct conn *c)
{
	char rest[256], *to = c->got + 1 < sizeof(c->in) ? c->in + c->got : rest;
	size_t room = to == rest ? sizeof(rest) : sizeof(c->in) - 1 - c->got;
	ssize_t n = recv(c->fd, to, room, MSG_DONTWAIT);

	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			drop(c);
		return;
	}
	if (to != rest)
		c->got += (size_t)n;
	c->in[c->got] = '\0';
	if (!c->answered && complete(c))
		answer(c);
}

/* Streams without end, and the slow drip. */
static void conn_write(struct conn *c)
{
	static const char filler[16384] = "<a b=\"c\"><d>";
	ssize_t n = 0;

	if (!c->answered || (s.mode != ENDLESS && s.mode != DRIP))
		return;
	if (s.mode == DRIP) {
		if (now_ms() < c->at_ms)
			return;
		c->at_ms = now_ms() + 400;
		n = send(c->fd, "H", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	} else {
		for (int i = 0; i < 64 && n >= 0; i++) {
			n = send(c->fd, filler, sizeof(filler) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
			c->sent += n > 0 ? (size_t)n : 0;
		}
		if (c->sent > ENOUGH) {
			drop(c);
			return;
		}
	}
	if (n < 0 && errno != EAGAIN)
		drop(c);
}

static void ssdp_answer(void)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char ask[1024], out[1500];
	ssize_t n = recvfrom(s.ssdp, ask, sizeof(ask) - 1, MSG_DONTWAIT, (struct sockaddr *)&from,
			     &len);
	unsigned copies = s.mode == FUZZ ? COPIES : 1;
	size_t size;

	if (n <= 0)
		return;
	for (unsigned i = 0; i < copies; i++) {
		const char *host = s.host;

		if (s.mode == AWAY || (s.mode == FUZZ && draw(4) == 0))
			host = ELSEWHERE;
		if (s.mode == NAMED)
			host = "router.example.com";
		size = (size_t)
			snprintf(out, sizeof(out),
				 "HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:"
				 "InternetGatewayDevice:1\r\nLOCATION: http://%s:%u/d.xml\r\n"
				 "USN: x%u\r\n\r\n",
				 host, host == s.host ? s.port : 80, i);
		if (s.mode == FUZZ && i > 0)
			size = mutate(out, size, sizeof(out));
		s.answers++;
		if (sendto(s.ssdp, out, size, MSG_DONTWAIT, (struct sockaddr *)&from, len) < 0)
			return;
	}
}

/* UDP 5351: the request again with noise in it, or noise alone. */
static void pcp_answer(void)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char b[1500];
	ssize_t n = recvfrom(s.pcp, b, sizeof(b), MSG_DONTWAIT, (struct sockaddr *)&from, &len);

	for (int i = 0; n > 0 && i < 50; i++) {
		char out[1500];
		size_t size = (size_t)n;

		memcpy(out, b, size);
		out[1] = (char)(out[1] | 0x80);
		size = mutate(out, size, sizeof(out));
		(void)sendto(s.pcp, out, size, MSG_DONTWAIT, (struct sockaddr *)&from, len);
		s.answers++;
	}
}

/* ---- the loop ---- */

static int bound(int type, const char *host, unsigned port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	inet_pton(AF_INET, host, &a.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
	    (type == SOCK_STREAM && listen(fd, 64) != 0))
		fail("a socket of the hostile router");
	return fd;
}

static void open_router(const char *host)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	struct ip_mreq group = {.imr_multiaddr.s_addr = htonl(0xeffffffa)};

	snprintf(s.host, sizeof(s.host), "%s", host);
	s.http = bound(SOCK_STREAM, host, 0);
	getsockname(s.http, (struct sockaddr *)&a, &len);
	s.port = ntohs(a.sin_port);
	s.ssdp = bound(SOCK_DGRAM, "0.0.0.0", 1900);
	inet_pton(AF_INET, host, &group.imr_interface);
	if (setsockopt(s.ssdp, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)) != 0)
		fail("the multicast group");
	s.pcp = bound(SOCK_DGRAM, host, 5351);
	for (int i = 0; i < CONNS; i++)
		s.conn[i].fd = -1;
	s.away[0] = s.away[1] = s.away[2] = -1;
}

static void take(void)
{
	int fd = accept4(s.http, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	for (int i = 0; fd >= 0 && i < CONNS; i++)
		if (s.conn[i].fd < 0) {
			memset(&s.conn[i], 0, sizeof(s.conn[i]));
			s.conn[i].fd = fd;
			return;
		}
	if (fd >= 0)
		close(fd);
}

static void see_outside(void)
{
	char b[64];
	int fd;

	for (int i = 0; i < 2; i++)
		while (s.away[i] >= 0 && (fd = accept(s.away[i], NULL, NULL)) >= 0) {
			s.outside++;
			close(fd);
		}
	while (s.away[2] >= 0 && recv(s.away[2], b, sizeof(b), MSG_DONTWAIT) >= 0)
		s.outside++;
}

/* Once round; the sockets of `extra` are watched too, `ready` says which can be read. */
static void turn(const int *extra, unsigned extras, bool *ready, int wait_ms)
{
	struct pollfd p[3 + CONNS + BROKERS] = {{.fd = s.http, .events = POLLIN},
						{.fd = s.ssdp, .events = POLLIN},
						{.fd = s.pcp, .events = POLLIN}};
	int lively = s.mode == DRIP || s.mode == ENDLESS ? 5 : wait_ms;

	for (unsigned i = 0; i < CONNS; i++)
		p[3 + i] = (struct pollfd){.fd = s.conn[i].fd, .events = POLLIN};
	for (unsigned i = 0; i < extras; i++)
		p[3 + CONNS + i] = (struct pollfd){.fd = extra[i], .events = POLLIN};
	(void)poll(p, 3 + CONNS + extras, lively < wait_ms ? lively : wait_ms);
	for (unsigned i = 0; i < CONNS; i++) {
		if (s.conn[i].fd >= 0 && p[3 + i].revents != 0)
			conn_read(&s.conn[i]);
		if (s.conn[i].fd >= 0)
			conn_write(&s.conn[i]);
	}
	if (p[0].revents != 0)
		take();
	if (p[1].revents != 0)
		ssdp_answer();
	if (p[2].revents != 0)
		pcp_answer();
	see_outside();
	for (unsigned i = 0; i < extras; i++)
		ready[i] = p[3 + CONNS + i].revents != 0;
}

/* ---- attack ---- */

static pid_t start(const char *program, int *channel)
{
	char *argv[] = {strdup(program), NULL}, *env[] = {NULL};
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		fail("a socketpair");
	pid = fork();
	if (pid == 0) {
		int to = fcntl(pair[1], F_DUPFD, 100);

		dup2(open("/dev/null", O_WRONLY), 2); /* the library complains there */
		dup2(to, 3);
		execve(program, argv, env);
		_exit(127);
	}
	close(pair[1]);
	*channel = pair[0];
	free(argv[0]);
	return pid;
}

static uint32_t sequence;

static void send_job(int channel, enum kith_portmap_verb verb)
{
	struct kith_portmap_ask ask = {.verb = verb,
				       .seq = ++sequence,
				       .lease_s = 3600,
				       .internal = 20000,
				       .external = 20000,
				       .gateway = kith_addr_v4(127, 0, 0, 1, 5351),
				       .local = kith_addr_v4(127, 0, 0, 1, 20000)};
	uint8_t b[KITH_PORTMAP_BYTES];

	kith_portmap_ask_encode(b, &ask);
	if (send(channel, b, sizeof(b), MSG_NOSIGNAL) != sizeof(b))
		fail("the broker is gone");
}

static struct kith_portmap_reply read_reply(int channel)
{
	struct kith_portmap_reply r;
	uint8_t b[KITH_PORTMAP_BYTES + 1];

	if (recv(channel, b, sizeof(b), 0) != KITH_PORTMAP_BYTES ||
	    kith_portmap_reply_decode(&r, b, KITH_PORTMAP_BYTES) != KITH_OK)
		fail("the broker's answer");
	s.replies[r.result]++;
	return r;
}

static struct kith_portmap_reply job(int channel, enum kith_portmap_verb verb)
{
	uint64_t until = now_ms() + 24000;
	bool ready = false;

	send_job(channel, verb);
	while (!ready) {
		turn(&channel, 1, &ready, 100);
		if (now_ms() > until)
			fail("the broker does not answer");
	}
	return read_reply(channel);
}

/* Several brokers at once, until so many answers were read. */
static void fuzz(const int channel[BROKERS], unsigned long wanted)
{
	bool ready[BROKERS], busy[BROKERS] = {false};
	uint64_t heard = now_ms();
	unsigned running = 0;

	s.mode = FUZZ;
	do {
		for (unsigned i = 0; i < BROKERS; i++)
			if (!busy[i] && s.answers < wanted) {
				send_job(channel[i],
					 draw(4) == 0 ? KITH_PORTMAP_DELETE : KITH_PORTMAP_ADD);
				busy[i] = true;
				running++;
			}
		turn(channel, BROKERS, ready, 100);
		for (unsigned i = 0; i < BROKERS; i++)
			if (busy[i] && ready[i]) {
				(void)read_reply(channel[i]);
				busy[i] = false;
				running--;
				heard = now_ms();
			}
		if (now_ms() > heard + 24000)
			fail("the brokers do not answer");
	} while (running > 0);
}

static void expect(int channel, enum mode mode, const char *name, enum kith_portmap_result want,
		   uint32_t lease, unsigned port)
{
	uint64_t began = now_ms();
	struct kith_portmap_reply r;

	s.mode = mode;
	r = job(channel, KITH_PORTMAP_ADD);
	printf("%-10s result %d code %d after %d ms\n", name, (int)r.result, r.code,
	       (int)(now_ms() - began));
	/* the sanitizers know no limit of memory: there an endless answer costs the child its time
	 */
	if (r.result != want && !(mode == ENDLESS && r.result == KITH_PORTMAP_TIMED_OUT) &&
	    !(want == KITH_PORTMAP_NO_IGD && r.result == KITH_PORTMAP_CHILD_DIED))
		fail(name);
	if (want == KITH_PORTMAP_GRANTED && (r.lease_s != lease || r.external.port != port))
		fail("the lease or the port granted");
}

static void cases(int channel)
{
	expect(channel, HONEST, "honest", KITH_PORTMAP_GRANTED, 3600, 20000);
	expect(channel, FOR_GOOD, "for good", KITH_PORTMAP_GRANTED, 0, 20000);
	expect(channel, TAKEN, "taken", KITH_PORTMAP_GRANTED, 3600, 20001);
	expect(channel, REFUSING, "refusing", KITH_PORTMAP_REFUSED, 0, 0);
	expect(channel, NESTED, "nested", KITH_PORTMAP_NO_IGD, 0, 0);
	expect(channel, HUGE, "huge", KITH_PORTMAP_NO_IGD, 0, 0);
	expect(channel, ENDLESS, "endless", KITH_PORTMAP_NO_IGD, 0, 0);
	expect(channel, REDIRECT, "redirect", KITH_PORTMAP_NO_IGD, 0, 0);
	expect(channel, AWAY, "elsewhere", KITH_PORTMAP_NO_IGD, 0, 0);
	expect(channel, NAMED, "a name", KITH_PORTMAP_NO_IGD, 0, 0);
}

/* Opens what a packet to elsewhere would reach, and shows that it would be seen. */
static void watch_elsewhere(void)
{
	struct sockaddr_in far = {.sin_family = AF_INET, .sin_port = htons(80)};
	int probe = socket(AF_INET, SOCK_STREAM, 0);

	s.away[0] = bound(SOCK_STREAM, "0.0.0.0", 80);
	s.away[1] = bound(SOCK_STREAM, "0.0.0.0", 443);
	s.away[2] = bound(SOCK_DGRAM, "0.0.0.0", 53);
	inet_pton(AF_INET, ELSEWHERE, &far.sin_addr);
	if (connect(probe, (struct sockaddr *)&far, sizeof(far)) != 0)
		fail("elsewhere does not lead here");
	turn(NULL, 0, NULL, 100);
	if (s.outside != 1)
		fail("a packet to elsewhere is not seen");
	s.outside = 0;
	close(probe);
}

/* Closes the channel; returns the KiB that the broker or its greatest child took. */
static long end(pid_t pid, int channel)
{
	struct rusage use;
	int status = 0;

	close(channel);
	if (wait4(pid, &status, 0, &use) != pid || status != 0)
		fail("kith-portmap did not end in order");
	return use.ru_maxrss;
}

static int attack(const char *program, unsigned long wanted)
{
	int channel[BROKERS];
	pid_t pid[BROKERS];
	long most = 0, kib;

	open_router("127.0.0.1");
	watch_elsewhere();
	for (unsigned i = 0; i < BROKERS; i++)
		pid[i] = start(program, &channel[i]);
	cases(channel[0]);
	s.answers = 0;
	fuzz(channel, wanted);
	s.mode = HONEST;
	for (unsigned i = 0; i < BROKERS; i++) {
		/* the last job in flight may have left a reply of another kind; this one counts */
		if (job(channel[i], KITH_PORTMAP_ADD).result != KITH_PORTMAP_GRANTED)
			fail("an honest router is not found afterwards");
		kib = end(pid[i], channel[i]);
		most = kib > most ? kib : most;
	}
	printf("%lu answers: granted %lu, no router %lu, refused %lu, timed out %lu, died %lu; "
	       "packets to elsewhere %lu; greatest process %ld KiB\n",
	       s.answers, s.replies[0], s.replies[1], s.replies[2], s.replies[3], s.replies[4],
	       s.outside, most);
	if (s.outside != 0)
		fail("an address outside the local network was contacted");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	if (most > 16384)
		fail("a child took more than 16 MiB");
#endif
	return 0;
}

static int drip(const char *program)
{
	int channel;
	pid_t pid;

	open_router("127.0.0.1");
	pid = start(program, &channel);
	expect(channel, DRIP, "slow drip", KITH_PORTMAP_TIMED_OUT, 0, 0);
	(void)end(pid, channel);
	return 0;
}

int main(int argc, char **argv)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 4 && strcmp(argv[1], "serve") == 0) {
		s.random = strtoull(argv[3], NULL, 0);
		open_router(argv[2]);
		s.mode = FUZZ;
		for (;;)
			turn(NULL, 0, NULL, 1000);
	}
	if (argc == 5 && strcmp(argv[1], "attack") == 0) {
		s.random = strtoull(argv[4], NULL, 0);
		return attack(argv[2], strtoul(argv[3], NULL, 10));
	}
	if (argc == 3 && strcmp(argv[1], "drip") == 0)
		return drip(argv[2]);
	fputs("usage: e2e_igd serve ADDRESS SEED | drip PROGRAM | attack PROGRAM ANSWERS SEED\n",
	      stderr);
	return 2;
}
