/* SPDX-License-Identifier: ISC */
/*
 * Frames under valid keys: the input is the plaintext of packets (u16 length each) that a peer with
 * a live session sends. The engine may close the session; memory and queue stay within their caps.
 */
#include <string.h>

#include "net/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint64_t draw_state;
static uint8_t header_keys[64]; /* the one draw of 64 bytes: both header keys of the engine */

static void draw(void *ctx, void *dst, size_t len)
{
	uint8_t *out = dst;
	size_t i;

	(void)ctx;
	for (i = 0; i < len; i++) {
		draw_state = draw_state * 6364136223846793005u + 1442695040888963407u;
		out[i] = (uint8_t)(draw_state >> 33);
	}
	if (len == sizeof(header_keys))
		memcpy(header_keys, dst, len);
}

static struct session *session(struct kith_net *n, kith_time now)
{
	struct session *s = kith__net_session_new(n, KITH_NET_SERVICE, 0, now);
	struct epoch e = {.idx_in = 7, .idx_out = 8};
	uint8_t secret[32] = {1};

	KITH_ASSERT(s != NULL);
	s->initiator = true;
	s->path.remote = kith_addr_v4(10, 0, 0, 1, 1);
	KITH_ASSERT(kith__net_session_epoch(n, s, &e, secret, now) == KITH_OK);
	kith__net_session_up(n, s);
	return s;
}

static void owner_acts(struct kith_net *n, uint32_t number, kith_time now)
{
	struct kith_dgram_out out;
	struct kith_net_event ev;
	uint8_t bytes[256];
	size_t got;
	bool fin;

	while (kith_net_event(n, &ev))
		if (ev.kind == KITH_NET_STREAM_READABLE &&
		    kith_net_stream_read(n, number, ev.stream, bytes, sizeof(bytes), &got, &fin,
					 now) == KITH_OK)
			KITH_ASSERT(got <= sizeof(bytes));
	while (kith_net_output(n, &out, now))
		KITH_ASSERT(out.len >= KITH_DGRAM_MIN && out.len <= KITH_DGRAM_SAFE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct kith_rng rng = {.fill = draw};
	struct kith_net_config cfg = {.network = 1, .node_secret = {1}};
	struct kith_reader r;
	struct kith_net *n;
	struct session *s;
	uint32_t number;
	uint32_t stream;
	uint64_t pn = 0;
	size_t taken;
	kith_time now = 1000000;

	draw_state = 1;
	n = kith_net_new(&cfg, &rng, now);
	KITH_ASSERT(n != NULL);
	s = session(n, now);
	number = s->number;
	if (len == 0 ||
	    kith_net_send_message(n, number, KITH_NET_CLASS_MESSAGE, data, len > 3000 ? 3000 : len,
				  1, now) != KITH_OK ||
	    kith_net_stream_open(n, number, KITH_NET_CLASS_SYNC, &stream, now) != KITH_OK ||
	    kith_net_stream_write(n, number, stream, data, len, &taken, now) != KITH_OK)
		KITH_ASSERT(len == 0);
	kith_reader_init(&r, data, len);
	while (kith_read_ok(&r) && r.left > 2) {
		size_t part = kith_read_u16(&r) % (KITH_DGRAM_SAFE - NET_OVERHEAD);
		uint8_t dgram[KITH_DGRAM_MAX] = {0};
		struct kith_dgram_in in = {.remote = kith_addr_v4(10, 0, 0, 1, 1), .data = dgram};

		part = part > r.left ? r.left : part;
		kith_read_bytes(&r, dgram + NET_HEAD, part);
		part = part < 4 ? 4 : part;
		s = kith__net_session_find(n, number);
		if (s == NULL)
			break;
		in.len = kith__net_seal(dgram, part, s->epoch[0].rx, header_keys, 7, pn++);
		KITH_ASSERT(kith_net_input(n, &in, now));
		owner_acts(n, number, now);
		now += 20000;
		kith_net_tick(n, now);
	}
	owner_acts(n, number, now);
	kith_net_free(n);
	return 0;
}
