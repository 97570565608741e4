/* SPDX-License-Identifier: ISC */
/*
 * Attacks on two people by who holds some of their keys: posing with a stolen prekey (attack_01,
 * its part of the request), copies of a running profile (attack_06, its part of the ratchet), and
 * what makes a conversation deniable (attack_40). crypto.md 14.
 */
#include <string.h>

#include "tests/break/forge.h"
#include "tests/break/tally.h"
#include "tests/test.h"

TEST(attack_01_stolen_prekey_does_not_pose)
{
	struct kith_rng rng = test_rng(test_seed());
	struct person *a = person_new(&rng), *b = person_new(&rng), *mallory = person_new(&rng);
	struct kith_request_keys self = person_keys(b);
	struct kith_request q, got;
	struct forgery f;
	uint8_t made[KITH_INNER], root[32], root_b[32];
	uint8_t guess[8][32] = {{0}};
	uint64_t refused = 0;

	person_request(a, b, &rng, KITH_REQUEST_FIRST, made, root, &q); /* for A's certificate */
	forge_begin(&f, &rng, b);
	person_request(mallory, b, &rng, KITH_REQUEST_FIRST, made, root, &got);
	memcpy(q.rdh, got.rdh, 32); /* the ratchet keys are Mallory's */
	memcpy(q.rek, got.rek, KITH_KEM_EK);
	CHECK_OK(kith_dh(f.dh3, b->spk_secret, a->xk)); /* the theft: SPK_B */
	memcpy(guess[1], f.dh3, 32);
	CHECK_OK(kith_dh(guess[2], b->spk_secret, b->xk));
	CHECK_OK(kith_dh(guess[3], f.e, b->xk));
	CHECK_OK(kith_dh(guess[4], f.e, a->xk));
	CHECK_OK(kith_dh(guess[5], mallory->xk_secret, b->xk));
	CHECK_OK(kith_dh(guess[6], mallory->xk_secret, a->xk));
	memcpy(guess[7], a->xk, 32);
	for (size_t i = 0; i < 8; i++) {
		memcpy(f.dh4, guess[i], 32);
		forge(made, root, &q, b, &f);
		CHECK_EQ(kith__request_open(&got, root_b, made, &self, TEST_NOW), KITH_E_AUTH);
		refused++;
	}
	tally("requests with the stolen prekey refused", refused, 8);
	/* the forger works: with DH(XK_A, XK_B) too (both of B's secrets) it is believed, which is
	 * the stated limit and the reason why a request proves nothing to others */
	CHECK_OK(kith_dh(f.dh4, b->xk_secret, a->xk));
	forge(made, root, &q, b, &f);
	CHECK_OK(kith__request_open(&got, root_b, made, &self, TEST_NOW));
	CHECK_MEM(root_b, root, 32);
	CHECK_MEM(got.ik, a->ik, 32);
	person_free(a);
	person_free(b);
	person_free(mallory);
}

/* Unknown key share: Mallory certifies A's identity key as its own, or sends A's request on as its
 * own. What B then believes would be a conversation of two others. */
TEST(attack_01_misbound_identity)
{
	struct kith_rng rng = test_rng(test_seed());
	struct person *a = person_new(&rng), *b = person_new(&rng), *mallory = person_new(&rng);
	struct kith_request_keys self = person_keys(b), other = person_keys(mallory);
	static struct kith_request q, got;
	uint8_t made[KITH_INNER], mixed[KITH_INNER], root[32], root_b[32];
	uint64_t refused = 0;
	struct forgery f;

	person_request(mallory, b, &rng, KITH_REQUEST_FIRST, made, root, &q);
	memcpy(q.cert.xk, a->xk, 32);
	kith__cert_sign(&q.cert, mallory->ik_seed, mallory->ik);
	for (unsigned stolen = 0; stolen < 2; stolen++) {
		forge_begin(&f, &rng, b);
		CHECK_OK(kith_dh(f.dh3, mallory->xk_secret, b->spk));
		if (stolen != 0) /* with B's prekey too */
			CHECK_OK(kith_dh(f.dh3, b->spk_secret, a->xk));
		CHECK_OK(kith_dh(f.dh4, mallory->xk_secret, b->xk));
		forge(made, root, &q, b, &f);
		refused += kith__request_open(&got, root_b, made, &self, TEST_NOW) == KITH_E_AUTH;
	}
	/* A's request to Mallory, given to B; and A's second box behind Mallory's first */
	person_request(a, mallory, &rng, KITH_REQUEST_FIRST, made, root, &q);
	CHECK_OK(kith__request_open(&got, root_b, made, &other, TEST_NOW));
	refused += kith__request_open(&got, root_b, made, &self, TEST_NOW) == KITH_E_AUTH;
	person_request(a, b, &rng, KITH_REQUEST_FIRST, made, root, &q);
	person_request(mallory, b, &rng, KITH_REQUEST_FIRST, mixed, root, &q);
	memcpy(mixed + 1376, made + 1376, 2672);
	refused += kith__request_open(&got, root_b, mixed, &self, TEST_NOW) == KITH_E_AUTH;
	tally("misbound requests refused", refused, 4);
	person_free(a);
	person_free(b);
	person_free(mallory);
}

/* The judge: B's state before the frame, the frame, and whether it opens as a text of A. */
static bool judge(struct kith_ratchet before, const uint8_t *in, size_t len, const char *text)
{
	struct kith_opened o;
	struct kith_body b;

	return kith__ratchet_open(&before, &o, in, len, (uint64_t)TEST_NOW * 1000) == KITH_OK &&
	       kith__body_decode(&b, o.body, o.body_len) == KITH_OK && b.len == strlen(text) &&
	       memcmp(b.content, text, b.len) == 0;
}

TEST(attack_40_receiver_can_make_the_same_transcript)
{
	static const char *const texts[] = {"meet at nine", "I never wrote this", "yes"};
	struct kith_rng rng = test_rng(test_seed());
	struct kith_ratchet writer, reader;
	uint8_t frame[KITH_INNER], body[KITH_BODY];
	struct kith_opened o;
	struct couple c;
	uint64_t made = 0;
	size_t len;

	couple_begin(&c, &rng);
	couple_warm(&c);
	len = couple_seal(&c, 0, true, "genuine", NULL, frame);
	reader = c.side[1];
	CHECK(judge(reader, frame, len, "genuine"));
	CHECK(!judge(reader, frame, len, "another"));
	writer = reader; /* all that B knows, nothing of A */
	memcpy(writer.cks, reader.ckr, 32);
	memcpy(writer.hks, reader.hkr, 32);
	memcpy(writer.dh, reader.peer_dh, 32);
	/* EK in the head is of its own seed here: B has the bytes of A's to write instead, and
	 * nobody looks at them in a frame that takes no step. */
	writer.ns = reader.nr;
	for (size_t i = 0; i < 300; i++) {
		const char *text = texts[i % 3];
		struct kith_body b = {.type = KITH_BODY_CHAT, .seq = 10 + (uint32_t)i};

		b.content = (const uint8_t *)text;
		b.len = strlen(text);
		memset(body, 0, sizeof(body));
		CHECK(kith__body_encode(body, sizeof(body), &b) != 0);
		kith__ratchet_seal(&writer, frame, i % 2 ? 256 : KITH_INNER, body, 32 + b.len,
				   &c.noncer[1], NULL);
		CHECK(judge(reader, frame, i % 2 ? 256 : KITH_INNER, text));
		CHECK_OK(
			kith__ratchet_open(&reader, &o, frame, i % 2 ? 256 : KITH_INNER, c.now_ms));
		made++;
	}
	tally("texts of A made by B and believed by the judge", made, 300);
	couple_end(&c);
}

/* ---- attack_06: copies of a profile, a random source that is stuck ---- */

static void stuck(void *ctx, void *dst, size_t len)
{
	(void)ctx;
	memset(dst, 0x42, len);
}

/* What one sealing used: message key and both nonces. */
struct use {
	uint8_t mk[32], head_nonce[24], body_nonce[24], ct[32];
};

static void seal_and_note(struct kith_ratchet *r, struct kith_noncer *n, const char *text,
			  struct use *u)
{
	uint8_t frame[KITH_INNER], body[64] = {0}, ck[32];
	struct kith_body b = {.type = KITH_BODY_CHAT, .seq = 77, .len = strlen(text)};
	size_t len;

	b.content = (const uint8_t *)text;
	len = kith__body_encode(body, sizeof(body), &b);
	memcpy(ck, r->cks, 32);
	kith__chain_next(u->mk, ck);
	kith__ratchet_seal(r, frame, 256, body, len, n, NULL);
	memcpy(u->head_nonce, frame, 24);
	memcpy(u->body_nonce, frame + KITH__HEAD_LIGHT, 24);
	memcpy(u->ct, frame + KITH__HEAD_LIGHT + 24, 32);
}

TEST(attack_06_copies_repeat_no_key_and_nonce)
{
	static struct use one[1000], two[1000];
	struct kith_rng rng = test_rng(test_seed()), bad = {.fill = stuck};
	struct kith_ratchet copy;
	struct kith_noncer n1, n2;
	struct couple c;
	char text[32] = "from the first copy 0";
	uint64_t points = 0;

	couple_begin(&c, &rng);
	couple_warm(&c);
	kith_noncer_init(&n1, &bad);
	n2 = n1; /* a fork: the same process key, counter and random source */
	for (size_t i = 0; i < 1000; i++) {
		copy = c.side[0];
		text[20] = (char)('a' + i % 26);
		seal_and_note(&c.side[0], &n1, text, &one[i]);
		text[9] = 'F';
		seal_and_note(&copy, &n2, text, &two[i]);
		text[9] = 'f';
		CHECK_MEM(one[i].mk, two[i].mk, 32); /* the copy holds the same keys */
		CHECK(memcmp(one[i].body_nonce, two[i].body_nonce, 24) != 0);
		CHECK(memcmp(one[i].ct, two[i].ct, 32) != 0);
		for (size_t k = 0; k < i; k++) { /* within one process */
			CHECK(memcmp(one[i].mk, one[k].mk, 32) != 0);
			CHECK(memcmp(one[i].head_nonce, one[k].head_nonce, 24) != 0);
			CHECK(memcmp(one[i].body_nonce, one[k].body_nonce, 24) != 0);
		}
		points++;
	}
	tally("points of copy with a stuck random source, no nonce twice", points, 1000);
	couple_end(&c);
}
