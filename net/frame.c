/* SPDX-License-Identifier: ISC */
/*
 * Frames inside a data packet (transport.md 5). Every number is a shortest-form varint unless the
 * table gives a width. Frames of later milestones (punching, relays) are decoded by their table
 * form and have no effect; ids outside the table have the form id | len | bytes.
 */
#include "net/codec.h"

static void read_ack(struct kith_reader *r, struct frame *f)
{
	uint64_t next = kith_read_varint(r); /* highest number not yet described */
	uint64_t count;
	unsigned i;

	f->value = kith_read_varint(r);
	count = kith_read_varint(r);
	if (count < 1 || count > FRAME_ACK_RANGES) {
		kith_read_fail(r);
		return;
	}
	for (i = 0; i < count; i++) {
		uint64_t gap = kith_read_varint(r);
		uint64_t length = kith_read_varint(r);

		if (i == 0 ? gap != 0 : gap >= next) {
			kith_read_fail(r);
			return;
		}
		/* a later range: at least one missing number lies between */
		next -= i == 0 ? 0 : gap + 1;
		if (length < 1 || length - 1 > next) {
			kith_read_fail(r);
			return;
		}
		f->range[i] = (struct ack_range){next - (length - 1), next};
		next -= length - 1;
		if (i + 1 < count && next == 0) {
			kith_read_fail(r);
			return;
		}
		next -= i + 1 < count ? 1 : 0;
	}
	f->range_count = (unsigned)count;
}

static void read_data(struct kith_reader *r, struct frame *f)
{
	f->len = (size_t)kith_read_varint(r);
	f->data = kith_read_view(r, f->len);
}

static void read_msg(struct kith_reader *r, struct frame *f)
{
	f->number = kith_read_varint(r);
	f->value = kith_read_varint(r);
	f->offset = kith_read_varint(r);
	read_data(r, f);
	if (f->value < 1 || f->value > KITH_NET_MSG_MAX || f->len < 1 || f->len > f->value ||
	    f->offset > f->value - f->len)
		kith_read_fail(r);
}

static void read_stream(struct kith_reader *r, struct frame *f)
{
	uint8_t flags;

	f->number = kith_read_varint(r);
	f->offset = kith_read_varint(r);
	flags = kith_read_u8(r);
	read_data(r, f);
	f->fin = (flags & FRAME_FIN) != 0;
	if ((flags & (uint8_t)~FRAME_FIN) != 0 || (f->len == 0 && !f->fin) ||
	    f->offset > NET_PN_MAX - 1 - f->len)
		kith_read_fail(r);
}

/* An address, or type 3: a relay by its mailbox index in ip[0], all else zero (note 15). */
static void skip_place(struct kith_reader *r)
{
	struct kith_addr addr;

	if (r->left == 0 || r->p[0] != 3) {
		kith_addr_read(r, &addr);
		return;
	}
	(void)kith_read_u8(r);
	if (kith_read_u8(r) > 7)
		kith_read_fail(r);
	kith_read_zeros(r, KITH_ADDR_WIRE - 2);
}

static void read_candidates(struct kith_reader *r)
{
	uint64_t count;

	(void)kith_read_varint(r);
	(void)kith_read_u8(r);
	count = kith_read_varint(r);
	if (count > FRAME_ADDRS_MAX)
		kith_read_fail(r);
	for (; count > 0 && kith_read_ok(r); count--) {
		(void)kith_read_u8(r);
		skip_place(r);
	}
}

static void read_unknown(struct kith_reader *r, struct frame *f)
{
	f->known = false;
	read_data(r, f);
	f->data = NULL;
}

/* Frames of later milestones, and those outside the table. */
static void read_other(struct kith_reader *r, struct frame *f)
{
	switch (f->id) {
	case FRAME_CANDIDATES: read_candidates(r); break;
	case FRAME_PUNCH:
		(void)kith_read_varint(r);
		(void)kith_read_varint(r);
		break;
	case FRAME_PROBE_ME:
	case FRAME_PROBE_HIT: kith_read_skip(r, 8); break;
	case FRAME_RELAY_REGISTER: kith_read_skip(r, 4 + 32 + 64); break;
	case FRAME_RELAY_OPEN: kith_read_skip(r, 2 + 16); break;
	case FRAME_RELAY_DATA:
		kith_read_skip(r, 2);
		kith_read_skip(r, (size_t)kith_read_varint(r));
		break;
	case FRAME_RELAY_CLOSE:
		kith_read_skip(r, 2);
		(void)kith_read_varint(r);
		break;
	case FRAME_DATAGRAM:
		read_data(r, f);
		if (f->len > FRAME_DATAGRAM_MAX)
			kith_read_fail(r);
		break;
	default: /* a number off the wire, not an enum */ read_unknown(r, f); break;
	}
}

static void read_fields(struct kith_reader *r, struct frame *f)
{
	switch (f->id) {
	case FRAME_PADDING: kith_read_zeros(r, r->left); break;
	case FRAME_PING: break;
	case FRAME_ACK: read_ack(r, f); break;
	case FRAME_MSG: read_msg(r, f); break;
	case FRAME_STREAM: read_stream(r, f); break;
	case FRAME_RESET:
		f->number = kith_read_varint(r);
		f->code = kith_read_varint(r);
		f->value = kith_read_varint(r);
		break;
	case FRAME_STOP:
		f->number = kith_read_varint(r);
		f->code = kith_read_varint(r);
		break;
	case FRAME_MAX_DATA:
	case FRAME_MAX_MSG: f->value = kith_read_varint(r); break;
	case FRAME_MAX_STREAM:
		f->number = kith_read_varint(r);
		f->value = kith_read_varint(r);
		break;
	case FRAME_PROBE: kith_read_bytes(r, f->token, sizeof(f->token)); break;
	case FRAME_ECHO:
		kith_read_bytes(r, f->token, sizeof(f->token));
		kith_addr_read(r, &f->addr);
		break;
	case FRAME_CLOSE: f->code = kith_read_varint(r); break;
	default: /* a number off the wire, not an enum */ read_other(r, f); break;
	}
}

bool kith__net_frame_read(struct kith_reader *r, struct frame *f)
{
	if (!kith_read_ok(r) || r->left == 0)
		return false;
	f->id = kith_read_varint(r);
	f->known = true;
	f->range_count = 0;
	f->data = NULL;
	f->len = 0;
	f->fin = false;
	read_fields(r, f);
	return kith_read_ok(r);
}

void kith__net_frame_ack(struct kith_writer *w, uint64_t delay, const struct ack_range *range,
			 unsigned count)
{
	unsigned i;

	KITH_ASSERT(count >= 1 && count <= FRAME_ACK_RANGES);
	kith_write_varint(w, FRAME_ACK);
	kith_write_varint(w, range[0].high);
	kith_write_varint(w, delay);
	kith_write_varint(w, count);
	for (i = 0; i < count; i++) {
		kith_write_varint(w, i == 0 ? 0 : range[i - 1].low - range[i].high - 2);
		kith_write_varint(w, range[i].high - range[i].low + 1);
	}
}

void kith__net_frame_msg(struct kith_writer *w, uint64_t seq, uint64_t total, uint64_t offset,
			 const uint8_t *data, size_t len)
{
	kith_write_varint(w, FRAME_MSG);
	kith_write_varint(w, seq);
	kith_write_varint(w, total);
	kith_write_varint(w, offset);
	kith_write_varint(w, len);
	kith_write_bytes(w, data, len);
}

void kith__net_frame_stream(struct kith_writer *w, uint64_t id, uint64_t offset, bool fin,
			    const uint8_t *data, size_t len)
{
	kith_write_varint(w, FRAME_STREAM);
	kith_write_varint(w, id);
	kith_write_varint(w, offset);
	kith_write_u8(w, fin ? FRAME_FIN : 0);
	kith_write_varint(w, len);
	kith_write_bytes(w, data, len);
}

void kith__net_frame_plain(struct kith_writer *w, enum frame_id id, const uint64_t *values,
			   unsigned count)
{
	unsigned i;

	kith_write_varint(w, id);
	for (i = 0; i < count; i++)
		kith_write_varint(w, values[i]);
}

void kith__net_frame_probe(struct kith_writer *w, const uint8_t token[static 8])
{
	kith_write_varint(w, FRAME_PROBE);
	kith_write_bytes(w, token, 8);
}

void kith__net_frame_echo(struct kith_writer *w, const uint8_t token[static 8],
			  const struct kith_addr *seen)
{
	kith_write_varint(w, FRAME_ECHO);
	kith_write_bytes(w, token, 8);
	kith_addr_write(w, seen);
}
