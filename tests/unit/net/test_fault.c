/* SPDX-License-Identifier: ISC */
/* The n-th allocation fails: nothing breaks, nothing is lost, nothing leaks. */
#include "tests/unit/net/wire.h"

#include <string.h>

static struct wire w;

struct faulty {
	unsigned count, fail_at, fail_len;
	unsigned live;
};

static void *faulty_resize(void *ctx, void *p, size_t size)
{
	struct faulty *f = ctx;
	const struct kith_alloc *heap = kith_alloc_heap();

	if (size == 0) {
		f->live -= p != NULL;
		return heap->resize(heap->ctx, p, 0);
	}
	f->count++;
	if (f->count >= f->fail_at && f->count < f->fail_at + f->fail_len)
		return NULL;
	f->live += p == NULL;
	return heap->resize(heap->ctx, p, size);
}

static unsigned got[2], tokens;

static void count(struct wire *at, unsigned node, const struct kith_net_event *ev)
{
	uint8_t bytes[512];
	size_t len;
	bool fin;

	if (ev->kind == KITH_NET_MSG_IN)
		got[node]++;
	if (ev->kind == KITH_NET_MSG_ACKED || ev->kind == KITH_NET_MSG_RETURNED)
		tokens++;
	if (ev->kind == KITH_NET_STREAM_READABLE)
		while (kith_net_stream_read(at->net[node], ev->session, ev->stream, bytes,
					    sizeof(bytes), &len, &fin, at->now) == KITH_OK &&
		       len > 0)
			;
}

/* A link with messages, a stream and a rekey; returns the allocations of engine `who`. */
static unsigned scenario(unsigned who, unsigned fail_at, unsigned fail_len)
{
	static uint8_t big[20000];
	struct faulty f = {.fail_at = UINT32_MAX, .fail_len = fail_len};
	struct kith_alloc alloc = {faulty_resize, &f};
	struct kith_net_target t;
	uint32_t a;
	uint32_t stream;
	size_t taken;
	unsigned sent = 0;
	unsigned i;

	tokens = got[0] = got[1] = 0;
	wire_init(&w, 2, 300);
	w.loss_pct = 10;
	w.on_event = count;
	w.cfg[who].alloc = &alloc;
	wire_boot(&w, who);
	wire_befriend(&w, 0, 1);
	f.count = 0;
	f.fail_at = fail_at;
	t = wire_link_target(&w, 1);
	for (i = 0; i < 10; i++) {
		int status = kith_net_connect(w.net[0], &t, &a, w.now);

		CHECK(status == KITH_OK || status == KITH_E_FULL);
		wire_run(&w, w.now + 11 * SEC);
		if (kith__net_session_find(w.net[0], a) != NULL)
			break;
	}
	CHECK(i < 10);
	if (kith_net_stream_open(w.net[0], a, KITH_NET_CLASS_FILE, &stream, w.now) == KITH_OK &&
	    kith_net_stream_write(w.net[0], a, stream, big, sizeof(big), &taken, w.now) == KITH_OK)
		CHECK_OK(kith_net_stream_finish(w.net[0], a, stream, w.now));
	for (i = 0; i < 20; i++) {
		int status = kith_net_send_message(w.net[0], a, KITH_NET_CLASS_MESSAGE, big,
						   i % 3 == 0 ? sizeof(big) : 50, i, w.now);

		sent += status == KITH_OK;
		CHECK(status == KITH_OK || status == KITH_E_FULL);
		wire_run(&w, w.now + 8 * SEC);
	}
	wire_run(&w, w.now + 20 * SEC);
	CHECK(sent >= 19 || fail_len > 1);
	CHECK_EQ(tokens, sent);
	CHECK_EQ(got[1], sent);
	wire_free(&w);
	CHECK_EQ(f.live, 0);
	return f.count;
}

static void sweep(unsigned who, unsigned fail_len)
{
	unsigned count_all = scenario(who, UINT32_MAX, 1);
	unsigned n;

	CHECK(count_all > 40);
	for (n = 1; n <= count_all; n++)
		(void)scenario(who, n, fail_len);
}

TEST(net_fault_sender)
{
	sweep(0, 1);
}

TEST(net_fault_receiver)
{
	sweep(1, 1);
}

TEST(net_fault_bursts)
{
	sweep(0, 5);
	sweep(1, 5);
}
