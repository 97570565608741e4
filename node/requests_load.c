/* SPDX-License-Identifier: ISC */
/*
 * Requests of both directions from their rows. Incoming ones are opened again from their bytes:
 * the prekey they need lives longer than they may wait.
 */
#include <string.h>

#include "node/internal.h"

static void load_out(struct kith_node *n, const struct kith_rows *r)
{
	struct kith_contact *c =
		kith__contact(n, (uint64_t)kith_rows_int(r, 0) - KITH_REQUEST_OUT_BASE);
	size_t len;
	const uint8_t *p;

	if (c == NULL || c->state != KITH_CONTACT_REQUESTED)
		return;
	p = kith_rows_blob(r, 3, &len);
	if (p != NULL && len == KITH_INNER)
		c->request_blob = kith_alloc_copy(n->alloc, p, len);
	p = kith_rows_blob(r, 5, &len);
	if (p != NULL && len <= KITH_GREETING_MAX)
		memcpy(c->greeting, p, len);
	c->request_kept = (unsigned)kith_rows_int(r, 6);
	c->request_until_s = (uint64_t)kith_rows_int(r, 7);
	if (c->request_kept > 0) {
		uint64_t age_ms = kith__wall_ms(n) - (uint64_t)kith_rows_int(r, 8);
		uint64_t wait_ms = 72000000u; /* 20 h */

		c->seek = KITH_SEEK_DONE;
		c->next_seek =
			age_ms < wait_ms ? n->now + (wait_ms - age_ms) * KITH_US_PER_MS : n->now;
	}
}

static int load_roots(struct kith_node *n)
{
	struct kith_op op = kith_op(KITH_OP_LOAD_REQROOT);
	struct kith_rows r;
	int status = kith_store_read_now(n->account, &op, &r);

	while (status == KITH_OK && kith_rows_next(&r)) {
		uint8_t ml[KITH_MAILBOXES_MAX][32];
		struct kith_open_request q;
		struct kith_reader in;
		struct kith_contact *c;
		size_t len;
		const uint8_t *p = kith_rows_blob(&r, 0, &len);
		uint32_t version;
		unsigned count;
		unsigned i;

		c = p != NULL && len == 32 ? kith__contact_by_ik(n, p) : NULL;
		p = kith_rows_blob(&r, 2, &len);
		if (c == NULL || p == NULL)
			continue;
		memset(&q, 0, sizeof(q));
		kith_reader_init(&in, p, len);
		kith_read_bytes(&in, q.root, 32);
		kith_read_bytes(&in, q.rdh_secret, 32);
		kith_read_bytes(&in, q.rek_seed, 64);
		q.session_epoch = kith_read_u32(&in);
		version = kith_read_u32(&in);
		count = kith_read_u8(&in);
		if (count > KITH_MAILBOXES_MAX)
			return KITH_E_MALFORMED;
		for (i = 0; i < count; i++)
			kith_read_bytes(&in, ml[i], 32);
		if (kith_read_end(&in) != KITH_OK)
			return KITH_E_MALFORMED;
		q.created_s = (uint64_t)kith_rows_int(&r, 1);
		q.used = true;
		status = kith__request_tags(&q, version, (const uint8_t(*)[32])ml, count);
		memmove(&c->request[1], &c->request[0], 2 * sizeof(q)); /* rows come oldest first */
		c->request[0] = q;
		kith_wipe(&q, sizeof(q));
	}
	return status;
}

int kith__load_requests(struct kith_node *n)
{
	struct kith_op op = kith_op(KITH_OP_LOAD_REQUEST);
	struct kith_rows r;
	int status;

	if (!n->has_identity)
		return KITH_OK;
	status = kith_store_read_now(n->account, &op, &r);
	while (status == KITH_OK && kith_rows_next(&r)) {
		size_t len;
		const uint8_t *inner = kith_rows_blob(&r, 3, &len);

		if (kith_rows_int(&r, 1) == 1)
			load_out(n, &r);
		else if (inner != NULL && len == KITH_INNER)
			status = kith__pending_load(n, (uint64_t)kith_rows_int(&r, 0),
						    (unsigned)kith_rows_int(&r, 6),
						    (uint64_t)kith_rows_int(&r, 8), inner);
	}
	return status == KITH_OK ? load_roots(n) : status;
}
