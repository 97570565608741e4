/* SPDX-License-Identifier: ISC */
/*
 * Interprets every handshake pattern of the public vectors over struct kith_noise: the 59 + 51
 * sets name 13 base patterns with their deferred and psk forms. Noise revision 34, 7 and 9.
 */
#include "base/noise.h"

#include "base/bytes.h"
#include <ctype.h>
#include <string.h>

#include "tests/test.h"
#include "tests/unit/base/json_vectors.h"

enum { TOKENS = 8, LINES = 6, MESSAGE = 512 };

/* One message: tokens as letters; e s, then pairs as upper case: A = ee, B = es, C = se, D = ss,
 * P = psk. */
struct pattern {
	bool initiator_known, responder_known; /* pre-message s */
	char line[LINES][TOKENS];
	int lines;
};

/* The patterns of section 7.4 and 7.5, and the deferred ones of section 18.1. */
static const struct {
	const char *name, *text; /* initiator's first; '.' ends a line */
} table[] = {
	{"N", "eB"},           {"K", "eBD"},          {"X", "eBsD"},        {"NN", "e.eA"},
	{"KN", "e.eAC"},       {"NK", "eB.eA"},       {"KK", "eBD.eAC"},    {"NX", "e.eAsB"},
	{"KX", "e.eACsB"},     {"XN", "e.eA.sC"},     {"IN", "es.eAC"},     {"XK", "eB.eA.sC"},
	{"IK", "eBsD.eAC"},    {"XX", "e.eAsB.sC"},   {"IX", "es.eACsB"},   {"NK1", "e.eAB"},
	{"NX1", "e.eAs.B"},    {"X1N", "e.eA.s.C"},   {"X1K", "eB.eA.s.C"}, {"XK1", "e.eAB.sC"},
	{"X1K1", "e.eAB.s.C"}, {"X1X", "e.eAsB.s.C"}, {"XX1", "e.eAs.BsC"}, {"X1X1", "e.eAs.Bs.C"},
	{"K1N", "e.eA.C"},     {"K1K", "eB.eA.C"},    {"KK1", "e.eACB"},    {"K1K1", "e.eAB.C"},
	{"K1X", "e.eAsB.C"},   {"KX1", "e.eACs.B"},   {"K1X1", "e.eAs.CB"}, {"I1N", "es.eA.C"},
	{"I1K", "eBs.eA.C"},   {"IK1", "es.eACB"},    {"I1K1", "es.eAB.C"}, {"I1X", "es.eAsB.C"},
	{"IX1", "es.eACs.B"},  {"I1X1", "es.eAs.CB"},
};

static void put_psk(struct pattern *p, int at)
{
	char *line = p->line[at == 0 ? 0 : at - 1];
	size_t len = strlen(line);

	CHECK(len + 1 < TOKENS);
	if (at == 0)
		memmove(line + 1, line, len + 1);
	else
		line[len + 1] = '\0';
	line[at == 0 ? 0 : len] = 'P';
}

static bool is_oneway(const char *base)
{
	return strlen(base) == 1;
}

static bool load_base(struct pattern *p, const char *base)
{
	const char *responder = base + 1 + (base[1] == '1');
	const char *text = NULL;
	size_t i;

	memset(p, 0, sizeof(*p));
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].name, base) == 0)
			text = table[i].text;
	if (text == NULL)
		return false;
	p->initiator_known = base[0] == 'K';
	p->responder_known = is_oneway(base) || responder[0] == 'K';
	for (p->lines = 1; *text != '\0'; text++) {
		if (*text == '.')
			p->lines++;
		else
			p->line[p->lines - 1][strlen(p->line[p->lines - 1])] = *text;
	}
	return true;
}

/* "IKpsk0+psk2" -> the pattern. */
static bool load_pattern(struct pattern *p, const char *name, size_t len, bool *psk)
{
	char base[8] = "";
	size_t i = 0;

	while (i < len && !islower((unsigned char)name[i]) && i < sizeof(base) - 1) {
		base[i] = name[i];
		i++;
	}
	*psk = i < len;
	if (!load_base(p, base))
		return false;
	for (; i + 3 < len; i += 5) /* pskN, then a plus */
		put_psk(p, name[i + 3] - '0');
	return true;
}

struct side {
	struct kith_noise n;
	bool initiator, psk_mode;
	uint8_t s[32], S[32], e[32], E[32], rs[32], re[32];
	uint8_t psk[4][32];
	size_t psk_used;
};

static void read_side(struct side *p, const json_t *v, bool initiator)
{
	static const char *const keys[2][4] = {{"resp_static", "resp_ephemeral",
						"resp_remote_static", "resp_psks"},
					       {"init_static", "init_ephemeral",
						"init_remote_static", "init_psks"}};
	const char *const *key = keys[initiator];
	const json_t *psks = json_object_get(v, key[3]);
	size_t i;

	memset(p, 0, sizeof(*p));
	p->initiator = initiator;
	if (json_object_get(v, key[0]) != NULL)
		json_vectors_bytes(v, key[0], p->s, 32);
	if (json_object_get(v, key[1]) != NULL)
		json_vectors_bytes(v, key[1], p->e, 32);
	if (json_object_get(v, key[2]) != NULL)
		json_vectors_bytes(v, key[2], p->rs, 32);
	kith_dh_public(p->S, p->s);
	kith_dh_public(p->E, p->e);
	CHECK(json_array_size(psks) <= 4);
	for (i = 0; i < json_array_size(psks); i++)
		CHECK_OK(kith_hex_decode(p->psk[i], 32, json_string_value(json_array_get(psks, i)),
					 64));
}

static void start(struct side *p, const struct pattern *pat, const json_t *v)
{
	const char *name = json_vectors_text(v, "protocol_name");
	uint8_t prologue[64];
	size_t len = json_vectors_data(v, p->initiator ? "init_prologue" : "resp_prologue",
				       prologue, sizeof(prologue));

	kith_noise_init(&p->n, name, prologue, len);
	if (pat->initiator_known)
		kith_noise_mix_hash(&p->n, p->initiator ? p->S : p->rs, 32);
	if (pat->responder_known)
		kith_noise_mix_hash(&p->n, p->initiator ? p->rs : p->S, 32);
}

static void mix_dh(struct side *p, const uint8_t sk[32], const uint8_t pk[32])
{
	uint8_t out[32];

	CHECK_OK(kith_dh(out, sk, pk));
	kith_noise_mix_key(&p->n, out, 32);
}

static void mix_pair(struct side *p, char token)
{
	bool own_e = token == 'A' || (token == 'B') == p->initiator;
	bool own_s = token == 'D' || (token == 'C') == p->initiator;

	switch (token) {
	case 'A': mix_dh(p, p->e, p->re); break;
	case 'D': mix_dh(p, p->s, p->rs); break;
	case 'P': kith_noise_mix_key_and_hash(&p->n, p->psk[p->psk_used++]); break;
	default: CHECK(own_e != own_s); mix_dh(p, own_e ? p->e : p->s, own_e ? p->rs : p->re);
	}
}

static void mix_e(struct side *p, const uint8_t *e)
{
	kith_noise_mix_hash(&p->n, e, 32);
	if (p->psk_mode)
		kith_noise_mix_key(&p->n, e, 32);
}

static size_t write_message(struct side *p, const char *tokens, uint8_t *out, const uint8_t *m,
			    size_t len)
{
	size_t at = 0;

	for (; *tokens != '\0'; tokens++) {
		if (*tokens == 'e') {
			memcpy(out + at, p->E, 32);
			at += 32;
			mix_e(p, p->E);
		} else if (*tokens == 's') {
			at += kith_noise_seal(&p->n, out + at, p->S, 32);
		} else {
			mix_pair(p, *tokens);
		}
	}
	return at + kith_noise_seal(&p->n, out + at, m, len);
}

static int read_message(struct side *p, const char *tokens, uint8_t *out, const uint8_t *in,
			size_t len)
{
	size_t at = 0, n;
	int err = KITH_OK;

	for (; *tokens != '\0' && err == KITH_OK; tokens++) {
		if (*tokens == 'e') {
			memcpy(p->re, in, 32);
			at += 32;
			mix_e(p, p->re);
		} else if (*tokens == 's') {
			n = p->n.has_key ? 48 : 32;
			err = kith_noise_open(&p->n, p->rs, in + at, n);
			at += n;
		} else {
			mix_pair(p, *tokens);
		}
	}
	return err != KITH_OK ? err : kith_noise_open(&p->n, out, in + at, len - at);
}

/* The last byte is always authenticated once a key is set: a changed one is refused. */
static void refuse_changed(const struct side *reader, const char *tokens, const uint8_t *in,
			   size_t len)
{
	struct side copy = *reader;
	uint8_t bad[MESSAGE], out[MESSAGE];
	int err;

	memcpy(bad, in, len);
	bad[len - 1] ^= 1;
	err = read_message(&copy, tokens, out, bad, len);
	if (copy.n.has_key)
		CHECK_EQ(err, KITH_E_AUTH);
}

static void transport(const struct side p[2], const json_t *messages, size_t first, bool oneway)
{
	uint8_t key[2][2][32];
	uint8_t m[64], want[MESSAGE], got[MESSAGE];
	uint64_t counter[2] = {0, 0};
	size_t i, len, want_len;

	kith_noise_split(&p[0].n, key[0][0], key[0][1]);
	kith_noise_split(&p[1].n, key[1][0], key[1][1]);
	CHECK_MEM(key[0], key[1], 64);
	for (i = first; i < json_array_size(messages); i++) {
		const json_t *v = json_array_get(messages, i);
		size_t way = oneway ? 0 : i % 2;

		len = json_vectors_data(v, "payload", m, sizeof(m));
		want_len = json_vectors_data(v, "ciphertext", want, sizeof(want));
		CHECK_EQ(want_len, len + KITH_TAG);
		kith_aead_seal(got, key[0][way], counter[way], NULL, 0, m, len);
		CHECK_MEM(got, want, want_len);
		CHECK_OK(kith_aead_open(got, key[1][way], counter[way]++, NULL, 0, want, want_len));
		CHECK_MEM(got, m, len);
	}
}

static void run(const json_t *v, const struct pattern *pat, bool psk)
{
	const json_t *messages = json_vectors_list(v, "messages");
	struct side p[2]; /* 0 = initiator */
	uint8_t m[64], want[MESSAGE], got[MESSAGE], out[MESSAGE], hash[64];
	size_t len, want_len;
	int i;

	for (i = 0; i < 2; i++) {
		read_side(&p[i], v, i == 0);
		p[i].psk_mode = psk;
		start(&p[i], pat, v);
	}
	for (i = 0; i < pat->lines; i++) {
		const json_t *message = json_array_get(messages, (size_t)i);

		len = json_vectors_data(message, "payload", m, sizeof(m));
		want_len = json_vectors_data(message, "ciphertext", want, sizeof(want));
		CHECK_EQ(write_message(&p[i % 2], pat->line[i], got, m, len), want_len);
		CHECK_MEM(got, want, want_len);
		refuse_changed(&p[1 - i % 2], pat->line[i], want, want_len);
		CHECK_OK(read_message(&p[1 - i % 2], pat->line[i], out, want, want_len));
		CHECK_MEM(out, m, len);
	}
	CHECK_MEM(p[0].n.h, p[1].n.h, 64);
	if (json_object_get(v, "handshake_hash") != NULL) {
		json_vectors_bytes(v, "handshake_hash", hash, 64);
		CHECK_MEM(p[0].n.h, hash, 64);
	}
	transport(p, messages, (size_t)pat->lines, pat->lines == 1);
	kith_noise_wipe(&p[0].n);
	CHECK(kith_is_zero(&p[0].n, sizeof(p[0].n)));
}

TEST(noise_vectors)
{
	json_t *root = json_vectors_open("noise_25519_chachapoly_blake2b.json");
	const json_t *list = json_vectors_list(root, "vectors");
	size_t i, done = 0, with_psk = 0;

	for (i = 0; i < json_array_size(list); i++) {
		const json_t *v = json_array_get(list, i);
		const char *name = json_vectors_text(v, "protocol_name") + strlen("Noise_");
		struct pattern pat;
		bool psk;

		if (!load_pattern(&pat, name, strcspn(name, "_"), &psk))
			test_fail(__FILE__, __LINE__, "no pattern %s", name);
		run(v, &pat, psk);
		done++;
		with_psk += psk;
	}
	CHECK_EQ(done, 110);
	CHECK(with_psk > 20);
	json_decref(root);
}

TEST(noise_in_place)
{
	struct kith_noise a, b;
	uint8_t buf[64] = "in place";

	kith_noise_init(&a, KITH_NOISE_NAME, "p", 1);
	kith_noise_init(&b, KITH_NOISE_NAME, "p", 1);
	CHECK_EQ(kith_noise_seal(&a, buf, buf, 8), 8);
	CHECK_OK(kith_noise_open(&b, buf, buf, 8));
	kith_noise_mix_key(&a, "k", 1);
	kith_noise_mix_key(&b, "k", 1);
	CHECK_EQ(kith_noise_seal(&a, buf, buf, 8), 24);
	CHECK_EQ(kith_noise_open(&b, buf, buf, 15), KITH_E_AUTH);
	CHECK_OK(kith_noise_open(&b, buf, buf, 24));
	CHECK_MEM(buf, "in place", 8);
	CHECK_MEM(a.h, b.h, 64);
}
