/* SPDX-License-Identifier: ISC */
/*
 * A damaged database read as what it is made of: sealed pages, b-trees, records (the file format
 * of SQLite, sections 1.6 and 2.1). No page is believed before its seal opened, no length before
 * it was compared with what is there, and no page is taken twice. A page that does not open costs
 * what lies on it; where it led to others, these are found as orphans.
 */
#include <string.h>

#include "store/internal.h"

#define INTERIOR_INDEX 2u
#define INTERIOR_TABLE 5u
#define LEAF_INDEX     10u
#define LEAF_TABLE     13u
#define ROW_MAX        (16u << 20)

static uint32_t load_be(const uint8_t *p, size_t len)
{
	uint32_t v = 0;

	for (size_t i = 0; i < len; i++)
		v = v << 8 | p[i];
	return v;
}

/* SQLite's integer of 1 to 9 bytes. */
static uint64_t read_number(struct kith_reader *in)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < 8; i++) {
		uint8_t b = kith_read_u8(in);

		v = v << 7 | (b & 0x7fu);
		if ((b & 0x80u) == 0)
			return v;
	}
	return v << 8 | kith_read_u8(in);
}

/* ---- pages ---- */

static size_t frame_size(const struct kith__image *im)
{
	return KITH__FRAME_HEAD + im->seal.page;
}

/* The plain page `number`; false: it does not open. */
static bool read_page(struct kith__image *im, uint32_t number, uint8_t *out)
{
	struct kith__seal *s = &im->seal;
	uint64_t at = (uint64_t)(number - 1) * s->page;
	int64_t as = number;
	uint32_t file = im->file;
	size_t got = 0;

	if (im->frame[number] != 0) {
		at = KITH__WAL_HEADER + (im->frame[number] - 1) * frame_size(im) + KITH__FRAME_HEAD;
		as = -(int64_t)im->frame[number];
		file = im->log;
	}
	return im->disk->read(im->disk->ctx, file, at, s->cipher, s->page, &got) == KITH_OK &&
	       got == s->page && kith__page_open(s, as, s->cipher, out) == KITH_OK;
}

/* Frame `n`, from 0: unmasked head and page in seal.cipher. False: it does not open. */
static bool read_frame(struct kith__image *im, uint64_t n)
{
	struct kith__seal *s = &im->seal;
	uint8_t *cipher = s->cipher + KITH__FRAME_HEAD;
	size_t got = 0;

	if (im->disk->read(im->disk->ctx, im->log, KITH__WAL_HEADER + n * frame_size(im), s->cipher,
			   frame_size(im), &got) != KITH_OK ||
	    got != frame_size(im) ||
	    kith__page_open(s, -1 - (int64_t)n, cipher, s->plain) != KITH_OK)
		return false;
	kith__wal_mask(s, n, cipher, s->cipher);
	return true;
}

/* Makes room for pages up to `count`. */
static int reach(struct kith__image *im, uint64_t count)
{
	uint32_t *frame;

	if (count <= im->pages)
		return KITH_OK;
	if (count >= UINT32_MAX / 2)
		return KITH_E_MALFORMED;
	frame = kith_alloc_resize(im->alloc, im->frame, (size_t)count + 1, sizeof(*frame));
	if (frame == NULL)
		return KITH_E_NOMEM;
	memset(frame + im->pages + 1, 0, (size_t)(count - im->pages) * sizeof(*frame));
	im->frame = frame;
	im->pages = count;
	return KITH_OK;
}

/* Where the last commit of the log ends: whole frames of this log from its beginning. */
static uint64_t whole_frames(struct kith__image *im, const uint8_t *salt, uint64_t count)
{
	uint64_t end = 0, n = 0;

	for (; n < count && read_frame(im, n); n++) {
		if (memcmp(im->seal.cipher + 8, salt, 8) != 0)
			return end; /* of an earlier log */
		if (load_be(im->seal.cipher + 4, 4) != 0)
			end = n + 1;
	}
	/* what does not open may be a torn end, or damage in the middle of what was committed */
	for (uint64_t k = n + 1; k < count; k++) {
		if (read_frame(im, k) && memcmp(im->seal.cipher + 8, salt, 8) == 0) {
			im->mixed = true;
			im->frames_bad++;
		}
	}
	im->frames_bad += im->mixed;
	return end;
}

static int read_log(struct kith__image *im, struct kith_profile *p)
{
	uint8_t head[KITH__WAL_HEADER];
	uint64_t size = 0, end;
	size_t got = 0;
	int status = kith__file_handle(p, "account.db-wal", &im->log);

	if (status != KITH_OK)
		return status == KITH_E_NOTFOUND ? KITH_OK : status;
	im->log_open = true;
	status = im->disk->size(im->disk->ctx, im->log, &size);
	if (status != KITH_OK || size < sizeof(head))
		return status;
	status = im->disk->read(im->disk->ctx, im->log, 0, head, sizeof(head), &got);
	if (status != KITH_OK || got != sizeof(head) || kith_is_zero(head, sizeof(head)))
		return status;
	end = whole_frames(im, head + 16, (size - sizeof(head)) / frame_size(im));
	for (uint64_t n = 0; n < end && status == KITH_OK; n++) {
		uint32_t number;

		if (!read_frame(im, n))
			return KITH_E_IO;
		number = load_be(im->seal.cipher, 4);
		status = number != 0 ? reach(im, number) : KITH_OK;
		if (status == KITH_OK && number != 0)
			im->frame[number] = (uint32_t)n + 1;
	}
	return status;
}

static int look(struct kith__image *im)
{
	im->state = kith_alloc_zero(im->alloc, (size_t)im->pages + 1, 1);
	if (im->state == NULL)
		return KITH_E_NOMEM;
	for (uint32_t n = 1; n <= im->pages; n++) {
		if (read_page(im, n, im->seal.plain))
			im->state[n] = KITH__PAGE_SOUND;
		else
			im->bad++;
	}
	return KITH_OK;
}

int kith__image_open(struct kith__image *im, struct kith_profile *p)
{
	struct kith__seal *s = &im->seal;
	const uint8_t *id = p->keyfile.entry[KITH_DB_ACCOUNT].id;
	uint64_t size = 0;
	int status;

	memset(im, 0, sizeof(*im));
	im->alloc = p->alloc;
	im->row.alloc = p->alloc;
	im->disk = &p->disk;
	s->page = p->page;
	memcpy(s->id, id, sizeof(s->id));
	s->key = kith__secret_get(p, 2 * KITH_KEY);
	s->cipher = kith_alloc_zero(p->alloc, KITH__FRAME_HEAD + p->page, 1);
	s->plain = kith_alloc_zero(p->alloc, p->page, 1);
	im->stack = kith_alloc_zero(p->alloc, KITH__TREE_DEPTH + 1, p->page);
	im->frame = kith_alloc_zero(p->alloc, 1, sizeof(*im->frame));
	if (s->key == NULL || s->cipher == NULL || s->plain == NULL || im->stack == NULL ||
	    im->frame == NULL)
		return KITH_E_NOMEM;
	s->wal_key = s->key + KITH_KEY;
	kith__profile_page_key(p, id, s->key);
	kith_kdf(s->wal_key, p->master, KITH_KEY, KITH_L_DB_WAL, id, 16);
	status = kith__file_handle(p, "account.db", &im->file);
	if (status != KITH_OK)
		return status;
	im->file_open = true;
	status = im->disk->size(im->disk->ctx, im->file, &size);
	if (status == KITH_OK)
		status = reach(im, (size + s->page - 1) / s->page);
	if (status == KITH_OK)
		status = read_log(im, p);
	return status == KITH_OK ? look(im) : status;
}

void kith__image_close(struct kith__image *im, struct kith_profile *p)
{
	if (im->file_open)
		im->disk->close(im->disk->ctx, im->file);
	if (im->log_open)
		im->disk->close(im->disk->ctx, im->log);
	if (im->seal.plain != NULL)
		kith_wipe(im->seal.plain, im->seal.page);
	if (im->stack != NULL)
		kith_wipe(im->stack, (KITH__TREE_DEPTH + 1) * im->seal.page);
	kith__secret_put(p, im->seal.key, 2 * KITH_KEY);
	kith_alloc_free(im->alloc, im->seal.cipher);
	kith_alloc_free(im->alloc, im->seal.plain);
	kith_alloc_free(im->alloc, im->stack);
	kith_alloc_free(im->alloc, im->frame);
	kith_alloc_free(im->alloc, im->state);
	kith__bytes_free(&im->row);
	memset(im, 0, sizeof(*im));
}

/* ---- records ---- */

static int64_t read_int(struct kith_reader *in, size_t len)
{
	uint64_t v = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t b = kith_read_u8(in);

		v = i == 0 && (b & 0x80u) != 0 ? ~UINT64_C(0) << 8 | b : v << 8 | b;
	}
	return (int64_t)v;
}

static bool read_cell(struct kith_reader *body, uint64_t type, struct kith__cell *c)
{
	static const uint8_t widths[] = {0, 1, 2, 3, 4, 6, 8};

	memset(c, 0, sizeof(*c));
	c->type = KITH_VALUE_INT;
	if (type == 0)
		c->type = KITH_VALUE_NULL;
	else if (type <= 6)
		c->i = read_int(body, widths[type]);
	else if (type == 8 || type == 9)
		c->i = (int64_t)type - 8;
	else if (type < 12)
		return false; /* no table has such a value */
	else {
		c->type = type % 2 == 0 ? KITH_VALUE_BLOB : KITH_VALUE_TEXT;
		c->len = (size_t)((type - 12) / 2);
		c->p = kith_read_view(body, c->len);
	}
	return kith_read_ok(body);
}

static bool tell_row(const struct kith__walk *w, int64_t rowid, const uint8_t *p, size_t len)
{
	struct kith__cell cell[KITH__COLUMNS_MAX];
	struct kith_reader head, body;
	unsigned int count = 0;
	uint64_t size;

	kith_reader_init(&head, p, len);
	size = read_number(&head);
	if (!kith_read_ok(&head) || size > len || size < len - head.left)
		return false;
	kith_reader_init(&body, p + size, len - (size_t)size);
	head.left -= len - (size_t)size;
	while (head.left != 0) {
		uint64_t type = read_number(&head);

		if (!kith_read_ok(&head) || count == KITH__COLUMNS_MAX || type > 2 * ROW_MAX ||
		    !read_cell(&body, type, &cell[count]))
			return false;
		count++;
	}
	return body.left == 0 && w->row(w->ctx, rowid, cell, count);
}

static bool add_bytes(struct kith__image *im, const uint8_t *p, size_t len)
{
	uint8_t *to = kith__bytes_room(&im->row, len, ROW_MAX);

	if (to == NULL)
		return false;
	memcpy(to, p, len);
	return true;
}

/* The rest of a row from its chain of pages, behind what is in im->row. */
static bool gather(struct kith__image *im, uint32_t next, size_t left)
{
	size_t room = im->seal.page - KITH__RESERVE - 4;

	while (left != 0) {
		size_t n = left < room ? left : room;

		if (next == 0 || next > im->pages || im->state[next] != KITH__PAGE_SOUND ||
		    !read_page(im, next, im->seal.plain))
			return false;
		if (!im->trying)
			im->state[next] = KITH__PAGE_USED;
		if (!add_bytes(im, im->seal.plain + 4, n))
			return false;
		left -= n;
		next = load_be(im->seal.plain, 4);
	}
	return true;
}

/* A row that begins at `in`: its length is read already. */
static bool read_row(struct kith__image *im, struct kith_reader *in, uint64_t len, int64_t rowid,
		     bool index, const struct kith__walk *w)
{
	size_t usable = im->seal.page - KITH__RESERVE, most, least, local = (size_t)len;
	const uint8_t *p, *next;

	if (len > ROW_MAX)
		return false;
	most = index ? (usable - 12) * 64 / 255 - 23 : usable - 35;
	least = (usable - 12) * 32 / 255 - 23;
	if (local > most) {
		local = least + (local - least) % (usable - 4);
		local = local > most ? least : local;
	}
	p = kith_read_view(in, local);
	if (!kith_read_ok(in))
		return false;
	if (local == len)
		return tell_row(w, rowid, p, local);
	next = kith_read_view(in, 4);
	im->row.len = 0;
	return next != NULL && add_bytes(im, p, local) &&
	       gather(im, load_be(next, 4), (size_t)len - local) &&
	       tell_row(w, rowid, im->row.p, im->row.len);
}

/* ---- trees ---- */

struct page {
	const uint8_t *p;
	unsigned int type, cells, first; /* first: the pointers of its cells */
	size_t usable;
};

static bool parse_page(const struct kith__image *im, uint32_t number, const uint8_t *p,
		       struct page *out)
{
	size_t at = number == 1 ? 100 : 0;

	out->p = p;
	out->type = p[at];
	out->cells = load_be(p + at + 3, 2);
	out->usable = im->seal.page - KITH__RESERVE;
	out->first = (unsigned int)at +
		     (out->type == INTERIOR_INDEX || out->type == INTERIOR_TABLE ? 12 : 8);
	return (out->type == INTERIOR_INDEX || out->type == INTERIOR_TABLE ||
		out->type == LEAF_INDEX || out->type == LEAF_TABLE) &&
	       out->first + 2u * out->cells <= out->usable;
}

static void tell_cell(struct kith__image *im, const struct page *page, unsigned int cell,
		      struct kith__walk *w)
{
	size_t at = load_be(page->p + page->first + 2 * cell, 2);
	struct kith_reader in;
	int64_t rowid = 0;
	uint64_t len;

	if (at >= page->usable) {
		w->rows_lost++;
		return;
	}
	kith_reader_init(&in, page->p + at, page->usable - at);
	if (page->type == INTERIOR_INDEX)
		kith_read_skip(&in, 4);
	len = read_number(&in);
	if (page->type == LEAF_TABLE)
		rowid = (int64_t)read_number(&in);
	if (!kith_read_ok(&in) || !read_row(im, &in, len, rowid, page->type != LEAF_TABLE, w))
		w->rows_lost++;
}

static uint32_t child(const struct page *page, unsigned int cell)
{
	size_t at = cell < page->cells ? load_be(page->p + page->first + 2 * cell, 2)
				       : page->first - 4u;

	return at + 4 <= page->usable ? load_be(page->p + at, 4) : 0;
}

static void walk(struct kith__image *im, uint32_t number, unsigned int depth, struct kith__walk *w)
{
	uint8_t *plain = im->stack + depth * im->seal.page;
	struct page page;

	if (number == 0 || number > im->pages || depth >= KITH__TREE_DEPTH ||
	    im->state[number] != KITH__PAGE_SOUND || !read_page(im, number, plain) ||
	    !parse_page(im, number, plain, &page)) {
		w->pages_lost++;
		return;
	}
	im->state[number] = KITH__PAGE_USED;
	for (unsigned int i = 0; i < page.cells; i++) {
		if (page.type == INTERIOR_TABLE || page.type == INTERIOR_INDEX)
			walk(im, child(&page, i), depth + 1, w);
		if (page.type != INTERIOR_TABLE)
			tell_cell(im, &page, i, w);
	}
	if (page.type == INTERIOR_TABLE || page.type == INTERIOR_INDEX)
		walk(im, child(&page, page.cells), depth + 1, w);
}

void kith__image_walk(struct kith__image *im, uint32_t root, struct kith__walk *w)
{
	walk(im, root, 0, w);
}

unsigned int kith__image_orphan(struct kith__image *im, uint32_t number)
{
	struct page page;

	if (im->state[number] != KITH__PAGE_SOUND || !read_page(im, number, im->stack) ||
	    !parse_page(im, number, im->stack, &page) || page.type == INTERIOR_TABLE)
		return 0;
	return page.type;
}

void kith__image_page(struct kith__image *im, uint32_t number, struct kith__walk *w)
{
	struct page page;

	if (im->state[number] != KITH__PAGE_SOUND || !read_page(im, number, im->stack) ||
	    !parse_page(im, number, im->stack, &page) || page.type == INTERIOR_TABLE)
		return;
	im->state[number] = KITH__PAGE_USED;
	for (unsigned int i = 0; i < page.cells; i++)
		tell_cell(im, &page, i, w);
}

void kith__image_try(struct kith__image *im, uint32_t number, struct kith__walk *w)
{
	struct page page;

	if (im->state[number] != KITH__PAGE_SOUND || !read_page(im, number, im->stack) ||
	    !parse_page(im, number, im->stack, &page))
		return;
	im->trying = true;
	for (unsigned int i = 0; i < page.cells; i++)
		tell_cell(im, &page, i, w);
	im->trying = false;
}

bool kith__image_plain(struct kith__image *im, uint32_t number)
{
	return im->state[number] != KITH__PAGE_BAD && read_page(im, number, im->seal.plain);
}
