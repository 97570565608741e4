/* SPDX-License-Identifier: ISC */
/*
 * What the two kinds of DHT record say, in 880 bytes: knock, for holders of an address, and
 * presence, for contacts (crypto.md 3).
 *
 *	knock     ver kind flags 2 | expiry 8 | manifest hash | XK | spk id 4 | SPK | H(ek) |
 *	          PoW bits 1 | mailboxes 1 | device id 4 | <= 3 x 54
 *	presence  ver kind flags 2 | expiry 8 | P epoch 4 | list version 4 | manifest version 8 |
 *	          manifest hash | instance 8 | devices 1 | mailboxes 1 | zero 2 |
 *	          <= 4 x 94 (id 4, LK, endpoints 1, 3 x 19) | <= 8 x 54
 *
 * Both came from an authenticated record, yet from a stranger: each count is checked, all unused
 * bytes must be zero, and decoded structures are written only when everything was right.
 */
#include "node/proto.h"

#include <string.h>

#include "node/proto_internal.h"

#define VERSION       1u
#define KIND_KNOCK    1u
#define KIND_PRESENCE 2u
#define KNOCK_BOXES   3u
#define DEVICES       4u
#define ENDPOINTS     3u
#define TYPE_RELAY    3u
#define BUCKET_BITS   6u /* more would let a mailbox split its users (crypto.md 8) */

/* ---- addresses ---- */

struct kith_addr kith__relay_addr(unsigned index)
{
	struct kith_addr a = {{1}, 0};

	KITH_ASSERT(index < KITH_MAILBOXES_MAX);
	a.ip[15] = (uint8_t)index;
	return a;
}

bool kith__relay_index(const struct kith_addr *a, unsigned *index)
{
	struct kith_addr same;

	if (a->ip[15] >= KITH_MAILBOXES_MAX)
		return false;
	same = kith__relay_addr(a->ip[15]);
	if (!kith_addr_equal(a, &same))
		return false;
	*index = a->ip[15];
	return true;
}

void kith__place_write(struct kith_writer *w, const struct kith_addr *a)
{
	unsigned index;

	if (!kith__relay_index(a, &index)) {
		kith_addr_write(w, a);
		return;
	}
	kith_write_u8(w, TYPE_RELAY);
	kith_write_u8(w, (uint8_t)index);
	kith_write_zeros(w, KITH_ADDR_WIRE - 2);
}

void kith__place_read(struct kith_reader *r, struct kith_addr *a)
{
	unsigned index;

	if (r->left == 0 || r->p[0] != TYPE_RELAY) {
		kith_addr_read(r, a);
		if (kith__relay_index(a, &index)) /* its one encoding is type 3 */
			kith_read_fail(r);
		return;
	}
	kith_read_skip(r, 1);
	index = kith_read_u8(r);
	kith_read_zeros(r, KITH_ADDR_WIRE - 2);
	memset(a, 0, sizeof(*a));
	if (index < KITH_MAILBOXES_MAX)
		*a = kith__relay_addr(index);
	else
		kith_read_fail(r);
}

void kith__mailbox_entry_write(struct kith_writer *w, const struct kith_mailbox_entry *e)
{
	kith_write_bytes(w, e->ml, sizeof(e->ml));
	kith__place_write(w, &e->addr);
	kith_write_u8(w, e->p);
	kith_write_u8(w, e->retention);
	kith_write_u8(w, e->flags);
}

void kith__mailbox_entry_read(struct kith_reader *r, struct kith_mailbox_entry *e)
{
	kith_read_bytes(r, e->ml, sizeof(e->ml));
	kith__place_read(r, &e->addr);
	e->p = kith_read_u8(r);
	e->retention = kith_read_u8(r);
	e->flags = kith_read_u8(r);
	if (e->p > BUCKET_BITS)
		kith_read_fail(r);
}

void kith__mailbox_entries_read(struct kith_reader *r, struct kith_mailbox_entry *e, unsigned count)
{
	unsigned i;
	unsigned k;

	for (i = 0; i < count; i++) {
		kith__mailbox_entry_read(r, &e[i]);
		for (k = 0; k < i; k++)
			if (memcmp(e[k].ml, e[i].ml, sizeof(e[i].ml)) == 0)
				kith_read_fail(r); /* one row for each mailbox */
	}
}

/* Reads ver and kind. */
static int check_kind(struct kith_reader *r, uint8_t kind)
{
	uint8_t version = kith_read_u8(r);

	if (version > VERSION)
		return KITH_E_VERSION;
	return version == VERSION && kith_read_u8(r) == kind ? KITH_OK : KITH_E_MALFORMED;
}

/* ---- knock ---- */

void kith__knock_encode(uint8_t out[static KITH_RECORD_CONTENT], const struct kith_knock *k)
{
	struct kith_writer w;
	unsigned i;

	KITH_ASSERT(k->count <= KNOCK_BOXES);
	kith_writer_init(&w, out, KITH_RECORD_CONTENT);
	kith_write_u8(&w, VERSION);
	kith_write_u8(&w, KIND_KNOCK);
	kith_write_u16(&w, k->flags);
	kith_write_u64(&w, k->expiry_s);
	kith_write_bytes(&w, k->manifest, sizeof(k->manifest));
	kith_write_bytes(&w, k->xk, sizeof(k->xk));
	kith_write_u32(&w, k->spk_id);
	kith_write_bytes(&w, k->spk, sizeof(k->spk));
	kith_write_bytes(&w, k->ek_hash, sizeof(k->ek_hash));
	kith_write_u8(&w, k->pow_bits);
	kith_write_u8(&w, (uint8_t)k->count);
	kith_write_u32(&w, k->device);
	for (i = 0; i < k->count; i++)
		kith__mailbox_entry_write(&w, &k->box[i]);
	kith_write_pad(&w, KITH_RECORD_CONTENT);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
}

int kith__knock_decode(struct kith_knock *k, const uint8_t in[static KITH_RECORD_CONTENT])
{
	struct kith_knock got;
	struct kith_reader r;
	int err;

	memset(&got, 0, sizeof(got));
	kith_reader_init(&r, in, KITH_RECORD_CONTENT);
	err = check_kind(&r, KIND_KNOCK);
	if (err != KITH_OK)
		return err;
	got.flags = kith_read_u16(&r);
	got.expiry_s = kith_read_u64(&r);
	kith_read_bytes(&r, got.manifest, sizeof(got.manifest));
	kith_read_bytes(&r, got.xk, sizeof(got.xk));
	got.spk_id = kith_read_u32(&r);
	kith_read_bytes(&r, got.spk, sizeof(got.spk));
	kith_read_bytes(&r, got.ek_hash, sizeof(got.ek_hash));
	got.pow_bits = kith_read_u8(&r);
	got.count = kith_read_u8(&r);
	got.device = kith_read_u32(&r);
	if (got.count > KNOCK_BOXES || got.pow_bits > KITH_REQUEST_BITS_MAX)
		return KITH_E_MALFORMED;
	kith__mailbox_entries_read(&r, got.box, got.count);
	kith_read_zeros(&r, r.left);
	if (kith_read_end(&r) != KITH_OK)
		return KITH_E_MALFORMED;
	*k = got;
	return KITH_OK;
}

/* ---- presence ---- */

static void write_devices(struct kith_writer *w, const struct kith_presence *p)
{
	static const struct kith_addr none;
	unsigned i, k;

	for (i = 0; i < p->devices; i++) {
		KITH_ASSERT(p->device[i].count <= ENDPOINTS);
		kith_write_u32(w, p->device[i].id);
		kith_write_bytes(w, p->device[i].lk, 32);
		kith_write_u8(w, (uint8_t)p->device[i].count);
		for (k = 0; k < ENDPOINTS; k++)
			kith__place_write(w,
					  k < p->device[i].count ? &p->device[i].addr[k] : &none);
	}
}

void kith__presence_encode(uint8_t out[static KITH_RECORD_CONTENT], const struct kith_presence *p)
{
	struct kith_writer w;
	unsigned i;

	KITH_ASSERT(p->devices <= DEVICES && p->count <= KITH_MAILBOXES_MAX);
	kith_writer_init(&w, out, KITH_RECORD_CONTENT);
	kith_write_u8(&w, VERSION);
	kith_write_u8(&w, KIND_PRESENCE);
	kith_write_u16(&w, p->flags);
	kith_write_u64(&w, p->expiry_s);
	kith_write_u32(&w, p->p_epoch);
	kith_write_u32(&w, p->list_version);
	kith_write_u64(&w, p->manifest_version);
	kith_write_bytes(&w, p->manifest, sizeof(p->manifest));
	kith_write_bytes(&w, p->instance, sizeof(p->instance));
	kith_write_u8(&w, (uint8_t)p->devices);
	kith_write_u8(&w, (uint8_t)p->count);
	kith_write_zeros(&w, 2);
	write_devices(&w, p);
	for (i = 0; i < p->count; i++)
		kith__mailbox_entry_write(&w, &p->box[i]);
	kith_write_pad(&w, KITH_RECORD_CONTENT);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
}

static void read_devices(struct kith_reader *r, struct kith_presence *p)
{
	unsigned i, k;

	for (i = 0; i < p->devices; i++) {
		p->device[i].id = kith_read_u32(r);
		kith_read_bytes(r, p->device[i].lk, 32);
		p->device[i].count = kith_read_u8(r);
		for (k = 0; k < ENDPOINTS; k++) {
			kith__place_read(r, &p->device[i].addr[k]);
			if ((k < p->device[i].count) == kith_addr_is_none(&p->device[i].addr[k]))
				kith_read_fail(r);
		}
		if (p->device[i].count > ENDPOINTS)
			kith_read_fail(r);
	}
}

int kith__presence_decode(struct kith_presence *p, const uint8_t in[static KITH_RECORD_CONTENT])
{
	struct kith_presence got;
	struct kith_reader r;
	int err;

	memset(&got, 0, sizeof(got));
	kith_reader_init(&r, in, KITH_RECORD_CONTENT);
	err = check_kind(&r, KIND_PRESENCE);
	if (err != KITH_OK)
		return err;
	got.flags = kith_read_u16(&r);
	got.expiry_s = kith_read_u64(&r);
	got.p_epoch = kith_read_u32(&r);
	got.list_version = kith_read_u32(&r);
	got.manifest_version = kith_read_u64(&r);
	kith_read_bytes(&r, got.manifest, sizeof(got.manifest));
	kith_read_bytes(&r, got.instance, sizeof(got.instance));
	got.devices = kith_read_u8(&r);
	got.count = kith_read_u8(&r);
	kith_read_zeros(&r, 2);
	if (got.devices > DEVICES || got.count > KITH_MAILBOXES_MAX)
		return KITH_E_MALFORMED;
	read_devices(&r, &got);
	kith__mailbox_entries_read(&r, got.box, got.count);
	kith_read_zeros(&r, r.left);
	if (kith_read_end(&r) != KITH_OK)
		return KITH_E_MALFORMED;
	*p = got;
	return KITH_OK;
}
