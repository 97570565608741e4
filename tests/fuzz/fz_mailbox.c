/* SPDX-License-Identifier: ISC */
/*
 * Every frame of the mailbox protocol, as it comes out of the stream (mailbox.md 4); the verb
 * chooses the reader. What a reader takes must write to the same bytes.
 */
#include <string.h>

#include "node/mbox_index.h"
#include "node/mbox_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t out[KITH__MBOX_DATA_MAX];

static void same(const struct kith_writer *w, const struct kith__mbox_frame *f)
{
	KITH_ASSERT(!w->bad && w->len <= f->len && memcmp(w->start, f->body, w->len) == 0);
}

static void try_put(const struct kith__mbox_frame *f, struct kith_writer *w)
{
	struct kith__mbox_put p;

	if (kith__mbox_put_read(&p, f) != KITH_OK)
		return;
	KITH_ASSERT(f->len == KITH__MBOX_PUT_LEN);
	kith__mbox_put_write(w, &p);
	same(w, f);
}

static void try_list(const struct kith__mbox_frame *f, struct kith_writer *w)
{
	struct kith__mbox_list l;

	if (kith__mbox_list_read(&l, f) != KITH_OK)
		return;
	kith__mbox_list_write(w, &l);
	same(w, f);
}

static void try_get(const struct kith__mbox_frame *f, struct kith_writer *w)
{
	uint8_t tags[KITH__MBOX_GET_MAX][16];
	unsigned count;

	if (kith__mbox_get_read(tags, &count, f) != KITH_OK)
		return;
	kith__mbox_get_write(w, (const uint8_t(*)[16])tags, count);
	same(w, f);
}

static void try_watch(const struct kith__mbox_frame *f, struct kith_writer *w)
{
	struct kith_mbox_bucket b[KITH_MBOX_WATCH_MAX];
	unsigned count;

	if (kith__mbox_watch_read(b, &count, f) != KITH_OK)
		return;
	kith__mbox_watch_write(w, b, count);
	same(w, f);
	for (unsigned i = 0; i < count; i++)
		KITH_ASSERT(kith__mbox_bucket_match(b[i].bucket, b[i].p, b[i].bucket, 16));
}

static void try_have(const struct kith__mbox_frame *f, struct kith_writer *w)
{
	struct kith__mbox_have h;

	if (kith__mbox_have_read(&h, f) != KITH_OK)
		return;
	kith__mbox_have_write(w, &h);
	same(w, f);
}

static void try_keep(const struct kith__mbox_frame *f, struct kith_writer *w)
{
	struct kith__mbox_keep k;

	if (kith__mbox_keep_read(&k, f) != KITH_OK)
		return;
	kith__mbox_keep_write(w, &k);
	kith_write_bytes(w, k.records, k.count * (size_t)KITH_RECORD);
	same(w, f);
}

static void try_replies(const struct kith__mbox_frame *f)
{
	struct kith_mbox_info info;
	struct kith_receipt c;
	struct kith_reader r;
	uint8_t sig[64];
	uint32_t pos;

	kith_reader_init(&r, f->body, f->len);
	kith__mbox_info_read(&r, &info, sig);
	kith_reader_init(&r, f->body, f->len);
	kith__mbox_receipt_read(&r, &c, &pos);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct kith__mbox_frame f;
	struct kith_writer w;
	uint8_t d[32];

	if (kith__mbox_frame_read(&f, data, len) != KITH_OK)
		return 0;
	kith_writer_init(&w, out, sizeof(out));
	switch (f.verb) {
	case KITH_MBOX_PUT: try_put(&f, &w); break;
	case KITH_MBOX_LIST: try_list(&f, &w); break;
	case KITH_MBOX_GET: try_get(&f, &w); break;
	case KITH_MBOX_DELETE:
		KITH_ASSERT(f.len < 32 || kith__mbox_delete_read(d, &f) == KITH_OK);
		break;
	case KITH_MBOX_WATCH: try_watch(&f, &w); break;
	case KITH_MBOX_HAVE: try_have(&f, &w); break;
	case KITH_MBOX_KEEP: try_keep(&f, &w); break;
	}
	try_replies(&f);
	return 0;
}
