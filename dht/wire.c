/* SPDX-License-Identifier: ISC */
/*
 * Encoder and decoder of message bodies. The decoder reads a body completely, demands zeros in all
 * unused bytes, ignores unused flags, and skips single contacts that name no usable address.
 */
#include "dht/wire.h"

#include <string.h>

#include "base/bytes.h"

size_t kith__wire_body(size_t datagram)
{
	if (datagram != KITH__RPC_SMALL && datagram != KITH__RPC_MEDIUM &&
	    datagram != KITH__RPC_LARGE)
		return 0;
	return datagram - KITH__RPC_OVERHEAD;
}

size_t kith__wire_reply_size(uint8_t method)
{
	if (method == KITH__NODES)
		return KITH__RPC_MEDIUM;
	return method == KITH__VALUE ? KITH__RPC_LARGE : KITH__RPC_SMALL;
}

bool kith__wire_is_reply(uint8_t method)
{
	return (method & 0x80u) != 0;
}

static void write_contacts(struct kith_writer *w, const struct kith__msg *m)
{
	unsigned i;

	for (i = 0; i < m->count; i++) {
		const struct kith__contact *c = &m->contact[i];
		unsigned type = (kith_addr_is_v4(&c->addr) ? 4u : 6u) | (c->services & 3u) << 4;

		kith_write_u8(w, (uint8_t)type);
		kith_write_bytes(w, c->addr.ip, sizeof(c->addr.ip));
		kith_write_u16be(w, c->addr.port);
		kith_write_bytes(w, c->key, sizeof(c->key));
	}
}

static void write_fields(struct kith_writer *w, const struct kith__msg *m)
{
	switch ((enum kith__method)m->method) {
	case KITH__PING: break;
	case KITH__FIND: kith_write_bytes(w, m->target.b, 32); break;
	case KITH__FIND_VALUE:
		kith_write_bytes(w, m->target.b, 32);
		kith_write_u64(w, m->seq);
		break;
	case KITH__STORE: /* no cookie field: handled by the caller */
		kith_write_bytes(w, m->token, 16);
		kith_write_u16(w, m->ttl_min);
		kith_write_zeros(w, 6);
		kith_write_bytes(w, m->record, KITH_RECORD);
		break;
	case KITH__PONG: kith_addr_write(w, &m->addr); break;
	case KITH__NODES:
		if ((m->flags & KITH__TOKEN) != 0)
			kith_write_bytes(w, m->token, 16);
		write_contacts(w, m);
		break;
	case KITH__VALUE:
		kith_write_bytes(w, m->token, 16);
		kith_write_bytes(w, m->record, KITH_RECORD);
		write_contacts(w, m);
		break;
	case KITH__SAME:
		kith_write_bytes(w, m->token, 16);
		kith_write_u64(w, m->seq);
		break;
	case KITH__STORED:
		kith_write_u8(w, m->status);
		kith_write_zeros(w, 7);
		kith_write_u64(w, m->seq);
		kith_write_bytes(w, m->token, 16);
		break;
	case KITH__BUSY: kith_write_u16(w, m->retry_s); break;
	}
}

void kith__wire_encode(uint8_t *body, size_t len, const struct kith__msg *m)
{
	struct kith_writer w;
	unsigned flags = m->flags;

	if (kith__wire_is_reply(m->method))
		flags = (flags & ~KITH__COUNT) | m->count;
	kith_writer_init(&w, body, len);
	kith_write_u8(&w, m->method);
	kith_write_u8(&w, KITH__RPC_VERSION);
	kith_write_u16(&w, (uint16_t)flags);
	kith_write_u32(&w, m->minutes);
	kith_write_u64(&w, m->tx);
	if (m->method != KITH__STORE)
		kith_write_bytes(&w, m->cookie, 8);
	write_fields(&w, m);
	kith_write_pad(&w, len);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
}

/* One contact of 51 B. A strange type or address is not an error of the message (dht.md 13). */
static void read_contact(struct kith_reader *r, struct kith__msg *m)
{
	struct kith__contact c;
	uint8_t type = kith_read_u8(r);

	kith_read_bytes(r, c.addr.ip, sizeof(c.addr.ip));
	c.addr.port = kith_read_u16be(r);
	kith_read_bytes(r, c.key, sizeof(c.key));
	c.services = type >> 4 & 3u;
	if (!kith_read_ok(r))
		return;
	if ((type & 0x0fu) != (kith_addr_is_v4(&c.addr) ? 4u : 6u) ||
	    kith_addr_is_unusable(&c.addr)) {
		m->skipped++;
		return;
	}
	m->contact[m->count++] = c;
}

static void read_contacts(struct kith_reader *r, struct kith__msg *m, unsigned max)
{
	unsigned n = m->flags & KITH__COUNT;
	unsigned i;

	if (n > max)
		kith_read_fail(r);
	for (i = 0; i < n && kith_read_ok(r); i++)
		read_contact(r, m);
}

static void read_nodes(struct kith_reader *r, struct kith__msg *m)
{
	bool token = (m->flags & KITH__TOKEN) != 0;

	if (token)
		kith_read_bytes(r, m->token, 16);
	read_contacts(r, m, token ? KITH__RPC_CONTACTS - 1 : KITH__RPC_CONTACTS);
}

static void read_request(struct kith_reader *r, struct kith__msg *m)
{
	if (m->method == KITH__STORE) {
		kith_read_bytes(r, m->token, 16);
		m->ttl_min = kith_read_u16(r);
		kith_read_zeros(r, 6);
		m->record = kith_read_view(r, KITH_RECORD);
		return;
	}
	if ((m->flags & KITH__COOKIE) != 0)
		kith_read_bytes(r, m->cookie, 8);
	else
		kith_read_zeros(r, 8);
	if (m->method == KITH__PING)
		return;
	kith_read_bytes(r, m->target.b, 32);
	if (m->method == KITH__FIND_VALUE)
		m->seq = kith_read_u64(r);
}

static void read_reply(struct kith_reader *r, struct kith__msg *m)
{
	kith_read_bytes(r, m->cookie, 8);
	if (m->method == KITH__PONG) {
		kith_addr_read(r, &m->addr);
	} else if (m->method == KITH__NODES) {
		read_nodes(r, m);
	} else if (m->method == KITH__VALUE) {
		kith_read_bytes(r, m->token, 16);
		m->record = kith_read_view(r, KITH_RECORD);
		read_contacts(r, m, 1);
	} else if (m->method == KITH__SAME) {
		kith_read_bytes(r, m->token, 16);
		m->seq = kith_read_u64(r);
	} else if (m->method == KITH__STORED) {
		m->status = kith_read_u8(r);
		kith_read_zeros(r, 7);
		m->seq = kith_read_u64(r);
		kith_read_bytes(r, m->token, 16);
	} else {
		m->retry_s = kith_read_u16(r);
	}
}

static bool method_known(uint8_t method)
{
	return (method >= KITH__PING && method <= KITH__STORE) ||
	       (method >= KITH__PONG && method <= KITH__STORED) || method == KITH__SAME ||
	       method == KITH__BUSY;
}

enum kith__parse kith__wire_decode(struct kith__msg *m, const uint8_t *body, size_t len)
{
	struct kith_reader r;
	uint8_t version;

	memset(m, 0, sizeof(*m));
	kith_reader_init(&r, body, len);
	m->method = kith_read_u8(&r);
	version = kith_read_u8(&r);
	m->flags = kith_read_u16(&r);
	m->minutes = kith_read_u32(&r);
	m->tx = kith_read_u64(&r);
	if (!kith_read_ok(&r))
		return KITH__PARSE_BAD;
	if (version != KITH__RPC_VERSION)
		return KITH__PARSE_VERSION;
	if (!method_known(m->method))
		return KITH__PARSE_METHOD;
	if (kith__wire_is_reply(m->method))
		read_reply(&r, m);
	else
		read_request(&r, m);
	if (kith_read_ok(&r))
		kith_read_zeros(&r, r.left);
	if (kith_read_end(&r) != KITH_OK)
		return KITH__PARSE_BAD;
	if (m->method == KITH__STORED && m->status >= KITH__ST_COUNT)
		return KITH__PARSE_METHOD;
	return KITH__PARSE_OK;
}
