/* SPDX-License-Identifier: ISC */
/*
 * Texts that come in parts: each part is acked by itself, so it stands in a row of `part` until the
 * message is whole; memory mirrors the rows. An acked part that gives way is a lost message, so the
 * caps hold all that an honest sender can have open: a message is unfinished while one of the seqs
 * in the sender's window is missing, and its parts have neighbouring seqs. Beyond, the oldest goes.
 *
 * A frame that was opened cannot be opened again, so the memory for one more part is set aside
 * before (kith__parts_room). A whole text that finds no memory to be joined keeps its rows, and is
 * joined with the next part that comes, or at the next start.
 */
#include <string.h>

#include "node/msgs.h"

#define PARTS_MAX   16u
#define PENDING_MAX 1024u /* one missing seq each: the window of flow.c */
#define HELD_MAX    1088u /* parts held: the window, and the rest of a message before it */
#define PART_KEEP_S (60u * 86400u)

struct pending_text {
	struct kith_msgid mid;
	uint64_t hlc; /* of part 0 */
	unsigned parts, have;
	uint8_t *bytes[PARTS_MAX];
	uint16_t len[PARTS_MAX];
};

struct kith_parts {
	struct pending_text *text[PENDING_MAX]; /* oldest first */
	unsigned count, held;
};

/* What one more part may need. */
struct kith_part_spare {
	struct kith_parts *parts;
	struct pending_text *text;
	uint8_t *bytes;
};

bool kith__parts_room(struct kith_node *n)
{
	struct kith_part_spare *s = n->part_spare;

	if (s == NULL)
		s = n->part_spare = kith_alloc_zero(n->alloc, 1, sizeof(*s));
	if (s == NULL)
		return false;
	if (s->parts == NULL)
		s->parts = kith_alloc_zero(n->alloc, 1, sizeof(*s->parts));
	if (s->text == NULL)
		s->text = kith_alloc_zero(n->alloc, 1, sizeof(*s->text));
	if (s->bytes == NULL)
		s->bytes = kith_alloc_zero(n->alloc, 1, KITH_CONTENT_FULL + 1);
	return s->parts != NULL && s->text != NULL && s->bytes != NULL;
}

void kith__parts_room_free(struct kith_node *n)
{
	struct kith_part_spare *s = n->part_spare;

	if (s == NULL)
		return;
	kith_alloc_free(n->alloc, s->parts);
	kith_alloc_free(n->alloc, s->text);
	kith_alloc_free(n->alloc, s->bytes);
	kith_alloc_free(n->alloc, s);
	n->part_spare = NULL;
}

_Static_assert(HELD_MAX > KITH_UNACKED_MAX + 64u + 2u * PARTS_MAX, "a sender's window");

static void text_free(struct kith_node *n, struct pending_text *t)
{
	unsigned i;

	for (i = 0; i < PARTS_MAX; i++) {
		if (t->bytes[i] != NULL)
			kith_wipe(t->bytes[i], t->len[i]);
		kith_alloc_free(n->alloc, t->bytes[i]);
	}
	kith_alloc_free(n->alloc, t);
}

void kith__parts_free(struct kith_node *n, struct kith_contact *c)
{
	unsigned i;

	for (i = 0; c->parts != NULL && i < c->parts->count; i++)
		text_free(n, c->parts->text[i]);
	kith_alloc_free(n->alloc, c->parts);
	c->parts = NULL;
}

static void drop(struct kith_node *n, struct kith_contact *c, unsigned at)
{
	struct kith_parts *p = c->parts;
	struct pending_text *t = p->text[at];
	struct kith_op op = kith_op(KITH_OP_PART_DELETE);

	kith_op_int(&op, (int64_t)c->conv);
	kith_op_int(&op, (int64_t)c->id);
	kith_op_blob(&op, t->mid.b, 16);
	kith__put(n, &op);
	p->held -= t->have;
	text_free(n, t);
	memmove(&p->text[at], &p->text[at + 1], (p->count - at - 1) * sizeof(p->text[0]));
	p->count--;
}

/* The three below take from the spare; NULL only while loading, where there is none. */
static struct kith_parts *new_parts(struct kith_node *n)
{
	struct kith_part_spare *s = n->part_spare;
	struct kith_parts *p;

	if (s == NULL || s->parts == NULL)
		return kith_alloc_zero(n->alloc, 1, sizeof(*p));
	p = s->parts;
	s->parts = NULL;
	return p;
}

static struct pending_text *new_text(struct kith_node *n)
{
	struct kith_part_spare *s = n->part_spare;
	struct pending_text *t;

	if (s == NULL || s->text == NULL)
		return kith_alloc_zero(n->alloc, 1, sizeof(*t));
	t = s->text;
	s->text = NULL;
	return t;
}

static uint8_t *new_bytes(struct kith_node *n, const uint8_t *bytes, size_t len)
{
	struct kith_part_spare *s = n->part_spare;
	uint8_t *copy = kith_alloc_copy(n->alloc, bytes, len);

	if (copy != NULL || s == NULL || s->bytes == NULL || len > KITH_CONTENT_FULL)
		return copy;
	copy = s->bytes;
	s->bytes = NULL;
	memcpy(copy, bytes, len);
	return copy;
}

/* Position of the message, made when it is not there; PENDING_MAX: no memory. */
static unsigned find(struct kith_node *n, struct kith_contact *c, const struct kith_msgid *mid,
		     unsigned parts)
{
	struct pending_text *t;
	unsigned i;

	if (c->parts == NULL)
		c->parts = new_parts(n);
	if (c->parts == NULL)
		return PENDING_MAX;
	for (i = 0; i < c->parts->count; i++)
		if (memcmp(c->parts->text[i]->mid.b, mid->b, 16) == 0)
			return i;
	t = new_text(n);
	if (t == NULL)
		return PENDING_MAX;
	if (c->parts->count == PENDING_MAX) {
		n->refused_frames++;
		drop(n, c, 0);
	}
	t->mid = *mid;
	t->parts = parts;
	c->parts->text[c->parts->count] = t;
	return c->parts->count++;
}

/* True when the part was new. */
static bool keep(struct kith_node *n, struct pending_text *t, unsigned idx, const uint8_t *bytes,
		 size_t len)
{
	if (idx >= t->parts || t->parts > PARTS_MAX || t->bytes[idx] != NULL || len > UINT16_MAX)
		return false;
	t->bytes[idx] = new_bytes(n, bytes, len);
	if (t->bytes[idx] == NULL)
		return false;
	t->len[idx] = (uint16_t)len;
	t->have++;
	return true;
}

/* Row body: hlc 8 | bytes. */
static void part_row(struct kith_node *n, const struct kith_contact *c,
		     const struct pending_text *t, unsigned idx)
{
	struct kith_op op = kith_op(KITH_OP_PART_PUT);
	uint8_t body[8 + KITH_CONTENT_FULL];

	KITH_ASSERT(t->len[idx] <= KITH_CONTENT_FULL);
	kith_store_u64(body, t->hlc);
	memcpy(body + 8, t->bytes[idx], t->len[idx]);
	kith_op_int(&op, (int64_t)c->conv);
	kith_op_int(&op, (int64_t)c->id);
	kith_op_blob(&op, t->mid.b, 16);
	kith_op_int(&op, idx);
	kith_op_int(&op, t->parts);
	kith_op_blob(&op, body, 8u + t->len[idx]);
	kith_op_int(&op, (int64_t)(kith__wall_s(n) + PART_KEEP_S));
	kith__put(n, &op);
	kith_wipe(body, sizeof(body));
}

/* False: no memory to join it; it stays. */
static bool whole(struct kith_node *n, struct kith_contact *c, unsigned at, uint32_t seq, bool gap)
{
	struct pending_text *t = c->parts->text[at];
	struct kith_chat_part p = {.mid = t->mid, .parts = 1, .hlc = t->hlc};
	uint8_t *all = kith_alloc_zero(n->alloc, PARTS_MAX, KITH_CONTENT_FULL);
	size_t len = 0;
	unsigned i;

	if (all == NULL)
		return false;
	for (i = 0; i < t->parts; i++) {
		memcpy(all + len, t->bytes[i], t->len[i]);
		len += t->len[i];
	}
	kith__text_arrived(n, c, &p, all, len, seq, gap);
	kith_wipe(all, len);
	kith_alloc_free(n->alloc, all);
	drop(n, c, at);
	return true;
}

/* Texts that are whole and could not be joined when they became so. */
static void join_rest(struct kith_node *n, struct kith_contact *c, uint32_t seq)
{
	unsigned at;

	for (at = c->parts->count; at-- > 0;)
		if (c->parts->text[at]->have == c->parts->text[at]->parts)
			(void)whole(n, c, at, seq, false);
}

void kith__part_arrived(struct kith_node *n, struct kith_contact *c, const struct kith_chat_part *p,
			uint32_t seq, bool gap)
{
	unsigned at = find(n, c, &p->mid, p->parts);
	struct pending_text *t;

	if (at == PENDING_MAX || p->len > KITH_CONTENT_FULL) {
		n->refused_frames++;
		return;
	}
	t = c->parts->text[at];
	if (t->parts != p->parts || !keep(n, t, p->part, p->bytes, p->len)) {
		n->refused_frames++;
		return;
	}
	c->parts->held++;
	if (p->part == 0)
		t->hlc = p->hlc;
	if (t->have < t->parts || !whole(n, c, at, seq, gap))
		part_row(n, c, t, p->part);
	else
		join_rest(n, c, seq);
	while (c->parts->held > HELD_MAX) {
		n->refused_frames++;
		drop(n, c, 0);
	}
}

static void load_row(struct kith_node *n, struct kith_rows *rows)
{
	struct kith_contact *c = kith__contact(n, (uint64_t)kith_rows_int(rows, 1));
	struct kith_msgid mid;
	size_t mid_len;
	size_t len;
	const uint8_t *m = kith_rows_blob(rows, 2, &mid_len);
	const uint8_t *body = kith_rows_blob(rows, 5, &len);
	int64_t idx = kith_rows_int(rows, 3);
	int64_t parts = kith_rows_int(rows, 4);
	unsigned at;

	if (c == NULL || m == NULL || mid_len != 16 || body == NULL || len < 8 || idx < 0 ||
	    parts < 2 || parts > (int64_t)PARTS_MAX || idx >= parts)
		return;
	memcpy(mid.b, m, 16);
	at = find(n, c, &mid, (unsigned)parts);
	if (at == PENDING_MAX)
		return;
	if (keep(n, c->parts->text[at], (unsigned)idx, body + 8, len - 8))
		c->parts->held++;
	if (idx == 0)
		c->parts->text[at]->hlc = kith_load_u64(body);
}

int kith__parts_load(struct kith_node *n)
{
	struct kith_op op = kith_op(KITH_OP_LOAD_PART);
	struct kith_rows rows;
	int status = kith_store_read_now(n->account, &op, &rows);
	size_t i;

	if (status != KITH_OK)
		return status;
	while (kith_rows_next(&rows))
		load_row(n, &rows);
	for (i = 0; i < n->contacts; i++)
		if (n->contact[i]->parts != NULL)
			join_rest(n, n->contact[i], 0);
	return KITH_OK;
}
