/* SPDX-License-Identifier: ISC */
/* PCP and NAT-PMP bytes, worked out by hand from RFC 6887 and RFC 6886. */
#include <string.h>

#include "net/natpmp.h"
#include "net/pcp.h"
#include "tests/test.h"

static const char pcp_request[] = "0201000000000e1000000000000000000000ffff0a010002"
				  "000102030405060708090a0b11000000"
				  "4e204e2100000000000000000000ffff00000000";
static const char pcp_answer[] = "0281000000000708000012340000000000000000000000000001"
				 "02030405060708090a0b110000004e20ea6000000000000000000000ffff"
				 "15000001";

static size_t bytes(uint8_t out[static 128], const char *hex)
{
	size_t len = strlen(hex) / 2;

	CHECK(len <= 128);
	CHECK_OK(kith_hex_decode(out, len, hex, len * 2));
	return len;
}

TEST(pcp_request_bytes)
{
	struct kith__pcp_map m = {.lifetime_s = 3600, .internal = 20000};
	uint8_t want[128], got[KITH__PCP_MAP];

	for (uint8_t i = 0; i < sizeof(m.nonce); i++)
		m.nonce[i] = i;
	m.client = kith_addr_v4(10, 1, 0, 2, 20000);
	m.external = kith_addr_v4(0, 0, 0, 0, 20001);
	CHECK_EQ(bytes(want, pcp_request), KITH__PCP_MAP);
	kith__pcp_encode(got, &m);
	CHECK_MEM(got, want, KITH__PCP_MAP);
}

TEST(pcp_answer_bytes)
{
	struct kith_addr external = kith_addr_v4(21, 0, 0, 1, 60000);
	struct kith__pcp_map m;
	uint8_t in[128];
	size_t len = bytes(in, pcp_answer);

	CHECK_EQ(len, KITH__PCP_MAP);
	CHECK_OK(kith__pcp_decode(&m, in, len));
	CHECK_EQ(m.lifetime_s, 1800);
	CHECK_EQ(m.epoch_s, 0x1234);
	CHECK_EQ(m.internal, 20000);
	CHECK(kith_addr_equal(&m.external, &external));
	CHECK_EQ(m.nonce[11], 11);
	for (size_t cut = 0; cut < len; cut++)
		CHECK(kith__pcp_decode(&m, in, cut) != KITH_OK);
	in[24 + 12] = 6; /* TCP */
	CHECK_EQ(kith__pcp_decode(&m, in, len), KITH_E_MALFORMED);
	in[24 + 12] = 17;
	in[1] = 0x01; /* a request */
	CHECK_EQ(kith__pcp_decode(&m, in, len), KITH_E_MALFORMED);
	in[1] = 0x81;
	in[3] = 1; /* UNSUPP_VERSION */
	CHECK_EQ(kith__pcp_decode(&m, in, len), KITH_E_VERSION);
}

TEST(pcp_asked_of_a_natpmp_server)
{
	static const uint8_t answer[8] = {0, 128, 0, 1, 0, 0, 0, 9};
	struct kith__pcp_map m;

	CHECK_EQ(kith__pcp_decode(&m, answer, sizeof(answer)), KITH_E_VERSION);
}

TEST(natpmp_bytes)
{
	static const uint8_t map[12] = {0, 1, 0, 0, 0x4e, 0x20, 0x4e, 0x21, 0, 0, 0x0e, 0x10};
	static const uint8_t address[12] = {0, 128, 0, 0, 0, 0, 0, 7, 21, 0, 0, 1};
	static const uint8_t granted[16] = {0,    129,  0,    0,    0, 0, 0, 8,
					    0x4e, 0x20, 0xea, 0x60, 0, 0, 7, 8};
	static const uint8_t refused[8] = {0, 129, 0, 2, 0, 0, 0, 8};
	struct kith_addr want = kith_addr_v4(21, 0, 0, 1, 0);
	struct kith__natpmp_answer a;
	uint8_t out[KITH__NATPMP_MAP];

	kith__natpmp_encode_map(out, 20000, 20001, 3600);
	CHECK_MEM(out, map, sizeof(map));
	CHECK_OK(kith__natpmp_decode(&a, address, sizeof(address)));
	CHECK(a.kind == KITH__NATPMP_IS_ADDRESS && kith_addr_equal(&a.external, &want));
	CHECK_OK(kith__natpmp_decode(&a, granted, sizeof(granted)));
	CHECK_EQ(a.internal, 20000);
	CHECK_EQ(a.external.port, 60000);
	CHECK_EQ(a.lifetime_s, 1800);
	CHECK_EQ(a.epoch_s, 8);
	CHECK_OK(kith__natpmp_decode(&a, refused, sizeof(refused)));
	CHECK_EQ(a.result, 2);
	for (size_t cut = 0; cut < sizeof(granted); cut++)
		CHECK(kith__natpmp_decode(&a, granted, cut) != KITH_OK);
	for (size_t cut = 0; cut < sizeof(address); cut++)
		CHECK(kith__natpmp_decode(&a, address, cut) != KITH_OK);
	CHECK_EQ(kith__natpmp_decode(&a, (const uint8_t *)"\2\x81\0\1\0\0\0\0", 8), KITH_E_VERSION);
}
