/* SPDX-License-Identifier: ISC */
/*
 * Requests of both directions and their rows. Incoming ones are opened again from their bytes: the
 * prekey they need lives longer than they may wait. Own ones newer than the answered one stay after
 * the answer, so that an accept of them replaces the session (docs/models.md 4b).
 */
#include <string.h>

#include "node/internal.h"

#define OPEN        KITH_OPEN_REQUESTS
#define ROOT_KEEP_S 5788800u /* the prekey lives 37 days, a blob under it 30 more */

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
	if (p != NULL && len > 0 && len <= KITH_GREETING_MAX)
		c->greeting = kith_alloc_copy(n->alloc, p, len);
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

const struct kith_open_request *kith__request_open_at(const struct kith_contact *c, unsigned i)
{
	static const struct kith_open_request none;

	KITH_ASSERT(i < OPEN);
	return c->request == NULL ? &none : &c->request[i];
}

int kith__request_open_new(struct kith_contact *c, struct kith_open_request *q)
{
	if (c->request == NULL)
		c->request = kith_alloc_zero(NULL, OPEN, sizeof(*c->request));
	if (c->request == NULL)
		return KITH_E_NOMEM;
	kith__tagbook_wipe(&c->request[OPEN - 1].in);
	memmove(&c->request[1], &c->request[0], (OPEN - 1) * sizeof(*q));
	c->request[0] = *q;
	return KITH_OK;
}

void kith__request_open_wipe(struct kith_contact *c)
{
	unsigned i;

	if (c->request == NULL)
		return;
	for (i = 0; i < OPEN; i++)
		kith__tagbook_wipe(&c->request[i].in);
	kith_wipe(c->request, OPEN * sizeof(*c->request));
	kith_alloc_free(NULL, c->request);
	c->request = NULL;
}

static void root_row(struct kith_node *n, const struct kith_contact *c,
		     const struct kith_open_request *q)
{
	const struct kith_tag_list *l = &q->in.list[0]; /* told in the request */
	struct kith_op op = kith_op(KITH_OP_REQROOT_PUT);
	uint8_t root[32 + 32 + 64 + 4 + 4 + 1 + KITH_MAILBOXES_MAX * 32 + 1];
	struct kith_writer w;
	unsigned i;

	KITH_ASSERT(q->in.count == 1);
	kith_writer_init(&w, root, sizeof(root));
	kith_write_bytes(&w, q->root, 32);
	kith_write_bytes(&w, q->rdh_secret, 32);
	kith_write_bytes(&w, q->rek_seed, 64);
	kith_write_u32(&w, q->session_epoch);
	kith_write_u32(&w, l->version);
	kith_write_u8(&w, (uint8_t)l->count);
	for (i = 0; i < l->count; i++)
		kith_write_bytes(&w, l->chain[i].ml, 32);
	kith_write_u8(&w, (uint8_t)q->kind);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
	kith_op_blob(&op, c->ik, 32);
	kith_op_int(&op, (int64_t)q->created_s);
	kith_op_blob(&op, root, w.len);
	kith__put(n, &op);
	kith_wipe(root, sizeof(root));
}

void kith__request_roots_row(struct kith_node *n, const struct kith_contact *c)
{
	struct kith_op op = kith_op(KITH_OP_REQROOT_DELETE);
	unsigned i;

	kith_op_blob(&op, c->ik, 32);
	kith__put(n, &op);
	for (i = OPEN; i-- > 0;)
		if (kith__request_open_at(c, i)->used)
			root_row(n, c, &c->request[i]);
}

void kith__requests_close(struct kith_node *n, struct kith_contact *c, uint32_t upto)
{
	bool any = false;
	unsigned i;

	for (i = 0; c->request != NULL && i < OPEN; i++) {
		struct kith_open_request *q = &c->request[i];

		if (q->used && q->session_epoch <= upto) {
			kith__tagbook_wipe(&q->in);
			kith_wipe(q, sizeof(*q));
		}
		any |= q->used;
	}
	if (!any)
		kith__request_open_wipe(c);
	kith__request_roots_row(n, c);
}

void kith__requests_sweep(struct kith_node *n)
{
	uint64_t now_s = kith__wall_s(n);
	bool any = false;
	size_t i;
	unsigned k;

	for (i = 0; i < n->contacts; i++) {
		struct kith_contact *c = n->contact[i];

		for (k = 0; k < OPEN; k++) {
			const struct kith_open_request *q = kith__request_open_at(c, k);

			if (c->state != KITH_CONTACT_ACCEPTED || !q->used ||
			    now_s < q->created_s + ROOT_KEEP_S)
				continue;
			kith__requests_close(n, c, q->session_epoch);
			any = true;
		}
	}
	if (any)
		kith__tagbook_changed(n);
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
		q.kind = KITH_REQUEST_FIRST; /* rows of the first release end here */
		if (in.left > 0 && kith_read_u8(&in) == KITH_REQUEST_AGAIN)
			q.kind = KITH_REQUEST_AGAIN;
		if (kith_read_end(&in) != KITH_OK)
			return KITH_E_MALFORMED;
		q.created_s = (uint64_t)kith_rows_int(&r, 1);
		q.used = true;
		if (q.session_epoch > c->epoch_own)
			c->epoch_own = q.session_epoch;
		if (c->state == KITH_CONTACT_REMOVED ||
		    (c->state == KITH_CONTACT_ACCEPTED && q.session_epoch <= c->epoch)) {
			kith_wipe(&q, sizeof(q));
			continue;
		}
		status = kith__request_tags(&q, version, (const uint8_t(*)[32])ml, count);
		if (status == KITH_OK) /* rows come oldest first */
			status = kith__request_open_new(c, &q);
		if (status != KITH_OK)
			kith__tagbook_wipe(&q.in);
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
