/* SPDX-License-Identifier: ISC */
/*
 * News of the mailbox: items that wait for their commit, then pushes to links that watch. The first
 * push goes at once, further ones are gathered for 20 ms. mailbox.md 4.
 */
#include "node/mbox_service.h"

#include <string.h>

#define GATHER_US (20u * KITH_US_PER_MS)
#define PUTS_MAX  (2u * KITH_BATCH_OPS_MAX) /* open batch and batch in flight */

int kith__mbox_news_room(struct kith_mbox_service *s)
{
	void *p = s->put;
	int status;

	if (s->put_at > 0) {
		memmove(s->put, s->put + s->put_at, (s->puts - s->put_at) * sizeof(*s->put));
		s->puts -= s->put_at;
		s->put_at = 0;
	}
	status = kith_alloc_grow(s->alloc, &p, &s->put_cap, s->puts + 1, PUTS_MAX, sizeof(*s->put));
	s->put = p;
	return status;
}

void kith__mbox_news_add(struct kith_mbox_service *s, const struct kith__mbox_news *n)
{
	KITH_ASSERT(s->puts < s->put_cap);
	s->put[s->puts++] = *n;
}

static void gather(struct kith_mbox_service *s, const struct kith__mbox_news *n, kith_time now)
{
	void *p = s->push;

	if (s->pushes == KITH_MBOX_PUSHES_MAX) {
		s->push_due = now;
		kith__mbox_push(s, now);
		p = s->push;
	}
	if (kith_alloc_grow(s->alloc, &p, &s->push_cap, s->pushes + 1, KITH_MBOX_PUSHES_MAX,
			    sizeof(*s->push)) != KITH_OK)
		return; /* a push is a hint: the reader lists again */
	s->push = p;
	if (s->pushes == 0)
		s->push_due = now > s->pushed_at + GATHER_US ? now : s->pushed_at + GATHER_US;
	s->push[s->pushes++] = *n;
}

void kith__mbox_news_committed(struct kith_mbox_service *s, uint64_t committed, kith_time now)
{
	while (s->put_at < s->puts && s->put[s->put_at].batch <= committed) {
		const struct kith__mbox_news n = s->put[s->put_at++];

		kith__mbox_index_commit(&s->index, n.day, n.pos);
		gather(s, &n, now);
	}
}

static bool matches(const struct kith_mbox_bucket *a, const struct kith_mbox_bucket *b)
{
	return kith__mbox_bucket_match(a->bucket, a->p, b->bucket, b->p);
}

/* True when news `n` belongs to watch `w` of the link and to no earlier one. */
static bool belongs(const struct kith__mbox_link *l, unsigned w, const struct kith__mbox_news *n)
{
	for (unsigned i = 0; i < w; i++) {
		if (matches(&l->watch[i], &n->bucket))
			return false;
	}
	return matches(&l->watch[w], &n->bucket);
}

static int push_frame(struct kith__mbox_link *l, uint16_t bucket,
		      const struct kith__mbox_news *const *news, unsigned count)
{
	struct kith_writer w;
	int status;

	if (kith__mbox_pipe_waiting(&l->pipe) > KITH_MBOX_QUEUE_MAX)
		return KITH_E_FULL;
	status = kith__mbox_pipe_room(&l->pipe, &w, KITH__MBOX_HEAD + 3 + 20 * (size_t)count);
	if (status != KITH_OK)
		return status;
	kith__mbox_begin(&w, KITH_MBOX_PUSH, 0);
	kith_write_u16(&w, bucket);
	kith_write_u8(&w, (uint8_t)count);
	for (unsigned i = 0; i < count; i++) {
		kith_write_u32(&w, news[i]->pos);
		kith_write_bytes(&w, news[i]->tag, 16);
	}
	kith__mbox_reply_end(l, &w, 0);
	return KITH_OK;
}

static int push_watch(struct kith_mbox_service *s, struct kith__mbox_link *l, unsigned w)
{
	const struct kith__mbox_news *news[KITH__MBOX_PUSH_MAX];
	unsigned count = 0;
	int status = KITH_OK;

	for (size_t i = 0; i < s->pushes && status == KITH_OK; i++) {
		if (!belongs(l, w, &s->push[i]))
			continue;
		news[count++] = &s->push[i];
		s->count.pushes++;
		if (count == KITH__MBOX_PUSH_MAX) {
			status = push_frame(l, l->watch[w].bucket, news, count);
			count = 0;
		}
	}
	if (count > 0 && status == KITH_OK)
		status = push_frame(l, l->watch[w].bucket, news, count);
	return status;
}

void kith__mbox_push(struct kith_mbox_service *s, kith_time now)
{
	if (s->pushes == 0 || now < s->push_due)
		return;
	for (size_t i = 0; i < s->slots; i++) {
		struct kith__mbox_link *l = s->link[i];
		int status = KITH_OK;

		if (l == NULL || l->watches == 0)
			continue;
		for (unsigned w = 0; w < l->watches && status == KITH_OK; w++)
			status = push_watch(s, l, w);
		if (status == KITH_OK)
			status = kith__mbox_pipe_flush(&l->pipe, now);
		if (status != KITH_OK)
			kith__mbox_link_drop(s, l, true, now);
	}
	s->pushes = 0;
	s->pushed_at = now;
	s->push_due = KITH_NEVER;
}
