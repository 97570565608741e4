/* SPDX-License-Identifier: ISC */
/* Edge cases of the Wycheproof project against the primitives; the counts are part of the test. */
#include <string.h>

#include "base/crypto_internal.h"
#include "tests/test.h"
#include "tests/unit/base/json_vectors.h"

struct tally {
	int total, accepted, refused;
};

typedef void (*case_fn)(const json_t *group, const json_t *test, struct tally *t);

static struct tally run_file(const char *name, case_fn fn)
{
	json_t *root = json_vectors_open(name);
	const json_t *groups = json_vectors_list(root, "testGroups");
	struct tally t = {0, 0, 0};
	size_t i, j;

	for (i = 0; i < json_array_size(groups); i++) {
		const json_t *group = json_array_get(groups, i);
		const json_t *tests = json_vectors_list(group, "tests");

		for (j = 0; j < json_array_size(tests); j++) {
			fn(group, json_array_get(tests, j), &t);
			t.total++;
		}
	}
	json_decref(root);
	return t;
}

static bool is_valid(const json_t *test)
{
	return strcmp(json_vectors_text(test, "result"), "valid") == 0;
}

static void x25519_case(const json_t *group, const json_t *test, struct tally *t)
{
	uint8_t sk[32], pk[32], want[32], got[32];
	int err;

	(void)group;
	json_vectors_bytes(test, "private", sk, 32);
	json_vectors_bytes(test, "public", pk, 32);
	json_vectors_bytes(test, "shared", want, 32);
	memset(got, 0x77, sizeof(got));
	err = kith_dh(got, sk, pk);
	CHECK_MEM(got, want, 32); /* zeros when refused */
	CHECK_EQ(err, kith_is_zero(want, 32) ? KITH_E_AUTH : KITH_OK);
	t->accepted += err == KITH_OK;
	t->refused += err != KITH_OK;
}

TEST(wycheproof_x25519)
{
	struct tally t = run_file("wycheproof_x25519.json", x25519_case);

	CHECK_EQ(t.total, 518);
	CHECK_EQ(t.accepted, 487);
	CHECK_EQ(t.refused, 31);
}

static void ed25519_case(const json_t *group, const json_t *test, struct tally *t)
{
	const json_t *key = json_object_get(group, "publicKey");
	uint8_t pk[32], sig[128], m[2048];
	size_t len = json_vectors_data(test, "msg", m, sizeof(m));
	size_t sig_len = json_vectors_data(test, "sig", sig, sizeof(sig));
	int err = KITH_E_AUTH; /* another length cannot even be passed */

	json_vectors_bytes(key, "pk", pk, 32);
	if (sig_len == 64)
		err = kith__sign_verify_raw(sig, pk, m, len);
	CHECK_EQ(err, is_valid(test) ? KITH_OK : KITH_E_AUTH);
	t->accepted += err == KITH_OK;
	t->refused += err != KITH_OK;
}

TEST(wycheproof_ed25519)
{
	struct tally t = run_file("wycheproof_ed25519.json", ed25519_case);

	CHECK_EQ(t.total, 151);
	CHECK_EQ(t.accepted, 88);
	CHECK_EQ(t.refused, 63);
}

struct aead_case {
	uint8_t key[32], nonce[64], ad[1024], m[1024], box[1024 + 16];
	size_t ad_len, len;
};

/* False for a nonce of another length, which the interface cannot even take. */
static bool read_case(struct aead_case *c, const json_t *test, size_t nonce_len)
{
	json_vectors_bytes(test, "key", c->key, 32);
	if (json_vectors_data(test, "iv", c->nonce, sizeof(c->nonce)) != nonce_len) {
		CHECK(!is_valid(test));
		return false;
	}
	c->ad_len = json_vectors_data(test, "aad", c->ad, sizeof(c->ad));
	c->len = json_vectors_data(test, "msg", c->m, sizeof(c->m));
	CHECK_EQ(json_vectors_data(test, "ct", c->box, 1024), c->len);
	json_vectors_bytes(test, "tag", c->box + c->len, 16);
	return true;
}

static void judge(const struct aead_case *c, const json_t *test, int err, const uint8_t *opened,
		  const uint8_t *sealed, struct tally *t)
{
	CHECK_EQ(err, is_valid(test) ? KITH_OK : KITH_E_AUTH);
	CHECK_EQ(memcmp(sealed, c->box, c->len + 16) == 0, err == KITH_OK);
	if (err == KITH_OK)
		CHECK_MEM(opened, c->m, c->len);
	t->accepted += err == KITH_OK;
	t->refused += err != KITH_OK;
}

static void xchacha_case(const json_t *group, const json_t *test, struct tally *t)
{
	static struct aead_case c;
	uint8_t opened[1024], sealed[1024 + 16];
	int err;

	(void)group;
	if (!read_case(&c, test, 24))
		return;
	kith_xseal(sealed, c.nonce, c.key, c.ad, c.ad_len, c.m, c.len);
	err = kith_xopen(opened, c.nonce, c.key, c.ad, c.ad_len, c.box, c.len + 16);
	judge(&c, test, err, opened, sealed, t);
}

static void chacha_case(const json_t *group, const json_t *test, struct tally *t)
{
	static struct aead_case c;
	uint8_t opened[1024], sealed[1024 + 16];
	int err;

	(void)group;
	if (!read_case(&c, test, 12))
		return;
	kith__aead_seal(sealed, c.key, c.nonce, c.ad, c.ad_len, c.m, c.len);
	err = kith__aead_open(opened, c.key, c.nonce, c.ad, c.ad_len, c.box, c.len + 16);
	judge(&c, test, err, opened, sealed, t);
}

TEST(wycheproof_xchacha20_poly1305)
{
	struct tally t = run_file("wycheproof_xchacha20_poly1305.json", xchacha_case);

	CHECK_EQ(t.total, 315);
	CHECK(t.accepted > 200 && t.refused > 50);
}

TEST(wycheproof_chacha20_poly1305)
{
	struct tally t = run_file("wycheproof_chacha20_poly1305.json", chacha_case);

	CHECK_EQ(t.total, 325);
	CHECK(t.accepted > 200 && t.refused > 50);
}
