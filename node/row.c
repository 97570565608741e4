/* SPDX-License-Identifier: ISC */
/*
 * Memory to rows: one function per table, each a mirror of load.c. Hot rows are marked dirty and
 * written once per batch by kith__flush.
 */
#include <string.h>

#include "node/internal.h"

int kith__may_write(const struct kith_node *n)
{
	if (n->locked)
		return KITH_E_STATE;
	switch (kith_store_state(n->account)) {
	case KITH_STORE_OK: break;
	case KITH_STORE_NOSPACE: return KITH_E_NOSPACE;
	case KITH_STORE_READONLY: return KITH_E_IO;
	}
	return KITH_OK;
}

void kith__put(struct kith_node *n, const struct kith_op *op)
{
	uint64_t batch;
	int status;

	/* Input stops while the store or the disk is full (kith__gate_full), and calls that create
	 * rows ask first; what is under way still fits (kith_store_beyond, kith_store_force). So a
	 * refusal here would be a lost change: stop before it is told. */
	status = kith_store_put(n->account, op, &batch);
	n->open_ops++; /* also on a broken disk: what rests on it then waits for ever, untold */
	KITH_ASSERT(status == KITH_OK || kith_store_state(n->account) == KITH_STORE_READONLY);
}

static void op_flag(struct kith_op *op, bool v)
{
	kith_op_int(op, v ? 1 : 0);
}

static void op_text(struct kith_op *op, const char *text)
{
	kith_op_text(op, text, strlen(text));
}

static void op_optional(struct kith_op *op, bool there, const void *p, size_t len)
{
	if (there)
		kith_op_blob(op, p, len);
	else
		kith_op_null(op);
}

void kith__row_contact(struct kith_node *n, const struct kith_contact *c)
{
	struct kith_op op = kith_op(KITH_OP_CONTACT_PUT);

	kith_op_int(&op, (int64_t)c->id);
	kith_op_blob(&op, c->ik, 32);
	kith_op_int(&op, c->state | (c->blocked ? 256 : 0) | (c->newer ? 512 : 0) |
				 (c->i_am_a ? 1024 : 0) | (c->renewed ? 2048 : 0));
	op_text(&op, c->name);
	op_text(&op, c->alias);
	op_flag(&op, c->verified);
	op_optional(&op, c->has_p, c->p, 32);
	op_optional(&op, c->has_ms, c->ms, 32);
	kith_op_int(&op, c->p_epoch);
	kith_op_int(&op, (int64_t)c->manifest_version);
	kith_op_blob(&op, c->manifest_hash, 32);
	kith_op_int(&op, c->list_version);
	op_optional(&op, c->has_cap, c->cap, 16);
	kith_op_int(&op, (int64_t)c->added_ms);
	kith__put(n, &op);
}

static size_t links_encode(uint8_t out[static 96], const struct kith_contact *c)
{
	struct kith_writer w;
	unsigned i;

	kith_writer_init(&w, out, 96);
	for (i = 0; i < c->link.root_count; i++) {
		kith_write_bytes(&w, c->link.root[i].l, 32);
		kith_write_u64(&w, c->link.root[i].day);
	}
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
	return w.len;
}

static size_t paths_encode(uint8_t out[static 8 * KITH_ADDR_WIRE], const struct kith_contact *c)
{
	struct kith_writer w;
	size_t i;

	kith_writer_init(&w, out, 8 * KITH_ADDR_WIRE);
	for (i = 0; i < c->paths; i++)
		kith_addr_write(&w, &c->path[i]);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
	return w.len;
}

void kith__row_device(struct kith_node *n, const struct kith_contact *c)
{
	struct kith_op op = kith_op(KITH_OP_DEVICE_PUT);
	uint8_t dev[4];
	uint8_t links[96];
	uint8_t paths[8 * KITH_ADDR_WIRE];
	size_t links_len = links_encode(links, c);
	size_t paths_len = paths_encode(paths, c);

	kith_store_u32(dev, c->dev);
	kith_op_int(&op, (int64_t)c->id);
	kith_op_int(&op, (int64_t)c->id);
	kith_op_blob(&op, dev, 4);
	kith_op_blob(&op, c->dk, 32);
	kith_op_blob(&op, c->xk, 32);
	op_optional(&op, c->has_lk, c->lk, 32);
	kith_op_int(&op, c->epoch_floor);
	kith_op_blob(&op, c->link.last_in, 12);
	kith_op_blob(&op, c->link.last_out, 12);
	kith_op_blob(&op, paths, paths_len);
	kith_op_blob(&op, links, links_len);
	kith_op_int(&op, 0);
	kith__put(n, &op);
	kith_wipe(links, sizeof(links));
}

void kith__row_conversation(struct kith_node *n, const struct kith_contact *c)
{
	struct kith_op op = kith_op(KITH_OP_CONVERSATION_PUT);

	kith_op_int(&op, (int64_t)c->conv);
	kith_op_int(&op, 0);
	kith_op_int(&op, (int64_t)c->id);
	kith_op_null(&op);
	kith_op_null(&op);
	kith_op_int(&op, (int64_t)c->hlc);
	kith_op_int(&op, (int64_t)c->read_id);
	kith_op_int(&op, (int64_t)c->peer_read_id);
	kith_op_int(&op, c->unread);
	kith_op_int(&op, 0);
	op_flag(&op, c->muted);
	op_flag(&op, c->pinned);
	op_flag(&op, c->archived);
	kith__put(n, &op);
}

static uint64_t skipped_print(const struct kith_ratchet *r)
{
	static const uint8_t key[16];
	uint64_t print = r->skipped_count;
	size_t i;

	for (i = 0; i < r->skipped_count; i++)
		print += kith_siphash(key, r->skipped[i].hk, 32) * (r->skipped[i].n + 1u);
	return print;
}

static void row_skipped(struct kith_node *n, struct kith_contact *c)
{
	uint64_t print = skipped_print(c->ratchet);
	struct kith_op op;
	size_t i;

	if (print == c->skipped_print)
		return;
	c->skipped_print = print;
	op = kith_op(KITH_OP_SKIPPED_DROP);
	kith_op_int(&op, (int64_t)c->id);
	kith__put(n, &op);
	for (i = 0; i < c->ratchet->skipped_count; i++) {
		const struct kith_skipped *k = &c->ratchet->skipped[i];

		op = kith_op(KITH_OP_SKIPPED_PUT);
		kith_op_int(&op, (int64_t)c->id);
		kith_op_blob(&op, k->hk, 32);
		kith_op_int(&op, k->n);
		kith_op_blob(&op, k->mk, 32);
		kith_op_int(&op, (int64_t)k->expires_s);
		kith__put(n, &op);
	}
}

static void row_keys(struct kith_node *n, struct kith_contact *c)
{
	struct kith_op op = kith_op(KITH_OP_RATCHET_KEYS_PUT);
	uint64_t print = kith__ratchet_keys_print(c->ratchet);
	uint8_t keys[KITH_RATCHET_KEYS];

	if (print == c->keys_print)
		return;
	c->keys_print = print;
	kith__ratchet_encode_keys(keys, c->ratchet);
	kith_op_int(&op, (int64_t)c->id);
	kith_op_blob(&op, keys, sizeof(keys));
	kith__put(n, &op); /* copies: only then are the keys wiped */
	kith_wipe(keys, sizeof(keys));
}

void kith__row_ratchet(struct kith_node *n, struct kith_contact *c)
{
	struct kith_op op = kith_op(KITH_OP_RATCHET_PUT);
	uint8_t rest[KITH_RATCHET_ROW], body[KITH_FLOW_ROW + KITH_RATCHET_ROW];
	struct kith_writer w;
	size_t len;

	KITH_ASSERT(c->ratchet != NULL);
	len = kith__ratchet_encode_rest(rest, c->ratchet);
	kith_writer_init(&w, body, sizeof(body));
	kith_write_u32(&w, c->flow.out_next);
	kith_write_u32(&w, c->flow.in_next);
	kith_write_u64(&w, c->flow.in_bitmap);
	kith_write_u32(&w, c->flow.in_read);
	kith_write_u32(&w, c->flow.peer_read);
	kith_write_u8(&w, c->flow.ack_owed ? 1 : 0);
	kith_write_u32(&w, c->epoch_own);
	kith_write_zeros(&w, KITH_FLOW_ROW - KITH_FLOW_FAR - 29);
	kith_write_bytes(&w, c->flow.in_far, sizeof(c->flow.in_far));
	kith_write_bytes(&w, rest, len);
	kith_write_u64(&w, kith__ratchet_keys_print(c->ratchet));
	kith_op_int(&op, (int64_t)c->id);
	kith_op_int(&op, c->epoch);
	op_flag(&op, c->ratchet->may_send);
	kith_op_blob(&op, body, w.len);
	kith__put(n, &op);
	row_keys(n, c);
	kith_wipe(body, sizeof(body));
	kith_wipe(rest, sizeof(rest));
	row_skipped(n, c);
}

static void row_chain(struct kith_node *n, const struct kith_contact *c, int dir, int64_t version,
		      const uint8_t ml[static 32], const uint8_t t[static 32], uint32_t at)
{
	struct kith_op op = kith_op(KITH_OP_TAGCHAIN_PUT);
	uint8_t body[36];

	memcpy(body, t, 32);
	kith_store_u32(body + 32, at);
	kith_op_int(&op, (int64_t)c->id);
	kith_op_int(&op, dir);
	kith_op_int(&op, version);
	kith_op_blob(&op, ml, 32);
	kith_op_blob(&op, body, sizeof(body));
	kith__put(n, &op); /* copies: only then is the body wiped */
	kith_wipe(body, sizeof(body));
}

static void row_tag_side(struct kith_node *n, const struct kith_contact *c, int dir,
			 const struct kith_tag_side *s)
{
	static const uint8_t no_box[32];
	struct kith_op op;
	unsigned i;
	unsigned k;

	for (i = 0; i < s->count; i++) {
		const struct kith_tag_list *l = &s->list[i];

		op = kith_op(KITH_OP_TAGLIST_PUT);
		kith_op_int(&op, (int64_t)c->id);
		kith_op_int(&op, dir);
		kith_op_int(&op, l->version);
		kith_op_int(&op, l->low);
		kith_op_int(&op, l->next);
		kith_op_blob(&op, l->used, sizeof(l->used));
		kith_op_int(&op, (int64_t)l->until_s);
		kith__put(n, &op);
		for (k = 0; k < l->count; k++)
			row_chain(n, c, dir, l->version, l->chain[k].ml, l->chain[k].t,
				  l->chain[k].at);
	}
	if (s->has_root) /* the root of the next version stands at version -1 */
		row_chain(n, c, dir, -1, no_box, s->root, s->root_version);
}

void kith__row_tags(struct kith_node *n, const struct kith_contact *c)
{
	row_tag_side(n, c, 0, &c->send);
	row_tag_side(n, c, 1, &c->recv);
}

static uint64_t wall_of(const struct kith_node *n, kith_time at)
{
	return at > n->now && at != KITH_NEVER ? kith__wall_ms(n) + (at - n->now) / KITH_US_PER_MS
					       : 0;
}

void kith__row_peer_boxes(struct kith_node *n, struct kith_contact *c)
{
	unsigned i;

	for (i = 0; i < c->boxes; i++) {
		struct kith_peer_box *b = &c->box[i];
		struct kith_op op = kith_op(KITH_OP_PEERBOX_PUT);
		uint8_t addr[KITH_ADDR_WIRE + 2];
		struct kith_writer w;

		if (b->row == 0)
			b->row = n->next_peerbox++;
		kith_writer_init(&w, addr, sizeof(addr));
		kith_addr_write(&w, &b->e.addr);
		kith_write_u8(&w, b->e.retention);
		kith_write_u8(&w, b->e.flags);
		kith_op_int(&op, (int64_t)b->row);
		kith_op_int(&op, (int64_t)c->id);
		kith_op_int(&op, c->list_version);
		kith_op_int(&op, i);
		kith_op_blob(&op, b->e.ml, 32);
		op_optional(&op, b->has_mk, b->e.mk, 32);
		kith_op_blob(&op, addr, w.len);
		kith_op_int(&op, b->e.p);
		kith_op_int(&op, b->fails | (int64_t)b->audits << 16);
		kith_op_int(&op, (int64_t)wall_of(n, b->next_try));
		kith__put(n, &op);
	}
}

void kith__row_out(struct kith_node *n, const struct kith_contact *c, const struct kith_out *o)
{
	struct kith_op op = kith_op(KITH_OP_OUTBOX_PUT);
	uint8_t *row =
		kith_alloc_zero(n->alloc, KITH_OUT_ROW_HEAD + o->frame_len + o->content_len, 1);
	struct kith_writer w;

	KITH_ASSERT(row != NULL);
	kith_writer_init(&w, row, KITH_OUT_ROW_HEAD + o->frame_len + o->content_len);
	kith_write_u16(&w, o->type);
	kith_write_u8(&w, (uint8_t)((o->has_index ? 1 : 0) | (o->light ? 2 : 0) |
				    (o->chain_full ? 4 : 0)));
	kith_write_u32(&w, o->index);
	kith_write_u32(&w, o->list_version);
	kith_write_bytes(&w, o->mid.b, 16);
	kith_write_u16(&w, (uint16_t)o->content_len);
	kith_write_bytes(&w, o->content, o->content_len);
	kith_write_bytes(&w, o->frame, o->frame_len);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
	kith_op_int(&op, (int64_t)o->id);
	if (o->message != 0)
		kith_op_int(&op, (int64_t)o->message);
	else
		kith_op_null(&op);
	kith_op_int(&op, (int64_t)c->id);
	kith_op_int(&op, o->seq);
	kith_op_int(&op, o->frame == NULL ? 0 : o->light ? 2 : 1);
	kith_op_int(&op, o->epoch);
	kith_op_blob(&op, row, w.len);
	kith_op_int(&op, o->tries);
	kith_op_int(&op, (int64_t)o->next_ms);
	kith_op_int(&op, (int64_t)o->created_ms);
	kith__put(n, &op);
	kith_wipe(row, w.len);
	kith_alloc_free(n->alloc, row);
}

/* When it is audited, or tried again. */
static uint64_t copy_next_ms(const struct kith_node *n, const struct kith_copy *copy)
{
	return copy->state == KITH_COPY_KEPT ? copy->check_ms : wall_of(n, copy->next);
}

void kith__row_copy(struct kith_node *n, const struct kith_out *o, const struct kith_copy *copy)
{
	struct kith_op op = kith_op(KITH_OP_COPY_PUT);

	kith_op_int(&op, (int64_t)o->id);
	kith_op_int(&op, (int64_t)copy->box);
	kith_op_int(&op, copy->version);
	kith_op_int(&op, o->index);
	kith_op_blob(&op, copy->nonce, 24);
	kith_op_int(&op, copy->position);
	kith_op_int(&op, copy->state);
	kith_op_int(&op, (int64_t)copy->received_s);
	kith_op_int(&op, (int64_t)copy->expires_s);
	kith_op_blob(&op, copy->sig, 64);
	kith_op_int(&op, copy->tries);
	kith_op_int(&op, (int64_t)copy_next_ms(n, copy));
	kith__put(n, &op);
}

void kith__row_own_box(struct kith_node *n, const struct kith_own_box *b)
{
	struct kith_op op = kith_op(KITH_OP_MYBOX_PUT);
	uint8_t addr[KITH_ADDR_WIRE + 3];
	struct kith_writer w;

	kith_writer_init(&w, addr, sizeof(addr));
	kith_addr_write(&w, &b->e.addr);
	kith_write_u8(&w, b->e.p);
	kith_write_u8(&w, b->e.retention);
	kith_write_u8(&w, b->e.flags);
	kith_op_blob(&op, b->e.ml, 32);
	op_optional(&op, b->has_mk, b->e.mk, 32);
	kith_op_blob(&op, addr, w.len);
	kith_op_int(&op, b->source);
	kith_op_int(&op, (int64_t)b->since_ms);
	kith_op_int(&op, b->audits | (b->rekeyed ? 256 : 0));
	kith_op_int(&op, b->listed_version);
	kith_op_int(&op, b->listed ? 1 : 0);
	kith_op_int(&op, b->score);
	kith_op_int(&op, (int64_t)b->drain_until_s);
	kith__put(n, &op);
}

void kith__row_secret(struct kith_node *n, const char *name, uint64_t slot, const void *body,
		      size_t len, uint64_t expires_s)
{
	struct kith_op op = kith_op(KITH_OP_SECRET_PUT);

	op_text(&op, name);
	kith_op_int(&op, (int64_t)slot);
	kith_op_blob(&op, body, len);
	if (expires_s != 0)
		kith_op_int(&op, (int64_t)expires_s);
	else
		kith_op_null(&op);
	kith__put(n, &op);
}

void kith__row_meta_int(struct kith_node *n, const char *k, int64_t v)
{
	struct kith_op op = kith_op(KITH_OP_META_SET);

	op_text(&op, k);
	kith_op_int(&op, v);
	kith__put(n, &op);
}

void kith__row_meta_blob(struct kith_node *n, const char *k, const void *p, size_t len)
{
	struct kith_op op = kith_op(KITH_OP_META_SET);

	op_text(&op, k);
	kith_op_blob(&op, p, len);
	kith__put(n, &op);
}

void kith__row_setting(struct kith_node *n, const char *k, const char *v)
{
	struct kith_op op = kith_op(KITH_OP_SETTING_SET);

	op_text(&op, k);
	op_text(&op, v);
	kith__put(n, &op);
}

void kith__row_invitation(struct kith_node *n, const struct kith_own_cap *cap)
{
	struct kith_op op = kith_op(KITH_OP_INVITATION_PUT);

	kith_op_int(&op, (int64_t)cap->id);
	kith_op_blob(&op, cap->cap, 16);
	op_text(&op, cap->label);
	kith_op_int(&op, (int64_t)cap->created_ms);
	kith_op_int(&op, cap->uses);
	kith_op_int(&op, (cap->revoked ? 1 : 0) | (cap->shared ? 2 : 0));
	kith__put(n, &op);
}

void kith__row_seen(struct kith_node *n, const uint8_t h[static 16], uint64_t expires_s)
{
	struct kith_op op = kith_op(KITH_OP_SEEN_PUT);

	kith_op_blob(&op, h, 16);
	kith_op_int(&op, (int64_t)expires_s);
	kith__put(n, &op);
	if (kith_map_put(&n->seen, h, 1) != KITH_OK)
		kith_log_add(n->log, n->now, KITH_LOG_WARN, "the table of seen envelopes is full");
}

void kith__row_todelete(struct kith_node *n, const uint8_t ml[static 32],
			const uint8_t d[static 32], uint64_t due_ms, uint64_t expires_s)
{
	struct kith_op op = kith_op(KITH_OP_TODELETE_PUT);

	kith_op_blob(&op, ml, 32);
	kith_op_blob(&op, d, 32);
	kith_op_int(&op, (int64_t)due_ms);
	kith_op_int(&op, (int64_t)expires_s);
	kith__put(n, &op);
}

void kith__dirty(struct kith_node *n, struct kith_contact *c, bool ratchet, bool conv, bool tags)
{
	void *list = n->dirty;

	c->dirty_ratchet |= ratchet;
	c->dirty_conv |= conv;
	c->dirty_tags |= tags;
	if (c->in_dirty_list)
		return;
	KITH_ASSERT(kith_alloc_grow(n->alloc, &list, &n->dirty_cap, n->dirties + 1,
				    KITH_CONTACTS_MAX, sizeof(*n->dirty)) == KITH_OK);
	n->dirty = list;
	n->dirty[n->dirties++] = c;
	c->in_dirty_list = true;
}

void kith__flush(struct kith_node *n)
{
	size_t i;

	for (i = 0; i < n->dirties; i++) {
		struct kith_contact *c = n->dirty[i];

		kith__ack_flush(n, c);
		if (c->dirty_ratchet && c->ratchet != NULL)
			kith__row_ratchet(n, c);
		if (c->dirty_conv)
			kith__row_conversation(n, c);
		if (c->dirty_tags)
			kith__row_tags(n, c);
		c->dirty_ratchet = c->dirty_conv = c->dirty_tags = c->in_dirty_list = false;
	}
	n->dirties = 0;
	kith__event_flush(n);
}
