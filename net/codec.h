/* SPDX-License-Identifier: ISC */
/*
 * The pure parts of net: handshake messages, data packets, frames, sets of ranges. No state of
 * the engine, no time. Bytes: crypto.md 6, transport.md 3-5.
 */
#ifndef KITH_NET_CODEC_H
#define KITH_NET_CODEC_H

#include "base/addr.h"
#include "base/alloc.h"
#include "base/bytes.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "base/noise.h"

#define NET_NOISE1           168u /* e 32 | s 48 | payload 72 + 16 */
#define NET_NOISE2           108u /* e 32 | payload 60 + 16 */
#define NET_PAYLOAD1         72u
#define NET_PAYLOAD2         60u
#define NET_MSG1_MIN         256u
#define NET_MSG1_MAX         383u
#define NET_MSG2_MIN         160u
#define NET_COOKIE_MIN       58u
#define NET_PROLOGUE_LINK    26u
#define NET_PROLOGUE_SERVICE 41u
#define NET_OVERHEAD         28u /* idx 4 | pn 8 | tag 16 */
#define NET_HEAD             12u
#define NET_PN_MAX           (UINT64_C(1) << 62)
#define NET_ROOT_STEPS       4096u /* days that a psk chain may be ahead (crypto.md 6.1) */

/* ---- handshake.c ---- */
struct payload1 {
	uint8_t time[12], incarnation[8], rhk[32];
	uint32_t caps;
	uint8_t x[16]; /* hint, resume token or zeros */
};
struct payload2 {
	uint8_t incarnation[8], rhk[32];
	struct kith_addr observed;
};
/* The keys a handshake yields, from this side's point of view. */
struct hs_keys {
	uint8_t tx[32], rx[32], s[32];
};
struct outer1 {
	uint8_t nonce[24];
	uint32_t idx_i;
	uint8_t noise1[NET_NOISE1], mac2[16];
};

/* k_obf of a contact link: KDF(P, "lk.obf", day | net). */
void kith__net_obf_link(uint8_t out[static 32], const uint8_t p[static 32], uint64_t day,
			uint32_t network);
/* k_obf of a service link: KDF(ML, "sv.obf", net). */
void kith__net_obf_service(uint8_t out[static 32], const uint8_t ml[static 32], uint32_t network);
/* The prologues, without terminators (crypto.md 6.1). */
void kith__net_prologue_link(uint8_t out[static NET_PROLOGUE_LINK], uint32_t device, uint32_t epoch,
			     uint64_t day);
/* For a service link: the responder's node id. */
void kith__net_prologue_service(uint8_t out[static NET_PROLOGUE_SERVICE],
				const uint8_t ml[static 32]);
/* L of `day` from L of `from`; days before `from` use L itself. KITH_E_EXPIRED: too far ahead. */
int kith__net_root_at(uint8_t out[static 32], const uint8_t l[static 32], uint64_t from,
		      uint64_t day) KITH_MUST_USE;
/* psk and hint of a day's root; psk of a rekey and resume token of a session secret S. */
void kith__net_link_psk(uint8_t out[static 32], const uint8_t l[static 32], uint64_t day);
/* Hint for e. */
void kith__net_link_hint(uint8_t out[static 16], const uint8_t l[static 32],
			 const uint8_t e[static 32]);
/* psk of a service rekey. */
void kith__net_service_psk(uint8_t out[static 32], const uint8_t s[static 32]);
/* Resume token. */
void kith__net_token(uint8_t out[static 16], const uint8_t s[static 32]);

/* The plaintext payloads of the two Noise messages. */
void kith__net_payload1_write(uint8_t out[static NET_PAYLOAD1], const struct payload1 *p);
/* Never fails: every value of every field is legal. */
void kith__net_payload1_read(struct payload1 *p, const uint8_t in[static NET_PAYLOAD1]);
/* The reserved byte is sent as 0. */
void kith__net_payload2_write(uint8_t out[static NET_PAYLOAD2], const struct payload2 *p);
/* KITH_E_MALFORMED: the observed address has no form. The reserved byte is ignored. */
int kith__net_payload2_read(struct payload2 *p, const uint8_t in[static NET_PAYLOAD2])
	KITH_MUST_USE;

/* Starts `st` on either side: premessage is the responder's static key. */
void kith__net_noise_start(struct kith_noise *st, const void *prologue, size_t len,
			   const uint8_t responder[static 32]);
/* Initiator, -> e, es, s, ss, payload. KITH_E_AUTH: a zero DH result. */
int kith__net_create1(struct kith_noise *st, uint8_t noise1[static NET_NOISE1],
		      const uint8_t e_secret[static 32], const uint8_t s_secret[static 32],
		      const uint8_t responder[static 32], const struct payload1 *p) KITH_MUST_USE;
/* Responder, first half: e, es, s. Gives the initiator's static key. */
int kith__net_consume1_static(struct kith_noise *st, uint8_t s_public[static 32],
			      const uint8_t noise1[static NET_NOISE1],
			      const uint8_t secret[static 32]) KITH_MUST_USE;
/* Responder, second half: ss, payload. */
int kith__net_consume1_payload(struct kith_noise *st, struct payload1 *p,
			       const uint8_t noise1[static NET_NOISE1],
			       const uint8_t secret[static 32], const uint8_t s_public[static 32])
	KITH_MUST_USE;
/* The same where the DH of both statics is known: contacts keep it (link.c). */
int kith__net_consume1_known(struct kith_noise *st, struct payload1 *p,
			     const uint8_t noise1[static NET_NOISE1],
			     const uint8_t shared[static 32]) KITH_MUST_USE;
/* Responder, <- e, ee, se, psk, payload. */
int kith__net_create2(struct kith_noise *st, uint8_t noise2[static NET_NOISE2],
		      const uint8_t e_secret[static 32], const uint8_t e_initiator[static 32],
		      const uint8_t s_initiator[static 32], const uint8_t psk[static 32],
		      const struct payload2 *p) KITH_MUST_USE;
/* Initiator. On failure `st` is unusable: work on a copy where two psks are tried. */
int kith__net_consume2(struct kith_noise *st, struct payload2 *p,
		       const uint8_t noise2[static NET_NOISE2], const uint8_t e_secret[static 32],
		       const uint8_t s_secret[static 32], const uint8_t psk[static 32])
	KITH_MUST_USE;
/* Keys of this side after the second message. */
void kith__net_finish(const struct kith_noise *st, bool initiator, struct hs_keys *keys);

/* The sealed datagrams. `pad` zeros follow the fixed part; result = datagram length. */
size_t kith__net_wrap1(uint8_t *out, const uint8_t key[static 32], struct kith_noncer *noncer,
		       const struct outer1 *m, size_t pad);
int kith__net_unwrap1(struct outer1 *m, const uint8_t key[static 32], const uint8_t *in, size_t len)
	KITH_MUST_USE;
void kith__net_key2(uint8_t out[static 32], const uint8_t k_obf[static 32],
		    const uint8_t e[static 32]);
size_t kith__net_wrap2(uint8_t *out, const uint8_t key[static 32], struct kith_noncer *noncer,
		       uint32_t idx_i, uint32_t idx_r, const uint8_t noise2[static NET_NOISE2],
		       size_t pad);
int kith__net_unwrap2(uint8_t noise2[static NET_NOISE2], uint32_t *idx_i, uint32_t *idx_r,
		      const uint8_t key[static 32], const uint8_t *in, size_t len) KITH_MUST_USE;
void kith__net_cookie(uint8_t out[static 16], const uint8_t secret[static 32],
		      const struct kith_addr *addr);
void kith__net_mac2(uint8_t out[static 16], const uint8_t cookie[static 16], uint32_t idx_i,
		    const uint8_t noise1[static NET_NOISE1]);
/* `nonce1` = nonce of the msg1 that is answered. */
size_t kith__net_wrap_cookie(uint8_t *out, const uint8_t k_obf[static 32],
			     const uint8_t nonce1[static 24], struct kith_noncer *noncer,
			     const uint8_t cookie[static 16], size_t pad);
int kith__net_unwrap_cookie(uint8_t cookie[static 16], const uint8_t k_obf[static 32],
			    const uint8_t nonce1[static 24], const uint8_t *in, size_t len)
	KITH_MUST_USE;

/* ---- packet.c ---- */
/* Which pn were received: bit i of the ring for the 2,048 below `next`. */
struct replay {
	uint64_t next; /* highest pn + 1 */
	uint64_t bits[KITH_NET_REPLAY_BITS / 64];
};
bool kith__net_replay_fresh(const struct replay *r, uint64_t pn);
void kith__net_replay_add(struct replay *r, uint64_t pn);
/* Seals in place: `len` plaintext bytes at dgram + NET_HEAD. Result = len + NET_OVERHEAD. */
size_t kith__net_seal(uint8_t *dgram, size_t len, const uint8_t key[static 32],
		      const uint8_t rhk[static 32], uint32_t idx, uint64_t pn);
/* The clear header of a datagram under `rhk` (len >= KITH_DGRAM_MIN). */
void kith__net_unmask(const uint8_t *in, size_t len, const uint8_t rhk[static 32],
		      uint8_t head[static NET_HEAD]);
/* Opens into `plain` (len - NET_OVERHEAD bytes). KITH_E_AUTH. */
int kith__net_open(uint8_t *plain, const uint8_t key[static 32],
		   const uint8_t head[static NET_HEAD], const uint8_t *in, size_t len)
	KITH_MUST_USE;

/* ---- frame.c ---- */
enum frame_id {
	FRAME_PADDING = 0x00,
	FRAME_PING = 0x01,
	FRAME_ACK = 0x02,
	FRAME_MSG = 0x03,
	FRAME_STREAM = 0x04,
	FRAME_DATAGRAM = 0x05,
	FRAME_RESET = 0x06,
	FRAME_STOP = 0x07,
	FRAME_MAX_DATA = 0x08,
	FRAME_MAX_STREAM = 0x09,
	FRAME_MAX_MSG = 0x0a,
	FRAME_PROBE = 0x10,
	FRAME_ECHO = 0x11,
	FRAME_CANDIDATES = 0x12,
	FRAME_PUNCH = 0x13,
	FRAME_PROBE_ME = 0x14,
	FRAME_PROBE_HIT = 0x15,
	FRAME_RELAY_REGISTER = 0x20,
	FRAME_RELAY_OPEN = 0x21,
	FRAME_RELAY_DATA = 0x22,
	FRAME_RELAY_CLOSE = 0x23,
	FRAME_CLOSE = 0x3f
};
#define FRAME_ACK_RANGES   32u
#define FRAME_DATAGRAM_MAX 1100u
#define FRAME_ADDRS_MAX    8u
#define FRAME_FIN          0x01u

struct ack_range {
	uint64_t low, high; /* both inclusive */
};
struct frame {
	uint64_t id; /* enum frame_id, or an unknown one */
	bool known;
	uint64_t number;     /* MSG seq; STREAM, RESET, STOP, MAX_STREAM id; else unused */
	uint64_t offset;     /* MSG, STREAM */
	uint64_t value;      /* MSG total; RESET final size; MAX_* limit; ACK delay in 8 us */
	uint64_t code;       /* RESET, STOP, CLOSE */
	bool fin;            /* STREAM */
	const uint8_t *data; /* MSG, STREAM; inside the packet */
	size_t len;
	uint8_t token[8];      /* PROBE, ECHO */
	struct kith_addr addr; /* ECHO */
	unsigned range_count;  /* ACK, highest first */
	struct ack_range range[FRAME_ACK_RANGES];
};
/* Reads the next frame. False at the end of the packet or when it is malformed: see kith_read_ok.
 */
bool kith__net_frame_read(struct kith_reader *r, struct frame *f);
/* ACK: id | largest | delay | count | (gap, length) each. The first gap is 0; a later one is the
 * number of missing packets less 1; length >= 1. */
void kith__net_frame_ack(struct kith_writer *w, uint64_t delay, const struct ack_range *range,
			 unsigned count);
void kith__net_frame_msg(struct kith_writer *w, uint64_t seq, uint64_t total, uint64_t offset,
			 const uint8_t *data, size_t len);
void kith__net_frame_stream(struct kith_writer *w, uint64_t id, uint64_t offset, bool fin,
			    const uint8_t *data, size_t len);
/* Frames of varints only: id and `count` values. */
void kith__net_frame_plain(struct kith_writer *w, enum frame_id id, const uint64_t *values,
			   unsigned count);
void kith__net_frame_probe(struct kith_writer *w, const uint8_t token[static 8]);
void kith__net_frame_echo(struct kith_writer *w, const uint8_t token[static 8],
			  const struct kith_addr *seen);

/* ---- ranges.c: sorted, disjoint, half-open intervals ---- */
struct range {
	uint64_t low, end;
};
struct ranges {
	struct range *v;
	size_t count, cap;
};
/* Adds [low, end). KITH_E_FULL beyond `max` intervals, KITH_E_NOMEM: unchanged. */
int kith__net_ranges_add(struct ranges *r, const struct kith_alloc *a, uint64_t low, uint64_t end,
			 size_t max) KITH_MUST_USE;
/* Takes [low, end) out; the same errors (a cut in the middle needs room). */
int kith__net_ranges_remove(struct ranges *r, const struct kith_alloc *a, uint64_t low,
			    uint64_t end, size_t max) KITH_MUST_USE;
bool kith__net_ranges_cover(const struct ranges *r, uint64_t low, uint64_t end);
uint64_t kith__net_ranges_sum(const struct ranges *r);
void kith__net_ranges_free(struct ranges *r, const struct kith_alloc *a);

#endif
