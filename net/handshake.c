/* SPDX-License-Identifier: ISC */
/*
 * Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b over base/noise, and the keys around it (crypto.md 6.1).
 *
 *	<- s                         the responder's LK or ML, known beforehand
 *	-> e, es, s, ss, payload1
 *	<- e, ee, se, psk, payload2
 *
 * Contact links run between link keys, with a psk of the day from the pairwise chain. Service
 * links use a static key made for the session and, in the first handshake, a psk of zeros.
 * Wrapping for the wire is in wrap.c; who may speak is decided in link.c and accept.c.
 */
#include "net/codec.h"

#include <string.h>

void kith__net_obf_link(uint8_t out[static 32], const uint8_t p[static 32], uint64_t day,
			uint32_t network)
{
	uint8_t data[12];

	kith_store_u64(data, day);
	kith_store_u32(data + 8, network);
	kith_kdf(out, p, 32, KITH_L_LK_OBF, data, sizeof(data));
}

void kith__net_obf_service(uint8_t out[static 32], const uint8_t ml[static 32], uint32_t network)
{
	uint8_t data[4];

	kith_store_u32(data, network);
	kith_kdf(out, ml, 32, KITH_L_SV_OBF, data, sizeof(data));
}

void kith__net_prologue_link(uint8_t out[static NET_PROLOGUE_LINK], uint32_t device, uint32_t epoch,
			     uint64_t day)
{
	struct kith_writer w;

	kith_writer_init(&w, out, NET_PROLOGUE_LINK);
	kith_write_u8(&w, KITH_SUITE);
	kith_write_bytes(&w, "kith-link", 9);
	kith_write_u32(&w, device);
	kith_write_u32(&w, epoch);
	kith_write_u64(&w, day);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK && w.len == NET_PROLOGUE_LINK);
}

void kith__net_prologue_service(uint8_t out[static NET_PROLOGUE_SERVICE],
				const uint8_t ml[static 32])
{
	struct kith_writer w;
	uint8_t id[32];

	kith_hash(id, KITH_L_NODE_ID, ml, 32);
	kith_writer_init(&w, out, NET_PROLOGUE_SERVICE);
	kith_write_u8(&w, KITH_SUITE);
	kith_write_bytes(&w, "kith-svc", 8);
	kith_write_bytes(&w, id, sizeof(id));
	KITH_ASSERT(kith_write_end(&w) == KITH_OK && w.len == NET_PROLOGUE_SERVICE);
}

int kith__net_root_at(uint8_t out[static 32], const uint8_t l[static 32], uint64_t from,
		      uint64_t day)
{
	uint8_t next[32];

	if (day > from && day - from > NET_ROOT_STEPS)
		return KITH_E_EXPIRED;
	memcpy(next, l, 32);
	for (; from < day; from++)
		kith_kdf(next, next, 32, KITH_L_LK_NEXT, NULL, 0);
	memcpy(out, next, 32);
	kith_wipe(next, sizeof(next));
	return KITH_OK;
}

void kith__net_link_psk(uint8_t out[static 32], const uint8_t l[static 32], uint64_t day)
{
	uint8_t data[8];

	kith_store_u64(data, day);
	kith_kdf(out, l, 32, KITH_L_LK_PSK, data, sizeof(data));
}

void kith__net_link_hint(uint8_t out[static 16], const uint8_t l[static 32],
			 const uint8_t e[static 32])
{
	uint8_t whole[32];

	kith_kdf(whole, l, 32, KITH_L_LK_HINT, e, 32);
	memcpy(out, whole, 16);
	kith_wipe(whole, sizeof(whole));
}

void kith__net_service_psk(uint8_t out[static 32], const uint8_t s[static 32])
{
	kith_kdf(out, s, 32, KITH_L_SV_PSK, NULL, 0);
}

void kith__net_token(uint8_t out[static 16], const uint8_t s[static 32])
{
	uint8_t whole[32];

	kith_kdf(whole, s, 32, KITH_L_LK_TOKEN, NULL, 0);
	memcpy(out, whole, 16);
	kith_wipe(whole, sizeof(whole));
}

void kith__net_payload1_write(uint8_t out[static NET_PAYLOAD1], const struct payload1 *p)
{
	struct kith_writer w;

	kith_writer_init(&w, out, NET_PAYLOAD1);
	kith_write_bytes(&w, p->time, sizeof(p->time));
	kith_write_bytes(&w, p->incarnation, sizeof(p->incarnation));
	kith_write_bytes(&w, p->rhk, sizeof(p->rhk));
	kith_write_u32(&w, p->caps);
	kith_write_bytes(&w, p->x, sizeof(p->x));
	KITH_ASSERT(kith_write_end(&w) == KITH_OK && w.len == NET_PAYLOAD1);
}

void kith__net_payload1_read(struct payload1 *p, const uint8_t in[static NET_PAYLOAD1])
{
	struct kith_reader r;

	kith_reader_init(&r, in, NET_PAYLOAD1);
	kith_read_bytes(&r, p->time, sizeof(p->time));
	kith_read_bytes(&r, p->incarnation, sizeof(p->incarnation));
	kith_read_bytes(&r, p->rhk, sizeof(p->rhk));
	p->caps = kith_read_u32(&r);
	kith_read_bytes(&r, p->x, sizeof(p->x));
	KITH_ASSERT(kith_read_end(&r) == KITH_OK);
}

void kith__net_payload2_write(uint8_t out[static NET_PAYLOAD2], const struct payload2 *p)
{
	struct kith_writer w;

	kith_writer_init(&w, out, NET_PAYLOAD2);
	kith_write_bytes(&w, p->incarnation, sizeof(p->incarnation));
	kith_write_bytes(&w, p->rhk, sizeof(p->rhk));
	kith_addr_write(&w, &p->observed);
	kith_write_u8(&w, 0);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK && w.len == NET_PAYLOAD2);
}

int kith__net_payload2_read(struct payload2 *p, const uint8_t in[static NET_PAYLOAD2])
{
	struct kith_reader r;
	struct payload2 out = {0};

	kith_reader_init(&r, in, NET_PAYLOAD2);
	kith_read_bytes(&r, out.incarnation, sizeof(out.incarnation));
	kith_read_bytes(&r, out.rhk, sizeof(out.rhk));
	kith_addr_read(&r, &out.observed);
	(void)kith_read_u8(&r);
	if (kith_read_end(&r) != KITH_OK)
		return KITH_E_MALFORMED;
	*p = out;
	return KITH_OK;
}

/* MixKey(DH(secret, public)). */
static int mix_dh(struct kith_noise *st, const uint8_t secret[static 32],
		  const uint8_t public[static 32])
{
	uint8_t shared[32];
	int status = kith_dh(shared, secret, public);

	if (status == KITH_OK)
		kith_noise_mix_key(st, shared, sizeof(shared));
	kith_wipe(shared, sizeof(shared));
	return status;
}

/* The token e in a pattern with psk: MixHash, then MixKey (Noise 9.2). */
static void mix_e(struct kith_noise *st, const uint8_t e[static 32])
{
	kith_noise_mix_hash(st, e, 32);
	kith_noise_mix_key(st, e, 32);
}

void kith__net_noise_start(struct kith_noise *st, const void *prologue, size_t len,
			   const uint8_t responder[static 32])
{
	kith_noise_init(st, KITH_NOISE_NAME, prologue, len);
	kith_noise_mix_hash(st, responder, 32);
}

int kith__net_create1(struct kith_noise *st, uint8_t noise1[static NET_NOISE1],
		      const uint8_t e_secret[static 32], const uint8_t s_secret[static 32],
		      const uint8_t responder[static 32], const struct payload1 *p)
{
	uint8_t s_public[32], payload[NET_PAYLOAD1];
	int status;

	kith_dh_public(noise1, e_secret);
	kith_dh_public(s_public, s_secret);
	kith__net_payload1_write(payload, p);
	mix_e(st, noise1);                        /* e */
	status = mix_dh(st, e_secret, responder); /* es */
	if (status == KITH_OK) {
		(void)kith_noise_seal(st, noise1 + 32, s_public, 32); /* s */
		status = mix_dh(st, s_secret, responder);             /* ss */
	}
	if (status == KITH_OK)
		(void)kith_noise_seal(st, noise1 + 80, payload, sizeof(payload));
	kith_wipe(payload, sizeof(payload));
	return status;
}

int kith__net_consume1_static(struct kith_noise *st, uint8_t s_public[static 32],
			      const uint8_t noise1[static NET_NOISE1],
			      const uint8_t secret[static 32])
{
	int status;

	mix_e(st, noise1);                   /* e */
	status = mix_dh(st, secret, noise1); /* es */
	if (status == KITH_OK)
		status = kith_noise_open(st, s_public, noise1 + 32, 48); /* s */
	return status;
}

int kith__net_consume1_payload(struct kith_noise *st, struct payload1 *p,
			       const uint8_t noise1[static NET_NOISE1],
			       const uint8_t secret[static 32], const uint8_t s_public[static 32])
{
	uint8_t shared[32];
	int status = kith_dh(shared, secret, s_public);

	if (status == KITH_OK)
		status = kith__net_consume1_known(st, p, noise1, shared);
	kith_wipe(shared, sizeof(shared));
	return status;
}

int kith__net_consume1_known(struct kith_noise *st, struct payload1 *p,
			     const uint8_t noise1[static NET_NOISE1],
			     const uint8_t shared[static 32])
{
	uint8_t payload[NET_PAYLOAD1];
	int status;

	kith_noise_mix_key(st, shared, 32); /* ss */
	status = kith_noise_open(st, payload, noise1 + 80, NET_PAYLOAD1 + KITH_TAG);
	if (status == KITH_OK)
		kith__net_payload1_read(p, payload);
	kith_wipe(payload, sizeof(payload));
	return status;
}

int kith__net_create2(struct kith_noise *st, uint8_t noise2[static NET_NOISE2],
		      const uint8_t e_secret[static 32], const uint8_t e_initiator[static 32],
		      const uint8_t s_initiator[static 32], const uint8_t psk[static 32],
		      const struct payload2 *p)
{
	uint8_t payload[NET_PAYLOAD2];
	int status;

	kith_dh_public(noise2, e_secret);
	kith__net_payload2_write(payload, p);
	mix_e(st, noise2);                          /* e */
	status = mix_dh(st, e_secret, e_initiator); /* ee */
	if (status == KITH_OK)
		status = mix_dh(st, e_secret, s_initiator); /* se */
	if (status == KITH_OK) {
		kith_noise_mix_key_and_hash(st, psk); /* psk */
		(void)kith_noise_seal(st, noise2 + 32, payload, sizeof(payload));
	}
	kith_wipe(payload, sizeof(payload));
	return status;
}

int kith__net_consume2(struct kith_noise *st, struct payload2 *p,
		       const uint8_t noise2[static NET_NOISE2], const uint8_t e_secret[static 32],
		       const uint8_t s_secret[static 32], const uint8_t psk[static 32])
{
	uint8_t payload[NET_PAYLOAD2];
	int status;

	mix_e(st, noise2);                     /* e */
	status = mix_dh(st, e_secret, noise2); /* ee */
	if (status == KITH_OK)
		status = mix_dh(st, s_secret, noise2); /* se */
	if (status == KITH_OK) {
		kith_noise_mix_key_and_hash(st, psk); /* psk */
		status = kith_noise_open(st, payload, noise2 + 32, NET_PAYLOAD2 + KITH_TAG);
	}
	if (status == KITH_OK)
		status = kith__net_payload2_read(p, payload);
	kith_wipe(payload, sizeof(payload));
	return status;
}

void kith__net_finish(const struct kith_noise *st, bool initiator, struct hs_keys *keys)
{
	kith_noise_split(st, initiator ? keys->tx : keys->rx, initiator ? keys->rx : keys->tx);
	kith_kdf(keys->s, st->ck, sizeof(st->ck), KITH_L_LK_SESS, st->h, sizeof(st->h));
}
