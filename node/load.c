/* SPDX-License-Identifier: ISC */
/*
 * Rows to memory, once, before the loop starts: the mirror of row.c. A row that cannot be is a
 * damaged profile (KITH_E_MALFORMED); nothing is guessed and nothing overwritten.
 */
#include <string.h>

#include "node/internal.h"

static int query(struct kith_node *n, enum kith_op_kind kind, struct kith_rows *rows)
{
	struct kith_op op = kith_op(kind);

	return kith_store_read_now(n->account, &op, rows);
}

/* Copies a BLOB column of exactly `len` bytes; false when it is NULL or of another length. */
static bool column(const struct kith_rows *r, unsigned col, void *dst, size_t len)
{
	size_t got;
	const uint8_t *p = kith_rows_blob(r, col, &got);

	if (p == NULL || got != len)
		return false;
	memcpy(dst, p, len);
	return true;
}

static void column_text(const struct kith_rows *r, unsigned col, char *dst, size_t cap)
{
	size_t len;
	const uint8_t *p = kith_rows_blob(r, col, &len);

	memset(dst, 0, cap);
	if (p != NULL)
		memcpy(dst, p, len < cap ? len : cap - 1);
}

static int load_max(struct kith_node *n)
{
	struct kith_rows r;
	int status = query(n, KITH_OP_LOAD_MAX, &r);

	if (status != KITH_OK)
		return status;
	if (!kith_rows_next(&r))
		return KITH_E_MALFORMED;
	n->next_message = (uint64_t)kith_rows_int(&r, 0) + 1;
	n->next_event = (uint64_t)kith_rows_int(&r, 1) + 1;
	n->first_event = (uint64_t)kith_rows_int(&r, 2);
	n->next_out = (uint64_t)kith_rows_int(&r, 3) + 1;
	n->next_contact = (uint64_t)kith_rows_int(&r, 4) + 1;
	n->next_request = (uint64_t)kith_rows_int(&r, 7) + 1;
	n->next_invitation = (uint64_t)kith_rows_int(&r, 8) + 1;
	n->next_peerbox = (uint64_t)kith_rows_int(&r, 9) + 1;
	return KITH_OK;
}

static bool secret_prekey(struct kith_node *n, uint32_t slot, const struct kith_rows *r)
{
	struct kith_identity *id = n->id;
	struct kith_own_prekey *k;
	uint8_t body[105];
	struct kith_reader in;
	size_t at;

	if (!column(r, 2, body, sizeof(body)) || id->prekeys == KITH_PREKEYS_MAX)
		return false;
	k = kith_arena_get(n->arena, sizeof(*k));
	if (k == NULL)
		return false;
	k->id = slot;
	kith_reader_init(&in, body, sizeof(body));
	kith_read_bytes(&in, k->secret, 32);
	kith_read_bytes(&in, k->kem_seed, 64);
	k->created_s = kith_read_u64(&in);
	k->put = kith_read_u8(&in) != 0;
	k->expires_s = (uint64_t)kith_rows_int(r, 3);
	kith_wipe(body, sizeof(body));
	kith__prekey_complete(k);
	for (at = id->prekeys; at > 0 && id->prekey[at - 1]->created_s < k->created_s; at--)
		id->prekey[at] = id->prekey[at - 1];
	id->prekey[at] = k;
	id->prekeys++;
	return true;
}

static bool secret_presence(struct kith_node *n, uint32_t slot, const struct kith_rows *r)
{
	struct kith_identity *id = n->id;
	struct kith_own_presence p;
	uint8_t body[40];
	size_t at;

	if (!column(r, 2, body, sizeof(body)))
		return false;
	memcpy(p.p, body, 32);
	p.created_s = kith_load_u64(body + 32);
	kith_wipe(body, sizeof(body));
	p.epoch = slot;
	p.ends_s = (uint64_t)kith_rows_int(r, 3);
	for (at = id->presences; at > 0 && id->presence[at - 1].epoch < slot; at--)
		;
	if (at == KITH_PRESENCES_MAX)
		return true;
	if (id->presences == KITH_PRESENCES_MAX)
		id->presences--;
	memmove(&id->presence[at + 1], &id->presence[at], (id->presences - at) * sizeof(p));
	id->presence[at] = p;
	id->presences++;
	return true;
}

static bool secret_row(struct kith_node *n, const struct kith_rows *r, unsigned *keys)
{
	struct {
		const char *name;
		uint8_t *dst;
	} fixed[] = {
		{"ik", n->id->ik_seed},   {"dk", n->id->dk_seed},        {"xk", n->id->xk_secret},
		{"lk", n->id->lk_secret}, {"handle", n->id->handle_key},
	};
	char name[16];
	uint32_t slot = (uint32_t)kith_rows_int(r, 1);
	size_t i;

	column_text(r, 0, name, sizeof(name));
	for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (strcmp(name, fixed[i].name) == 0) {
			(*keys)++;
			return column(r, 2, fixed[i].dst, 32);
		}
	if (strcmp(name, "spk") == 0)
		return secret_prekey(n, slot, r);
	if (strcmp(name, "p") == 0)
		return secret_presence(n, slot, r);
	if (strcmp(name, "keep") == 0) {
		size_t len;
		const uint8_t *p = kith_rows_blob(r, 2, &len);

		return kith__deposit_loaded(n, slot, p, p == NULL ? 0 : len) == KITH_OK;
	}
	return true;
}

static int load_meta(struct kith_node *n, uint64_t *made_s)
{
	struct kith_rows r;
	int status = query(n, KITH_OP_LOAD_META, &r);
	char k[32];

	if (status != KITH_OK)
		return status;
	while (kith_rows_next(&r)) {
		column_text(&r, 0, k, sizeof(k));
		if (strcmp(k, "made_s") == 0)
			*made_s = (uint64_t)kith_rows_int(&r, 1);
		else if (strcmp(k, "device") == 0)
			n->id->device = (uint32_t)kith_rows_int(&r, 1);
		else if (strcmp(k, "record_seq") == 0)
			n->id->record_seq = (uint64_t)kith_rows_int(&r, 1);
		else if (strcmp(k, "list_version") == 0)
			n->list_version = (uint32_t)kith_rows_int(&r, 1);
		else if (strcmp(k, "restored_s") == 0)
			n->restored_s = (uint64_t)kith_rows_int(&r, 1);
		else if (strcmp(k, "session_epoch") == 0)
			n->epoch = (uint32_t)kith_rows_int(&r, 1);
		else if (strcmp(k, "locked") == 0)
			n->locked = kith_rows_int(&r, 1) != 0;
	}
	return KITH_OK;
}

static int load_invitations(struct kith_node *n)
{
	struct kith_rows r;
	int status = query(n, KITH_OP_LOAD_INVITATION, &r);

	if (status != KITH_OK)
		return status;
	while (kith_rows_next(&r)) {
		int64_t flags = kith_rows_int(&r, 5);
		struct kith_own_cap *cap;

		if ((flags & 1) != 0)
			continue;
		if (n->id->caps == KITH_CAPS_MAX)
			return KITH_E_MALFORMED;
		cap = &n->id->cap[n->id->caps++];
		cap->id = (uint64_t)kith_rows_int(&r, 0);
		if (!column(&r, 1, cap->cap, 16))
			return KITH_E_MALFORMED;
		column_text(&r, 2, cap->label, sizeof(cap->label));
		cap->created_ms = (uint64_t)kith_rows_int(&r, 3);
		cap->uses = (uint32_t)kith_rows_int(&r, 4);
		cap->shared = (flags & 2) != 0;
	}
	return KITH_OK;
}

static int load_name(struct kith_node *n)
{
	struct kith_rows r;
	int status = query(n, KITH_OP_LOAD_SETTING, &r);
	char k[32];

	while (status == KITH_OK && kith_rows_next(&r)) {
		column_text(&r, 0, k, sizeof(k));
		if (strcmp(k, "name") == 0)
			column_text(&r, 1, n->id->name, sizeof(n->id->name));
	}
	return status;
}

static int load_identity(struct kith_node *n)
{
	struct kith_rows r;
	uint64_t made_s = 0;
	unsigned keys = 0;
	int status = query(n, KITH_OP_LOAD_SECRET, &r);

	if (status != KITH_OK)
		return status;
	n->id = kith_arena_get(n->arena, sizeof(*n->id));
	if (n->id == NULL)
		return KITH_E_NOMEM;
	while (kith_rows_next(&r))
		if (!secret_row(n, &r, &keys))
			return KITH_E_MALFORMED;
	if (keys == 0) { /* a fresh profile, or a peer without an account */
		kith_arena_put(n->arena, n->id);
		n->id = NULL;
		return KITH_OK;
	}
	if (keys != 5 || n->id->prekeys == 0 || n->id->presences == 0)
		return KITH_E_MALFORMED;
	n->has_identity = true;
	status = load_meta(n, &made_s);
	if (status == KITH_OK)
		status = load_invitations(n);
	if (status == KITH_OK)
		status = load_name(n);
	if (status == KITH_OK)
		kith__identity_complete(n, made_s);
	return status;
}

static struct kith_contact *row_contact(struct kith_node *n, const struct kith_rows *r)
{
	struct kith_contact *c = kith_alloc_zero(n->alloc, 1, sizeof(*c));
	int64_t state;

	if (c == NULL || !column(r, 1, c->ik, 32)) {
		kith_alloc_free(n->alloc, c);
		return NULL;
	}
	c->id = c->conv = (uint64_t)kith_rows_int(r, 0);
	state = kith_rows_int(r, 2);
	c->state = (enum kith_contact_state)(state & 255);
	c->blocked = (state & 256) != 0;
	c->newer = (state & 512) != 0;
	c->i_am_a = (state & 1024) != 0;
	c->renewed = (state & 2048) != 0;
	column_text(r, 3, c->name, sizeof(c->name));
	column_text(r, 4, c->alias, sizeof(c->alias));
	c->verified = kith_rows_int(r, 5) != 0;
	c->has_p = column(r, 6, c->p, 32);
	c->has_ms = column(r, 7, c->ms, 32);
	c->p_epoch = (uint32_t)kith_rows_int(r, 8);
	c->manifest_version = (uint64_t)kith_rows_int(r, 9);
	(void)column(r, 10, c->manifest_hash, 32);
	c->list_version = (uint32_t)kith_rows_int(r, 11);
	c->has_cap = column(r, 12, c->cap, 16);
	c->added_ms = (uint64_t)kith_rows_int(r, 13);
	c->flow.out_next = c->flow.in_next = 1;
	return c;
}

static int load_contacts(struct kith_node *n)
{
	struct kith_rows r;
	int status = query(n, KITH_OP_LOAD_CONTACT, &r);

	while (status == KITH_OK && kith_rows_next(&r)) {
		struct kith_contact *c = row_contact(n, &r);

		if (c == NULL)
			return KITH_E_MALFORMED;
		status = kith__contact_insert(n, c);
	}
	return status;
}

static void device_links(struct kith_contact *c, const uint8_t *p, size_t len)
{
	struct kith_reader in;

	kith_reader_init(&in, p, len);
	while (in.left >= 40 && c->link.root_count < 2) {
		kith_read_bytes(&in, c->link.root[c->link.root_count].l, 32);
		c->link.root[c->link.root_count++].day = kith_read_u64(&in);
	}
}

static int load_devices(struct kith_node *n)
{
	struct kith_rows r;
	int status = query(n, KITH_OP_LOAD_DEVICE, &r);

	while (status == KITH_OK && kith_rows_next(&r)) {
		struct kith_contact *c = kith__contact(n, (uint64_t)kith_rows_int(&r, 1));
		struct kith_reader in;
		uint8_t dev[4];
		const uint8_t *p;
		size_t len;

		if (c == NULL || !column(&r, 2, dev, 4) || !column(&r, 3, c->dk, 32) ||
		    !column(&r, 4, c->xk, 32))
			return KITH_E_MALFORMED;
		c->dev = kith_load_u32(dev);
		c->has_lk = column(&r, 5, c->lk, 32);
		c->epoch = c->epoch_floor = (uint32_t)kith_rows_int(&r, 6);
		(void)column(&r, 7, c->link.last_in, 12);
		(void)column(&r, 8, c->link.last_out, 12);
		p = kith_rows_blob(&r, 9, &len);
		kith_reader_init(&in, p, len);
		while (in.left >= KITH_ADDR_WIRE && c->paths < 8)
			kith_addr_read(&in, &c->path[c->paths++]);
		p = kith_rows_blob(&r, 10, &len);
		device_links(c, p, len);
	}
	return status;
}

static int load_skipped(struct kith_node *n)
{
	struct kith_rows r;
	int status = query(n, KITH_OP_LOAD_SKIPPED, &r);

	while (status == KITH_OK && kith_rows_next(&r)) {
		struct kith_contact *c = kith__contact(n, (uint64_t)kith_rows_int(&r, 0));
		struct kith_skipped k;

		if (c == NULL || c->ratchet == NULL)
			continue;
		memset(&k, 0, sizeof(k));
		k.n = (uint32_t)kith_rows_int(&r, 2);
		k.expires_s = (uint64_t)kith_rows_int(&r, 4);
		if (!column(&r, 1, k.hk, 32) || !column(&r, 3, k.mk, 32))
			return KITH_E_MALFORMED;
		status = kith__ratchet_skipped_add(c->ratchet, &k);
		kith_wipe(&k, sizeof(k));
	}
	return status;
}

/* The ratchet of a row: without a second row it is whole (first schema), else the two make it. */
static int row_ratchet(struct kith_contact *c, const struct kith_rows *r, const uint8_t *p,
		       size_t len)
{
	uint8_t whole[KITH_RATCHET_ROW];
	size_t keys_len;
	const uint8_t *keys = kith_rows_blob(r, 4, &keys_len);
	struct kith_writer w;
	int status;

	if (keys == NULL)
		return kith__ratchet_decode(c->ratchet, p, len);
	if (keys_len != KITH_RATCHET_KEYS || len < KITH_RATCHET_KEYS_AT + 8)
		return KITH_E_MALFORMED;
	c->keys_print = kith__keys_print(keys);
	if (kith_load_u64(p + len - 8) != c->keys_print)
		return KITH_E_MALFORMED; /* of another time */
	kith_writer_init(&w, whole, sizeof(whole));
	kith_write_bytes(&w, p, KITH_RATCHET_KEYS_AT);
	kith_write_bytes(&w, keys, KITH_RATCHET_KEYS);
	kith_write_bytes(&w, p + KITH_RATCHET_KEYS_AT, len - KITH_RATCHET_KEYS_AT - 8);
	status = kith_write_end(&w) == KITH_OK ? KITH_OK : KITH_E_MALFORMED;
	if (status == KITH_OK)
		status = kith__ratchet_decode(c->ratchet, whole, w.len);
	kith_wipe(whole, sizeof(whole));
	return status;
}

static int load_ratchets(struct kith_node *n)
{
	struct kith_rows r;
	int status = query(n, KITH_OP_LOAD_RATCHET, &r);

	while (status == KITH_OK && kith_rows_next(&r)) {
		struct kith_contact *c = kith__contact(n, (uint64_t)kith_rows_int(&r, 0));
		struct kith_reader in;
		size_t len;
		const uint8_t *p = kith_rows_blob(&r, 3, &len);

		if (c == NULL || p == NULL || len < KITH_FLOW_ROW)
			return KITH_E_MALFORMED;
		c->epoch = (uint32_t)kith_rows_int(&r, 1);
		kith_reader_init(&in, p, KITH_FLOW_ROW);
		c->flow.out_next = kith_read_u32(&in);
		c->flow.in_next = kith_read_u32(&in);
		c->flow.in_bitmap = kith_read_u64(&in);
		c->flow.in_read = kith_read_u32(&in);
		c->flow.peer_read = kith_read_u32(&in);
		c->flow.ack_owed = kith_read_u8(&in) != 0;
		c->epoch_own = kith_read_u32(&in);
		kith_read_skip(&in, KITH_FLOW_ROW - KITH_FLOW_FAR - 29);
		kith_read_bytes(&in, c->flow.in_far, KITH_FLOW_FAR);
		c->flow.ack_at = n->now;
		c->ratchet = kith_arena_get(n->arena, sizeof(*c->ratchet));
		if (c->ratchet == NULL)
			return KITH_E_NOMEM;
		status = row_ratchet(c, &r, p + KITH_FLOW_ROW, len - KITH_FLOW_ROW);
		c->ratchet->alloc = n->alloc;
		c->ratchet->last = &n->last_ek;
	}
	return status == KITH_OK ? load_skipped(n) : status;
}

static int load_conversations(struct kith_node *n)
{
	struct kith_rows r;
	int status = query(n, KITH_OP_LOAD_CONVERSATION, &r);

	while (status == KITH_OK && kith_rows_next(&r)) {
		struct kith_contact *c = kith__contact_by_conv(n, (uint64_t)kith_rows_int(&r, 0));

		if (c == NULL)
			continue;
		c->hlc = (uint64_t)kith_rows_int(&r, 5);
		c->read_id = (uint64_t)kith_rows_int(&r, 6);
		c->peer_read_id = (uint64_t)kith_rows_int(&r, 7);
		c->unread = (uint32_t)kith_rows_int(&r, 8);
		c->muted = kith_rows_int(&r, 10) != 0;
		c->pinned = kith_rows_int(&r, 11) != 0;
		c->archived = kith_rows_int(&r, 12) != 0;
	}
	return status;
}

static struct kith_tag_side *tag_side(struct kith_node *n, const struct kith_rows *r)
{
	struct kith_contact *c = kith__contact(n, (uint64_t)kith_rows_int(r, 0));

	if (c == NULL)
		return NULL;
	return kith_rows_int(r, 1) == 0 ? &c->send : &c->recv;
}

static struct kith_tag_list *tag_list(struct kith_tag_side *s, uint32_t version)
{
	unsigned i;

	for (i = 0; i < s->count; i++)
		if (s->list[i].version == version)
			return &s->list[i];
	return NULL;
}

static int load_taglists(struct kith_node *n)
{
	struct kith_rows r;
	int status = query(n, KITH_OP_LOAD_TAGLIST, &r);

	while (status == KITH_OK && kith_rows_next(&r)) {
		struct kith_tag_side *s = tag_side(n, &r);
		struct kith_tag_list *l;

		if (s == NULL)
			continue;
		l = kith__tagbook_add(s);
		if (l == NULL)
			return KITH_E_MALFORMED;
		l->version = (uint32_t)kith_rows_int(&r, 2);
		l->low = (uint32_t)kith_rows_int(&r, 3);
		l->next = (uint32_t)kith_rows_int(&r, 4);
		if (!column(&r, 5, l->used, sizeof(l->used)))
			return KITH_E_MALFORMED;
		l->until_s = (uint64_t)kith_rows_int(&r, 6);
		l->live = l->until_s == 0;
	}
	return status;
}

static int load_tagchains(struct kith_node *n)
{
	struct kith_rows r;
	int status = query(n, KITH_OP_LOAD_TAGCHAIN, &r);

	while (status == KITH_OK && kith_rows_next(&r)) {
		struct kith_tag_side *s = tag_side(n, &r);
		int64_t version = kith_rows_int(&r, 2);
		struct kith_tag_list *l;
		struct kith_tag_chain *chain;
		uint8_t t[36];

		if (s == NULL)
			continue;
		if (!column(&r, 4, t, sizeof(t)))
			return KITH_E_MALFORMED;
		if (version < 0) {
			memcpy(s->root, t, 32);
			s->root_version = kith_load_u32(t + 32);
			s->has_root = true;
			continue;
		}
		l = tag_list(s, (uint32_t)version);
		if (l == NULL || l->count == KITH_MAILBOXES_MAX)
			return KITH_E_MALFORMED;
		chain = kith__tagbook_chain(l);
		if (chain == NULL)
			return KITH_E_NOMEM;
		if (!column(&r, 3, chain->ml, 32))
			return KITH_E_MALFORMED;
		memcpy(chain->t, t, 32);
		chain->at = kith_load_u32(t + 32);
		kith_wipe(t, sizeof(t));
	}
	return status;
}

/* A wall time of a row as the monotonic one; clocks may have been set since. */
static kith_time at_wall(const struct kith_node *n, uint64_t wall_ms, uint64_t most_s)
{
	uint64_t now_ms = kith__wall_ms(n);
	uint64_t wait_ms = wall_ms > now_ms ? wall_ms - now_ms : 0;

	return n->now + (wait_ms < most_s * 1000 ? wait_ms : most_s * 1000) * KITH_US_PER_MS;
}

static int load_peer_boxes(struct kith_node *n)
{
	struct kith_rows r;
	int status = query(n, KITH_OP_LOAD_PEERBOX, &r);

	while (status == KITH_OK && kith_rows_next(&r)) {
		struct kith_contact *c = kith__contact(n, (uint64_t)kith_rows_int(&r, 1));
		struct kith_peer_box *b;
		struct kith_reader in;
		size_t len;
		const uint8_t *p = kith_rows_blob(&r, 6, &len);

		if (c == NULL || (uint32_t)kith_rows_int(&r, 2) != c->list_version)
			continue;
		if (c->boxes == KITH_MAILBOXES_MAX || p == NULL)
			return KITH_E_MALFORMED;
		b = &c->box[c->boxes++];
		b->row = (uint64_t)kith_rows_int(&r, 0);
		if (!column(&r, 4, b->e.ml, 32))
			return KITH_E_MALFORMED;
		b->has_mk = column(&r, 5, b->e.mk, 32);
		kith_reader_init(&in, p, len);
		kith_addr_read(&in, &b->e.addr);
		b->e.retention = kith_read_u8(&in);
		b->e.flags = kith_read_u8(&in);
		b->e.p = (uint8_t)kith_rows_int(&r, 7);
		b->fails = (unsigned)kith_rows_int(&r, 8) & 0xffffu;
		b->audits = (unsigned)(kith_rows_int(&r, 8) >> 16);
		b->next_try = at_wall(n, (uint64_t)kith_rows_int(&r, 9), 3u * 86400u);
		if (kith_read_end(&in) != KITH_OK)
			return KITH_E_MALFORMED;
	}
	return status;
}

static struct kith_out *row_out(struct kith_node *n, const struct kith_rows *r)
{
	struct kith_out *o = kith_alloc_zero(n->alloc, 1, sizeof(*o));
	struct kith_reader in;
	const uint8_t *p;
	size_t len;
	uint8_t flags;

	if (o == NULL)
		return NULL;
	p = kith_rows_blob(r, 6, &len);
	kith_reader_init(&in, p, len);
	o->id = (uint64_t)kith_rows_int(r, 0);
	o->message = (uint64_t)kith_rows_int(r, 1);
	o->seq = (uint32_t)kith_rows_int(r, 3);
	o->epoch = (uint32_t)kith_rows_int(r, 5);
	o->tries = (unsigned)kith_rows_int(r, 7);
	o->next_ms = (uint64_t)kith_rows_int(r, 8);
	o->created_ms = (uint64_t)kith_rows_int(r, 9);
	o->type = kith_read_u16(&in);
	flags = kith_read_u8(&in);
	o->has_index = (flags & 1) != 0;
	o->light = (flags & 2) != 0;
	o->chain_full = (flags & 4) != 0;
	o->index = kith_read_u32(&in);
	o->list_version = kith_read_u32(&in);
	kith_read_bytes(&in, o->mid.b, 16);
	o->content_len = kith_read_u16(&in);
	p = kith_read_view(&in, o->content_len);
	if (p != NULL)
		o->content = kith_alloc_copy(n->alloc, p, o->content_len);
	o->frame_len = in.left;
	if (kith_rows_int(r, 4) != 0)
		o->frame = kith_alloc_copy(n->alloc, in.p, in.left);
	if (!kith_read_ok(&in) || o->content == NULL ||
	    (kith_rows_int(r, 4) != 0 && o->frame == NULL)) {
		kith_alloc_free(n->alloc, o->content);
		kith_alloc_free(n->alloc, o->frame);
		kith_alloc_free(n->alloc, o);
		return NULL;
	}
	return o;
}

static int load_outbox(struct kith_node *n)
{
	struct kith_rows r;
	int status = query(n, KITH_OP_LOAD_OUTBOX, &r);

	while (status == KITH_OK && kith_rows_next(&r)) {
		struct kith_contact *c = kith__contact(n, (uint64_t)kith_rows_int(&r, 2));
		struct kith_out *o = row_out(n, &r);

		if (c == NULL || o == NULL)
			return KITH_E_MALFORMED;
		status = kith__outbox_loaded(n, c, o);
	}
	return status;
}

static struct kith_out *find_out(struct kith_node *n, uint64_t id)
{
	struct kith_out *o = NULL;
	size_t i;

	for (i = 0; i < n->contacts && o == NULL; i++)
		o = kith__out_by_id(n->contact[i], id);
	return o;
}

static int load_copies(struct kith_node *n)
{
	struct kith_rows r;
	int status = query(n, KITH_OP_LOAD_COPY, &r);

	while (status == KITH_OK && kith_rows_next(&r)) {
		struct kith_out *o = find_out(n, (uint64_t)kith_rows_int(&r, 0));
		struct kith_copy *copy;

		if (o == NULL || o->copies == KITH_MAILBOXES_MAX)
			continue;
		copy = &o->copy[o->copies++];
		copy->box = (uint64_t)kith_rows_int(&r, 1);
		copy->version = (uint32_t)kith_rows_int(&r, 2);
		(void)column(&r, 4, copy->nonce, 24);
		copy->position = (uint32_t)kith_rows_int(&r, 5);
		copy->state = (enum kith_copy_state)kith_rows_int(&r, 6);
		if (copy->state == KITH_COPY_WORKING || copy->state == KITH_COPY_PUTTING)
			copy->state = KITH_COPY_FAILED; /* interrupted: tried again at once */
		copy->received_s = (uint64_t)kith_rows_int(&r, 7);
		copy->expires_s = (uint64_t)kith_rows_int(&r, 8);
		(void)column(&r, 9, copy->sig, 64);
		copy->tries = (unsigned)kith_rows_int(&r, 10);
		if (copy->state == KITH_COPY_KEPT)
			copy->check_ms = (uint64_t)kith_rows_int(&r, 11);
		else
			copy->next = at_wall(n, (uint64_t)kith_rows_int(&r, 11), 86400u);
	}
	return status;
}

static int load_todelete(struct kith_node *n)
{
	struct kith_rows r;
	int status = query(n, KITH_OP_LOAD_TODELETE, &r);
	uint8_t ml[32];
	uint8_t d[32];

	while (status == KITH_OK && kith_rows_next(&r))
		if (column(&r, 0, ml, 32) && column(&r, 1, d, 32))
			kith__todelete_loaded(n, ml, d, (uint64_t)kith_rows_int(&r, 2));
	return status;
}

static int load_own_boxes(struct kith_node *n)
{
	struct kith_rows r;
	int status = query(n, KITH_OP_LOAD_MYBOX, &r);

	while (status == KITH_OK && kith_rows_next(&r) && n->boxes < KITH_OWN_BOXES_MAX) {
		struct kith_own_box *b = &n->box[n->boxes++];
		struct kith_reader in;
		size_t len;
		const uint8_t *p = kith_rows_blob(&r, 2, &len);

		if (!column(&r, 0, b->e.ml, 32) || p == NULL)
			return KITH_E_MALFORMED;
		b->has_mk = column(&r, 1, b->e.mk, 32);
		kith_reader_init(&in, p, len);
		kith_addr_read(&in, &b->e.addr);
		b->e.p = kith_read_u8(&in);
		b->e.retention = kith_read_u8(&in);
		b->e.flags = kith_read_u8(&in);
		b->source = (enum kith_source)kith_rows_int(&r, 3);
		b->since_ms = (uint64_t)kith_rows_int(&r, 4);
		b->audits = (unsigned)kith_rows_int(&r, 5) & 255u;
		b->rekeyed = (kith_rows_int(&r, 5) & 256) != 0;
		b->listed_version = (uint32_t)kith_rows_int(&r, 6);
		if (b->listed_version > n->list_version)
			n->list_version = b->listed_version;
		b->listed = kith_rows_int(&r, 7) != 0;
		b->score = (int)kith_rows_int(&r, 8);
		b->drain_until_s = (uint64_t)kith_rows_int(&r, 9);
		if (kith_read_end(&in) != KITH_OK)
			return KITH_E_MALFORMED;
	}
	return status;
}

static int load_cursors(struct kith_node *n)
{
	struct kith_rows r;
	int status = query(n, KITH_OP_LOAD_CURSOR, &r);
	uint8_t ml[32];

	while (status == KITH_OK && kith_rows_next(&r)) {
		if (!column(&r, 0, ml, 32))
			return KITH_E_MALFORMED;
		kith__fetch_cursor_loaded(n, ml, (uint64_t)kith_rows_int(&r, 1),
					  (uint32_t)kith_rows_int(&r, 2),
					  (uint32_t)kith_rows_int(&r, 3));
	}
	return status;
}

static int load_seen(struct kith_node *n)
{
	struct kith_rows r;
	int status = query(n, KITH_OP_LOAD_SEEN, &r);
	uint8_t h[16];

	while (status == KITH_OK && kith_rows_next(&r))
		if (column(&r, 0, h, 16))
			status = kith_map_put(&n->seen, h, 1);
	return status;
}

int kith__load(struct kith_node *n)
{
	static int (*const step[])(struct kith_node * n) = {
		load_max,        load_identity,       load_contacts, load_devices,
		load_ratchets,   load_conversations,  load_taglists, load_tagchains,
		load_peer_boxes, load_outbox,         load_copies,   load_own_boxes,
		load_cursors,    load_seen,           load_todelete, kith__parts_load,
		kith__said_load, kith__load_requests,
	};
	size_t i;

	for (i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
		int status = step[i](n);

		if (status != KITH_OK)
			return status;
	}
	for (i = 0; i < n->contacts && !n->locked; i++)
		kith__contact_link(n, n->contact[i]);
	kith__identity_apply(n);
	kith__tagbook_changed(n);
	kith__restored(n);
	kith__twin_start(n);
	return KITH_OK;
}
