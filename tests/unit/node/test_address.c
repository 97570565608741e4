/* SPDX-License-Identifier: ISC */
/* Links, hints, safety numbers, certificates, manifests; tests/vectors/address.txt. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "node/proto.h"
#include "tests/test.h"
#include "tests/vectors.h"

static void check_link(const struct test_vectors *v)
{
	struct kith_address a, got;
	struct kith_hint hint[3];
	size_t hints = 9;
	char text[KITH_LINK_TEXT];
	const char *want = test_vectors_text(v, "link");

	test_vectors_bytes(v, "ik", a.ik, 32);
	test_vectors_bytes(v, "cap", a.cap, 16);
	kith__link_format(text, &a, NULL, 0);
	CHECK_STR(text, want);
	CHECK_EQ(kith__link_parse(&got, hint, &hints, want, strlen(want)), KITH_LINK_OK);
	CHECK_EQ(hints, 0);
	CHECK_MEM(got.ik, a.ik, 32);
	CHECK_MEM(got.cap, a.cap, 16);
}

static void check_hints(const struct test_vectors *v)
{
	struct kith_address a, back;
	struct kith_hint hint[3], got[3];
	size_t hints = (size_t)test_vectors_int(v, "hints"), n = 9;
	char text[KITH_LINK_TEXT], name[8];
	const char *want = test_vectors_text(v, "link");

	test_vectors_bytes(v, "ik", a.ik, 32);
	test_vectors_bytes(v, "cap", a.cap, 16);
	CHECK(hints >= 1 && hints <= 3);
	for (size_t i = 0; i < hints; i++) {
		uint8_t ip[16];
		size_t len;
		uint16_t port;

		snprintf(name, sizeof(name), "key%zu", i);
		test_vectors_bytes(v, name, hint[i].key, 32);
		snprintf(name, sizeof(name), "port%zu", i);
		port = (uint16_t)test_vectors_int(v, name);
		snprintf(name, sizeof(name), "ip%zu", i);
		len = test_vectors_data(v, name, ip, sizeof(ip));
		CHECK(len == 4 || len == 16);
		hint[i].addr = kith_addr_v4(ip[0], ip[1], ip[2], ip[3], port);
		if (len == 16) {
			CHECK_OK(kith_addr_parse(&hint[i].addr, "[::2]:1"));
			memcpy(hint[i].addr.ip, ip, 16);
			hint[i].addr.port = port;
		}
	}
	kith__link_format(text, &a, hint, hints);
	CHECK_STR(text, want);
	CHECK_EQ(kith__link_parse(&back, got, &n, want, strlen(want)), KITH_LINK_OK);
	CHECK_EQ(n, hints);
	CHECK_MEM(back.ik, a.ik, 32);
	for (size_t i = 0; i < hints; i++) {
		CHECK_MEM(got[i].key, hint[i].key, 32);
		CHECK(kith_addr_equal(&got[i].addr, &hint[i].addr));
	}
}

static void check_safety(const struct test_vectors *v)
{
	uint8_t a[32], b[32];
	char digits[61];

	test_vectors_bytes(v, "ik_a", a, 32);
	test_vectors_bytes(v, "ik_b", b, 32);
	kith__safety_number(digits, a, b);
	CHECK_STR(digits, test_vectors_text(v, "digits"));
	kith__safety_number(digits, b, a);
	CHECK_STR(digits, test_vectors_text(v, "digits"));
}

static void check_cert(const struct test_vectors *v)
{
	struct kith_cert c;
	uint8_t seed[32], ik[32], other[32], device[4], sig[64];
	uint8_t *bytes = (uint8_t *)&c.sig;

	test_vectors_bytes(v, "ik_seed", seed, 32);
	test_vectors_bytes(v, "ik", ik, 32);
	test_vectors_bytes(v, "device_id", device, 4);
	c.device = kith_load_u32(device);
	test_vectors_bytes(v, "dk", c.dk, 32);
	test_vectors_bytes(v, "xk", c.xk, 32);
	c.flags = (uint32_t)test_vectors_int(v, "flags");
	c.not_after = (uint64_t)test_vectors_int(v, "not_after");
	test_vectors_bytes(v, "manifest_hash", c.manifest, 32);
	kith__cert_sign(&c, seed, ik);
	test_vectors_bytes(v, "sig", sig, 64);
	CHECK_MEM(c.sig, sig, 64);
	CHECK_OK(kith__cert_check(&c, ik, c.not_after));
	CHECK_EQ(kith__cert_check(&c, ik, c.not_after + 1), KITH_E_EXPIRED);
	kith_sign_public(other, ik);
	CHECK_EQ(kith__cert_check(&c, other, 0), KITH_E_AUTH);
	for (unsigned bit = 0; bit < 64 * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK_EQ(kith__cert_check(&c, ik, 0), KITH_E_AUTH);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (unsigned bit = 0; bit < 32 * 8; bit++) {
		c.xk[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK_EQ(kith__cert_check(&c, ik, 0), KITH_E_AUTH);
		c.xk[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	c.device ^= 1;
	CHECK_EQ(kith__cert_check(&c, ik, 0), KITH_E_AUTH);
	c.device ^= 1;
	c.flags ^= 1;
	CHECK_EQ(kith__cert_check(&c, ik, 0), KITH_E_AUTH);
	c.flags ^= 1;
	c.not_after ^= 1;
	CHECK_EQ(kith__cert_check(&c, ik, 0), KITH_E_AUTH);
}

static void check_manifest(const struct test_vectors *v)
{
	struct kith_manifest m, got;
	struct kith_reader r;
	uint8_t seed[32], ik[32], devices[8 * 76], want[716], made[716], hash[32], want_hash[32];
	size_t len, i;

	memset(&m, 0, sizeof(m));
	test_vectors_bytes(v, "ik_seed", seed, 32);
	test_vectors_bytes(v, "ik", ik, 32);
	m.version = (uint64_t)test_vectors_int(v, "version");
	test_vectors_bytes(v, "previous", m.previous, 32);
	len = test_vectors_data(v, "devices", devices, sizeof(devices));
	kith_reader_init(&r, devices, len);
	for (m.count = 0; m.count < len / 76; m.count++) {
		m.device[m.count].id = kith_read_u32(&r);
		kith_read_bytes(&r, m.device[m.count].dk, 32);
		kith_read_bytes(&r, m.device[m.count].xk, 32);
		m.device[m.count].added = kith_read_u64(&r);
	}
	CHECK_OK(kith_read_end(&r));
	len = test_vectors_data(v, "manifest", want, sizeof(want));
	CHECK_EQ(kith__manifest_make(made, &m, seed, ik), len);
	CHECK_MEM(made, want, len);
	kith_blake2b(hash, made, len);
	test_vectors_bytes(v, "manifest_hash", want_hash, 32);
	CHECK_MEM(hash, want_hash, 32);
	CHECK_OK(kith__manifest_open(&got, made, len, ik));
	CHECK_EQ(got.count, m.count);
	CHECK_EQ(got.version, m.version);
	CHECK_MEM(got.device[0].dk, m.device[0].dk, 32);
	for (i = 0; i < len; i++)
		CHECK(kith__manifest_open(&got, made, i, ik) != KITH_OK);
	for (i = 0; i < len * 8; i++) {
		made[i / 8] ^= (uint8_t)(1u << i % 8);
		CHECK(kith__manifest_open(&got, made, len, ik) != KITH_OK);
		made[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	made[0] = 2;
	CHECK_EQ(kith__manifest_open(&got, made, len, ik), KITH_E_VERSION);
}

TEST(address_file_is_that_of_the_model)
{
	struct test_vectors *v = test_vectors_open("address.txt");
	int links = 0, hints = 0, numbers = 0, certs = 0, manifests = 0;

	while (test_vectors_next(v)) {
		if (test_vectors_has(v, "hints"))
			check_hints(v), hints++;
		else if (test_vectors_has(v, "link"))
			check_link(v), links++;
		else if (test_vectors_has(v, "digits"))
			check_safety(v), numbers++;
		else if (test_vectors_has(v, "manifest"))
			check_manifest(v), manifests++;
		else
			check_cert(v), certs++;
	}
	CHECK_EQ(links, 2);
	CHECK_EQ(hints, 3);
	CHECK_EQ(numbers, 1);
	CHECK_EQ(certs, 1);
	CHECK_EQ(manifests, 2);
	test_vectors_close(v);
}

/* ---- reading links ---- */

static enum kith_link_error parse(const char *text, struct kith_hint hint[3], size_t *hints)
{
	struct kith_address a;

	return kith__link_parse(&a, hint, hints, text, strlen(text));
}

static void make_link(char text[KITH_LINK_TEXT], size_t hints, struct kith_hint hint[3])
{
	struct kith_rng rng = test_rng(test_seed());
	struct kith_address a;
	uint8_t seed[32];

	kith_rng_fill(&rng, seed, 32);
	kith_sign_public(a.ik, seed);
	kith_rng_fill(&rng, a.cap, 16);
	for (size_t i = 0; i < 3; i++) {
		kith_rng_fill(&rng, hint[i].key, 32);
		hint[i].addr = kith_addr_v4(192, 0, 2, (uint8_t)(i + 1), (uint16_t)(4000 + i));
	}
	CHECK_OK(kith_addr_parse(&hint[1].addr, "[2001:db8::7]:443"));
	kith__link_format(text, &a, hint, hints);
}

TEST(link_forgives_case_and_spaces_only)
{
	char text[KITH_LINK_TEXT], loose[2 * KITH_LINK_TEXT];
	struct kith_hint hint[3], got[3];
	size_t hints, i, n = 0;

	make_link(text, 3, hint);
	CHECK_EQ(strlen(text), 87 + 62 + 81 + 62);
	for (i = 0; text[i] != '\0'; i++) {
		loose[n++] = (char)(i % 3 == 0 ? tolower((unsigned char)text[i]) : text[i]);
		if (i % 7 == 0)
			loose[n++] = " \r\n\t"[i / 7 % 4];
	}
	loose[n] = '\0';
	CHECK_EQ(parse(loose, got, &hints), KITH_LINK_OK);
	CHECK_EQ(hints, 3);
	for (i = 0; i < 3; i++) {
		CHECK_MEM(got[i].key, hint[i].key, 32);
		CHECK(kith_addr_equal(&got[i].addr, &hint[i].addr));
	}
	text[20] = '-';
	CHECK_EQ(parse(text, got, &hints), KITH_LINK_LENGTH);
}

TEST(link_errors_are_told_apart)
{
	char text[KITH_LINK_TEXT], other[KITH_LINK_TEXT + 90];
	struct kith_hint hint[3];
	size_t hints = 77, len, i;
	uint8_t raw[51], h[32];

	make_link(text, 0, hint);
	len = strlen(text);
	for (i = 0; i < len; i++) { /* cut anywhere */
		memcpy(other, text, i);
		other[i] = '\0';
		CHECK_EQ(parse(other, hint, &hints), KITH_LINK_LENGTH);
	}
	CHECK_EQ(parse("MITH:", hint, &hints), KITH_LINK_LENGTH);
	for (i = 8; i < len - 1;
	     i++) { /* one character changed; the first of them hold the version */
		memcpy(other, text, len + 1);
		other[i] = other[i] == 'A' ? 'B' : 'A';
		CHECK_EQ(parse(other, hint, &hints), KITH_LINK_CHECKSUM);
	}
	memcpy(other, text, len + 1);
	other[5] = 'B';
	CHECK_EQ(parse(other, hint, &hints), KITH_LINK_VERSION);
	/* a right checksum over a key of small order */
	memset(raw, 0, sizeof(raw));
	raw[0] = 1;
	raw[1] = 1;
	kith_hash(h, KITH_L_ADDR_SUM, raw, 49);
	memcpy(raw + 49, h, 2);
	memcpy(other, "KITH:", 5);
	kith_base32_encode(other + 5, raw, sizeof(raw));
	CHECK_EQ(parse(other, hint, &hints), KITH_LINK_KEY);
	CHECK_EQ(hints, 77);
}

TEST(link_hints_have_two_sizes_and_a_limit)
{
	char text[KITH_LINK_TEXT], other[2 * KITH_LINK_TEXT], one[96];
	struct kith_hint hint[3], got;
	size_t hints;

	for (size_t n = 0; n <= 3; n++) {
		make_link(text, n, hint);
		CHECK_EQ(parse(text, hint, &hints), KITH_LINK_OK);
		CHECK_EQ(hints, n);
	}
	kith__hint_format(one, &hint[0]);
	CHECK_EQ(strlen(one), 61);
	CHECK_OK(kith__hint_parse(&got, one, 61));
	CHECK(kith_addr_equal(&got.addr, &hint[0].addr));
	CHECK_EQ(kith__hint_parse(&got, one, 60), KITH_E_MALFORMED);
	kith__hint_format(one, &hint[1]);
	CHECK_EQ(strlen(one), 80);
	CHECK_OK(kith__hint_parse(&got, one, 80));
	CHECK_EQ(kith__hint_parse(&got, one, 62), KITH_E_MALFORMED);
	CHECK_EQ(kith__hint_parse(&got, one, 79), KITH_E_MALFORMED);
	snprintf(other, sizeof(other), "%s.%s", text, one);
	CHECK_EQ(parse(other, hint, &hints), KITH_LINK_LENGTH);
	make_link(text, 1, hint);
	snprintf(other, sizeof(other), "%s.", text);
	CHECK_EQ(parse(other, hint, &hints), KITH_LINK_LENGTH);
	snprintf(other, sizeof(other), "%sA", text);
	CHECK_EQ(parse(other, hint, &hints), KITH_LINK_LENGTH);
}

TEST(link_hint_long_form_of_ipv4_is_refused)
{
	uint8_t raw[50] = {0};
	char text[96];
	struct kith_hint got;

	raw[42] = raw[43] = 0xff;
	kith_base32_encode(text, raw, sizeof(raw));
	CHECK_EQ(kith__hint_parse(&got, text, 80), KITH_E_MALFORMED);
	raw[42] = 0x20;
	kith_base32_encode(text, raw, sizeof(raw));
	CHECK_OK(kith__hint_parse(&got, text, 80));
}
