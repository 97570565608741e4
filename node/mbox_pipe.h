/* SPDX-License-Identifier: ISC */
/*
 * One stream of a service link as a pipe of frames, for both sides. The input buffer grows only as
 * bytes arrive and never holds more than one frame; the output queue holds what the stream did not
 * take yet. mailbox.md 4, 9.
 */
#ifndef KITH_NODE_MBOX_PIPE_H
#define KITH_NODE_MBOX_PIPE_H

#include "node/mbox_wire.h"

struct kith__mbox_pipe {
	const struct kith_alloc *alloc;
	struct kith_net *net;
	uint32_t session, stream;
	bool up;  /* session and stream are there */
	bool fin; /* the peer's end was reached */
	uint8_t *in;
	size_t in_len, in_cap;
	uint8_t *out;
	size_t out_at, out_len, out_cap; /* queued bytes are out_at .. out_len */
	uint64_t moved;                  /* bytes read and written in all: signs of life */
};

/* Empties the pipe and gives its memory back. */
void kith__mbox_pipe_wipe(struct kith__mbox_pipe *p);
/* Reads until one whole frame is there. KITH_OK: *f is it (until kith__mbox_pipe_next).
 * KITH_E_STATE: nothing more for now (look at p->fin), KITH_E_MALFORMED: a length beyond the cap,
 * KITH_E_IO: the stream is gone, KITH_E_NOMEM. */
int kith__mbox_pipe_frame(struct kith__mbox_pipe *p, struct kith__mbox_frame *f, kith_time now)
	KITH_MUST_USE;
/* Drops the frame just given. */
void kith__mbox_pipe_next(struct kith__mbox_pipe *p);
/* Room for a frame of at most `cap` bytes behind what is queued; then kith__mbox_pipe_queued.
 * KITH_E_NOMEM. */
int kith__mbox_pipe_room(struct kith__mbox_pipe *p, struct kith_writer *w, size_t cap)
	KITH_MUST_USE;
void kith__mbox_pipe_queued(struct kith__mbox_pipe *p, const struct kith_writer *w);
size_t kith__mbox_pipe_waiting(const struct kith__mbox_pipe *p); /* bytes not taken yet */
/* Hands the stream what it takes. KITH_E_IO: the stream is gone. */
int kith__mbox_pipe_flush(struct kith__mbox_pipe *p, kith_time now) KITH_MUST_USE;

#endif
