/* SPDX-License-Identifier: ISC */
/*
 * A user's side of the mailbox protocol against a hostile mailbox (mailbox.md 4). The client asks
 * everything it can ask; the input is what comes back over the stream, in pieces:
 *
 *	u8 way | u16 length | bytes      way 0: as they are; 1: as the body of the next reply in
 * turn; 2: as the body of a PUSH
 */
#include <string.h>

#include "node/mbox_wire.h"
#include "tests/fuzz/two.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const enum kith_mbox_verb asked[] = {KITH_MBOX_INFO,  KITH_MBOX_LIST, KITH_MBOX_GET,
					    KITH_MBOX_WATCH, KITH_MBOX_HAVE, KITH_MBOX_DELETE,
					    KITH_MBOX_PUT};
#define ASKED (sizeof(asked) / sizeof(asked[0]))

static struct kith_mbox_client *client;
static unsigned results;

static void event(struct two *t, const struct kith_net_event *e)
{
	(void)kith__mbox_client_event(client, e, t->now);
}

static void look(const struct kith_mbox_result *r)
{
	volatile uint8_t sum = 0;

	for (unsigned i = 0; i < r->count && r->tags != NULL; i++)
		sum ^= r->tags[i][15];
	for (unsigned i = 0; i < 16; i++)
		if (r->item[i].blob != NULL && r->item[i].len != 0)
			sum ^= r->item[i].blob[r->item[i].len - 1];
	for (unsigned i = 0; i < r->count && r->positions != NULL; i++)
		sum ^= (uint8_t)r->positions[i];
	(void)sum;
}

static void turn(struct two *t)
{
	struct kith_mbox_result r;

	kith__mbox_client_tick(client, t->now);
	while (kith__mbox_client_result(client, &r)) {
		look(&r);
		results++;
		KITH_ASSERT(r.count <= 65536);
	}
}

static void ask_all(struct two *t, uint32_t link)
{
	static const uint8_t blob[KITH_BLOB];
	static const uint8_t tags[16][16] = {{1}, {2}};
	const struct kith_mbox_bucket b = {0, 0};
	int bad = 0;

	bad |= kith__mbox_info(client, link, t->now);
	bad |= kith__mbox_list(client, link, b, 0, 0, UINT32_MAX, t->now);
	bad |= kith__mbox_get(client, link, tags, 4, t->now);
	bad |= kith__mbox_watch(client, link, &b, 1, t->now);
	bad |= kith__mbox_have(client, link, tags, tags, t->now);
	bad |= kith__mbox_delete(client, link, blob, t->now);
	bad |= kith__mbox_put(client, link, tags[0], b, 2, blob, blob, t->now);
	KITH_ASSERT(bad == KITH_OK);
}

static void give(struct two *t, unsigned way, const uint8_t *bytes, size_t len, unsigned *number)
{
	static uint8_t out[KITH__MBOX_DATA_MAX];
	struct kith_writer w;
	uint8_t verb = KITH_MBOX_PUSH;

	if (way == 0) {
		two_write(t, bytes, len);
		return;
	}
	if (way == 1)
		verb = (uint8_t)((unsigned)asked[*number % ASKED] | KITH__MBOX_REPLY);
	kith_writer_init(&w, out, sizeof(out));
	kith__mbox_begin(&w, verb, (uint16_t)(way == 1 ? *number + 1 : 0));
	kith_write_bytes(&w, bytes, len);
	*number += way == 1;
	if (kith__mbox_end(&w, 0) == KITH_OK)
		two_write(t, out, w.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct kith_addr addr = two_addr(0);
	struct kith_reader r;
	unsigned number = 0;
	uint8_t ml[32];
	uint32_t link;
	struct two t;

	if (kith_crypto_start() != NULL)
		return 0;
	two_begin(&t, 0);
	t.event = event;
	t.turn = turn;
	results = 0;
	client = kith__mbox_client_new(NULL, t.net[1], &t.rng[1]);
	kith_dh_public(ml, t.cfg[0].node_secret);
	KITH_ASSERT(client != NULL &&
		    kith__mbox_open(client, ml, &addr, NULL, 0, &link, t.now) == KITH_OK);
	ask_all(&t, link);
	two_run(&t, 200000);
	KITH_ASSERT(t.up && t.has_stream);
	kith_reader_init(&r, data, len);
	while (kith_read_ok(&r) && r.left >= 3) {
		unsigned way = kith_read_u8(&r) % 3;
		size_t part = kith_read_u16(&r);
		const uint8_t *bytes;

		part = part < r.left ? part : r.left;
		bytes = kith_read_view(&r, part);
		give(&t, way, bytes, part, &number);
		two_run(&t, 20000);
	}
	two_run(&t, 15000000);
	KITH_ASSERT(results <= ASKED + 1 + len);
	kith__mbox_client_free(client);
	two_end(&t);
	return 0;
}
