/* SPDX-License-Identifier: ISC */
/*
 * Every ciphertext and every signature of the protocol between two people into every other opener,
 * under the attacker's best case: the same raw key everywhere. All must be refused, and each must
 * pass where it belongs. crypto.md 14, attack_03.
 */
#include <stdio.h>
#include <string.h>

#include "base/record.h"
#include "node/proto_internal.h"
#include "tests/test.h"
#include "tests/unit/node/people.h"

enum kind { RECORD, REQUEST, FULL, LIGHT, BLOB, BUNDLE, MANIFEST, KINDS };

static const char *const kind_name[KINDS] = {"record", "request", "full frame", "light frame",
					     "blob",   "bundle",  "manifest"};

static struct couple c;
static struct kith_record_secret secret;
static uint8_t thing[KINDS][KITH_BLOB];
static size_t thing_len[KINDS];
static uint8_t tag[16];

static void make_record(struct kith_noncer *noncer)
{
	static uint8_t content[KITH_RECORD_CONTENT];
	static const struct kith_presence presence = {.p_epoch = 1};

	memcpy(secret.s, c.a->p, 32);
	memcpy(secret.ik, c.a->ik, 32);
	kith__presence_encode(content, &presence);
	CHECK_OK(kith_record_make(thing[RECORD], &secret, c.a->ik_seed, 20000, 5, content, noncer));
	thing_len[RECORD] = KITH_RECORD;
}

static void make_signed(void)
{
	static struct kith_bundle bundle = {.spk_id = 1, .not_after = UINT64_MAX};
	static struct kith_manifest manifest = {.version = 1, .count = 1};

	memcpy(bundle.ek, c.a->ek, KITH_KEM_EK);
	kith__bundle_make(thing[BUNDLE], &bundle, c.a->ik_seed, c.a->ik);
	thing_len[BUNDLE] = KITH_INNER;
	thing_len[MANIFEST] =
		kith__manifest_make(thing[MANIFEST], &manifest, c.a->ik_seed, c.a->ik);
}

static void make_all(struct kith_rng *rng)
{
	uint8_t root[32], nonce[24], inner[KITH_INNER] = {0};
	struct kith_request q;

	couple_begin(&c, rng);
	couple_warm(&c);
	make_record(&c.noncer[0]);
	person_request(c.a, c.b, rng, KITH_REQUEST_FIRST, thing[REQUEST], root, &q);
	thing_len[REQUEST] = KITH_INNER;
	thing_len[LIGHT] = couple_seal(&c, 0, true, "light", NULL, thing[LIGHT]);
	thing_len[FULL] = couple_seal(&c, 0, false, "full", NULL, thing[FULL]);
	CHECK_EQ(thing_len[LIGHT], 256);
	kith_rng_fill(rng, nonce, 24);
	kith_rng_fill(rng, tag, 16);
	kith__blob_wrap(thing[BLOB], nonce, c.side[1].hkr, tag, inner);
	thing_len[BLOB] = KITH_BLOB;
	make_signed();
}

static int open_as(enum kind as, const uint8_t *in, size_t len)
{
	static struct kith_opened o;
	struct kith_request_keys self = person_keys(c.b);
	static struct kith_ratchet copy;
	union {
		struct kith_request q;
		struct kith_bundle b;
		struct kith_manifest m;
		uint8_t inner[KITH_INNER];
	} out;
	uint8_t root[32];
	uint64_t seq;
	int err;

	switch (as) {
	case RECORD: return kith_record_open(out.inner, &seq, in, &secret, 20000);
	case REQUEST: return kith__request_open(&out.q, root, in, &self, TEST_NOW);
	case FULL:
	case LIGHT:
		copy = c.side[1]; /* skipped keys are none: nothing is shared */
		CHECK_EQ(copy.skipped_count, 0);
		err = kith__ratchet_open(&copy, &o, in, len, c.now_ms);
		kith__ratchet_wipe(&copy);
		return err;
	case BLOB: return kith__blob_unwrap(out.inner, c.side[1].hkr, tag, in);
	case BUNDLE: return kith__bundle_open(&out.b, in, c.a->ik, TEST_NOW);
	case MANIFEST: return kith__manifest_open(&out.m, in, len, c.a->ik);
	case KINDS: break;
	}
	return KITH_E_STATE;
}

/* The size an opener demands; light frames in all four. */
static size_t wanted_len(enum kind as, enum kind what)
{
	return as == MANIFEST ? thing_len[what] : thing_len[as];
}

TEST(confusion_of_ciphertexts)
{
	struct kith_rng rng = test_rng(test_seed());
	static uint8_t in[KITH_BLOB];
	int refused = 0, passed = 0;

	make_all(&rng);
	for (int what = 0; what < KINDS; what++)
		for (int as = 0; as < KINDS; as++) {
			size_t len = wanted_len((enum kind)as, (enum kind)what);
			int err;

			if (what == as)
				continue;
			memset(in, 0, sizeof(in));
			memcpy(in, thing[what], thing_len[what]);
			err = open_as((enum kind)as, in, len);
			if (err == KITH_OK)
				test_fail(__FILE__, __LINE__, "%s opened as %s", kind_name[what],
					  kind_name[as]);
			refused++;
			/* and at the place where its inner part begins */
			memset(in, 0, sizeof(in));
			memcpy(in, thing[what] + 24, thing_len[what] - 24);
			CHECK(open_as((enum kind)as, in, len) != KITH_OK);
		}
	CHECK_EQ(refused, KINDS * (KINDS - 1));
	couple_end(&c);

	make_all(&rng); /* each where it belongs */
	for (int what = 0; what < KINDS; what++, passed++)
		CHECK_OK(open_as((enum kind)what, thing[what], thing_len[what]));
	CHECK_EQ(passed, KINDS);
	couple_end(&c);
}

/* One key signs under all labels; none of its signatures may pass for another. */
TEST(confusion_of_signatures)
{
	static const enum kith_label label[] = {KITH_L_CERT,    KITH_L_BUNDLE,  KITH_L_MANIFEST,
						KITH_L_REC_SIG, KITH_L_MB_RCPT, KITH_L_MB_BIND,
						KITH_L_MB_JOIN};
	const size_t count = sizeof(label) / sizeof(label[0]);
	struct kith_rng rng = test_rng(test_seed());
	uint8_t seed[32], pk[32], m[99], sig[64];

	kith_rng_fill(&rng, seed, 32);
	kith_rng_fill(&rng, m, sizeof(m));
	kith_sign_public(pk, seed);
	for (size_t i = 0; i < count; i++) {
		kith_sign(sig, seed, label[i], m, sizeof(m));
		for (size_t k = 0; k < count; k++)
			CHECK_EQ(kith_sign_verify(sig, pk, label[k], m, sizeof(m)),
				 i == k ? KITH_OK : KITH_E_AUTH);
	}
}

TEST(confusion_of_labels)
{
	uint8_t a[16], b[16];

	for (int i = 0; i < KITH_LABEL_COUNT; i++) {
		kith_label_bytes(a, (enum kith_label)i);
		CHECK_EQ(a[15], 0);
		for (int k = 0; k < i; k++) {
			kith_label_bytes(b, (enum kith_label)k);
			CHECK(memcmp(a, b, 16) != 0);
		}
	}
}
