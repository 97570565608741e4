/* SPDX-License-Identifier: ISC */
/* A stream as a pipe of frames: reassembly with a capped buffer, and a write queue. */
#include "node/mbox_pipe.h"

#include <string.h>

#define READ_STEP 4224u /* one PUT fits into the first growth */
#define KEEP_CAP  512u  /* a larger buffer is given back between frames */

void kith__mbox_pipe_wipe(struct kith__mbox_pipe *p)
{
	kith_alloc_free(p->alloc, p->in);
	kith_alloc_free(p->alloc, p->out);
	p->in = p->out = NULL;
	p->in_len = p->in_cap = 0;
	p->out_at = p->out_len = p->out_cap = 0;
}

/* Bytes wanted in all for the frame at the front. */
static size_t wanted(const struct kith__mbox_pipe *p)
{
	return p->in_len < 4 ? KITH__MBOX_HEAD : (size_t)kith_load_u32(p->in) + 4;
}

static int grow_in(struct kith__mbox_pipe *p, size_t want)
{
	size_t cap = p->in_len + READ_STEP;
	void *next;

	if (p->in_len < p->in_cap)
		return KITH_OK;
	if (p->in_len == 0)
		cap = KITH__MBOX_REQUEST_MIN;
	if (cap > want)
		cap = want;
	next = kith_alloc_resize(p->alloc, p->in, cap, 1);
	if (next == NULL)
		return KITH_E_NOMEM;
	p->in = next;
	p->in_cap = cap;
	return KITH_OK;
}

/* Reads once; *got = 0 when nothing is there. */
static int read_some(struct kith__mbox_pipe *p, size_t want, size_t *got, kith_time now)
{
	size_t room;
	bool fin = false;
	int status;

	status = grow_in(p, want);
	if (status != KITH_OK)
		return status;
	room = p->in_cap - p->in_len;
	if (room > want - p->in_len)
		room = want - p->in_len;
	*got = 0;
	status = kith_net_stream_read(p->net, p->session, p->stream, p->in + p->in_len, room, got,
				      &fin, now);
	if (status != KITH_OK)
		return KITH_E_IO;
	p->in_len += *got;
	p->moved += *got;
	if (fin)
		p->fin = true;
	return KITH_OK;
}

int kith__mbox_pipe_frame(struct kith__mbox_pipe *p, struct kith__mbox_frame *f, kith_time now)
{
	if (!p->up)
		return KITH_E_STATE;
	for (;;) {
		size_t want = wanted(p), got;
		int status;

		if (p->in_len >= 4 && (want > KITH__MBOX_DATA_MAX || want < KITH__MBOX_HEAD))
			return KITH_E_MALFORMED;
		if (p->in_len >= 4 && p->in_len == want)
			return kith__mbox_frame_read(f, p->in, p->in_len);
		if (p->fin)
			return KITH_E_STATE;
		status = read_some(p, want, &got, now);
		if (status != KITH_OK)
			return status;
		if (got == 0)
			return KITH_E_STATE;
	}
}

void kith__mbox_pipe_next(struct kith__mbox_pipe *p)
{
	p->in_len = 0;
	if (p->in_cap > KEEP_CAP) {
		kith_alloc_free(p->alloc, p->in);
		p->in = NULL;
		p->in_cap = 0;
	}
}

size_t kith__mbox_pipe_waiting(const struct kith__mbox_pipe *p)
{
	return p->out_len - p->out_at;
}

int kith__mbox_pipe_room(struct kith__mbox_pipe *p, struct kith_writer *w, size_t cap)
{
	size_t waiting = kith__mbox_pipe_waiting(p), want = waiting + cap;
	void *next;

	if (p->out_at > 0) {
		memmove(p->out, p->out + p->out_at, waiting);
		p->out_at = 0;
		p->out_len = waiting;
	}
	if (want > p->out_cap) {
		next = kith_alloc_resize(p->alloc, p->out, want, 1);
		if (next == NULL)
			return KITH_E_NOMEM;
		p->out = next;
		p->out_cap = want;
	}
	kith_writer_init(w, p->out + waiting, cap);
	return KITH_OK;
}

void kith__mbox_pipe_queued(struct kith__mbox_pipe *p, const struct kith_writer *w)
{
	KITH_ASSERT(w->start == p->out + p->out_len && p->out_len + w->len <= p->out_cap);
	p->out_len += w->len;
}

int kith__mbox_pipe_flush(struct kith__mbox_pipe *p, kith_time now)
{
	if (!p->up)
		return KITH_OK;
	while (p->out_at < p->out_len) {
		size_t taken = 0;

		if (kith_net_stream_write(p->net, p->session, p->stream, p->out + p->out_at,
					  p->out_len - p->out_at, &taken, now) != KITH_OK)
			return KITH_E_IO;
		if (taken == 0)
			return KITH_OK;
		p->out_at += taken;
		p->moved += taken;
	}
	p->out_at = p->out_len = 0;
	if (p->out_cap > KEEP_CAP) {
		kith_alloc_free(p->alloc, p->out);
		p->out = NULL;
		p->out_cap = 0;
	}
	return KITH_OK;
}
