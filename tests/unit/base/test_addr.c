/* SPDX-License-Identifier: ISC */
#include "base/addr.h"

#include <string.h>

#include "tests/test.h"

static struct kith_addr parse(const char *text)
{
	struct kith_addr a;

	if (kith_addr_parse(&a, text) != KITH_OK)
		test_fail(__FILE__, __LINE__, "cannot parse %s", text);
	return a;
}

static bool same_group(const char *x, const char *y, enum kith_width width)
{
	struct kith_addr a = parse(x), b = parse(y);
	struct kith_group ga = kith_addr_group(&a, width), gb = kith_addr_group(&b, width);

	return kith_group_equal(&ga, &gb);
}

TEST(addr_groups)
{
	static const struct {
		const char *a, *b;
		bool near, site, wide;
	} t[] = {
		/* IPv4: /24, /24, /16; the port does not count */
		{"203.0.113.1:1", "203.0.113.254:2", true, true, true},
		{"203.0.113.1:1", "203.0.114.1:1", false, false, true},
		{"203.0.113.1:1", "203.1.113.1:1", false, false, false},
		/* IPv6: /56, /48, /32 */
		{"[2001:db8:1:100::1]:1", "[2001:db8:1:1ff::9]:2", true, true, true},
		{"[2001:db8:1:100::1]:1", "[2001:db8:1:200::1]:1", false, true, true},
		{"[2001:db8:1::1]:1", "[2001:db8:2::1]:1", false, false, true},
		{"[2001:db8:1::1]:1", "[2001:db9:1::1]:1", false, false, false},
		/* private and link-local: one address each, whatever the port */
		{"10.0.0.1:1", "10.0.0.2:1", false, false, false},
		{"10.0.0.1:1", "10.0.0.1:2", true, true, true},
		{"100.64.0.1:1", "100.64.0.2:1", false, false, false},
		{"169.254.1.1:1", "169.254.1.2:1", false, false, false},
		{"[fd00::1]:1", "[fd00::2]:1", false, false, false},
		{"[fe80::1]:1", "[fe80::1]:9", true, true, true},
		/* loopback: with its port */
		{"127.0.0.1:1", "127.0.0.1:2", false, false, false},
		{"127.0.0.1:1", "127.0.0.1:1", true, true, true},
		{"127.0.0.1:1", "127.0.0.2:1", false, false, false},
		{"[::1]:1", "[::1]:2", false, false, false},
		/* kinds do not mix */
		{"203.0.113.1:1", "[2001:db8::1]:1", false, false, false},
	};
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CHECK_EQ(same_group(t[i].a, t[i].b, KITH_WIDTH_NEAR), t[i].near);
		CHECK_EQ(same_group(t[i].a, t[i].b, KITH_WIDTH_SITE), t[i].site);
		CHECK_EQ(same_group(t[i].a, t[i].b, KITH_WIDTH_WIDE), t[i].wide);
	}
}

TEST(addr_kinds)
{
	static const struct {
		const char *text;
		bool v4, loopback, private, unusable;
	} t[] = {
		{"203.0.113.1:5", true, false, false, false},
		{"203.0.113.1:0", true, false, false, true},
		{"0.0.0.0:5", true, false, false, true},
		{"224.0.0.1:5", true, false, false, true},
		{"255.255.255.255:5", true, false, false, true},
		{"127.255.0.3:5", true, true, true, false},
		{"10.1.2.3:5", true, false, true, false},
		{"11.1.2.3:5", true, false, false, false},
		{"172.15.255.255:5", true, false, false, false},
		{"172.16.0.0:5", true, false, true, false},
		{"172.31.255.255:5", true, false, true, false},
		{"172.32.0.0:5", true, false, false, false},
		{"192.168.0.1:5", true, false, true, false},
		{"192.169.0.1:5", true, false, false, false},
		{"100.63.255.255:5", true, false, false, false},
		{"100.127.255.255:5", true, false, true, false},
		{"100.128.0.0:5", true, false, false, false},
		{"169.254.0.1:5", true, false, true, false},
		{"[::1]:5", false, true, true, false},
		{"[::2]:5", false, false, false, false},
		{"[::]:5", false, false, false, true},
		{"[ff02::1]:5", false, false, false, true},
		{"[fc00::1]:5", false, false, true, false},
		{"[fdff::1]:5", false, false, true, false},
		{"[fe00::1]:5", false, false, false, false},
		{"[fe80::1]:5", false, false, true, false},
		{"[febf::1]:5", false, false, true, false},
		{"[fec0::1]:5", false, false, false, false},
		{"[2001:db8::1]:5", false, false, false, false},
	};
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct kith_addr a = parse(t[i].text);
		char back[KITH_ADDR_TEXT];

		CHECK_EQ(kith_addr_is_v4(&a), t[i].v4);
		CHECK_EQ(kith_addr_is_loopback(&a), t[i].loopback);
		CHECK_EQ(kith_addr_is_private(&a), t[i].private);
		CHECK_EQ(kith_addr_is_unusable(&a), t[i].unusable);
		kith_addr_format(back, &a);
		CHECK_STR(back, t[i].text);
	}
}

TEST(addr_text)
{
	static const char *const canonical[][2] = {
		{"[2001:DB8:0:0:0:0:0:1]:65535", "[2001:db8::1]:65535"},
		{"[1:0:0:2:0:0:0:3]:1", "[1:0:0:2::3]:1"},
		{"[1:0:2:3:4:5:6:7]:1", "[1:0:2:3:4:5:6:7]:1"},
		{"[1:2:3:4:5:6:7::]:1", "[1:2:3:4:5:6:7:0]:1"},
		{"[::2:3:4:5:6:7:8]:1", "[0:2:3:4:5:6:7:8]:1"},
		{"[1::]:1", "[1::]:1"},
		{"[0:0:1::]:1", "[0:0:1::]:1"},
		{"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
		 "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
		{"255.255.255.255:65535", "255.255.255.255:65535"},
	};
	static const char *const bad[] = {
		"",
		":",
		"1.2.3.4",
		"1.2.3.4:",
		"1.2.3:4",
		"1.2.3.4:65536",
		"1.2.3.4:1 ",
		" 1.2.3.4:1",
		"1.2.3.256:1",
		"01.2.3.4:1",
		"1.2.3.4.5:1",
		"1.2.3.4:-1",
		"1.2.3.4:+1",
		"1..3.4:1",
		"[::1]",
		"[::1:5",
		"::1:5",
		"[:1]:5",
		"[1:]:5",
		"[1::2::3]:5",
		"[1:2:3:4:5:6:7]:5",
		"[1:2:3:4:5:6:7:8:9]:5",
		"[1:2:3:4:5:6:7:8::]:5",
		"[12345::]:5",
		"[g::]:5",
		"[]:5",
		"[:::1]:5",
		"[::ffff:102:304]:5",
		"localhost:5",
		"1.2.3.4:00005",
		"1.2.3.4:05",
	};
	size_t i;

	for (i = 0; i < sizeof(canonical) / sizeof(canonical[0]); i++) {
		struct kith_addr a = parse(canonical[i][0]);
		char text[KITH_ADDR_TEXT];

		kith_addr_format(text, &a);
		CHECK_STR(text, canonical[i][1]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct kith_addr a = kith_addr_v4(9, 9, 9, 9, 9);

		if (kith_addr_parse(&a, bad[i]) != KITH_E_MALFORMED)
			test_fail(__FILE__, __LINE__, "took %s", bad[i]);
		CHECK_EQ(a.port, 9);
	}
}

TEST(addr_text_of_random_addresses)
{
	uint64_t state = test_seed();
	int i, j;

	for (i = 0; i < 2000; i++) {
		struct kith_addr a, b;
		char text[KITH_ADDR_TEXT];
		uint64_t holes = test_random(&state);

		for (j = 0; j < 16; j++)
			a.ip[j] = holes >> (j / 2) & 1 ? 0 : (uint8_t)test_random(&state);
		a.port = (uint16_t)test_random(&state);
		if (i % 4 == 0)
			a = kith_addr_v4(a.ip[0], a.ip[1], a.ip[2], a.ip[3], a.port);
		kith_addr_format(text, &a);
		CHECK_OK(kith_addr_parse(&b, text));
		CHECK(kith_addr_equal(&a, &b));
	}
}

TEST(addr_wire)
{
	struct kith_addr in[3] = {parse("192.0.2.7:33445"), parse("[2001:db8::1]:443"), {{0}, 0}};
	static const uint8_t first[KITH_ADDR_WIRE] = {4, 0,    0,    0,   0, 0, 0, 0,    0,   0,
						      0, 0xff, 0xff, 192, 0, 2, 7, 0x82, 0xa5};
	uint8_t wire[3 * KITH_ADDR_WIRE];
	struct kith_writer w;
	struct kith_reader r;
	struct kith_addr a;
	size_t i;

	kith_writer_init(&w, wire, sizeof(wire));
	for (i = 0; i < 3; i++)
		kith_addr_write(&w, &in[i]);
	CHECK_OK(kith_write_end(&w));
	CHECK_MEM(wire, first, sizeof(first));
	kith_reader_init(&r, wire, sizeof(wire));
	for (i = 0; i < 3; i++) {
		kith_addr_read(&r, &a);
		CHECK(kith_addr_equal(&a, &in[i]));
	}
	CHECK_OK(kith_read_end(&r));
	CHECK(kith_addr_is_none(&a));
	for (i = 0; i < KITH_ADDR_WIRE; i++) {
		kith_reader_init(&r, wire, i);
		kith_addr_read(&r, &a);
		CHECK(!kith_read_ok(&r));
		CHECK(kith_addr_is_none(&a));
	}
}

TEST(addr_wire_refuses)
{
	static const struct {
		uint8_t at, value;
	} change[] = {
		{0, 0}, {0, 1},     {0, 3},  {0, 5}, {0, 6}, {0, 255}, /* type */
		{1, 1}, {11, 0xfe}, {12, 0},                           /* not mapped any more */
	};
	struct kith_addr v4 = parse("192.0.2.7:33445"), v6 = parse("[2001:db8::1]:443"), a;
	uint8_t wire[KITH_ADDR_WIRE];
	struct kith_writer w;
	struct kith_reader r;
	size_t i;

	for (i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
		kith_writer_init(&w, wire, sizeof(wire));
		kith_addr_write(&w, &v4);
		wire[change[i].at] = change[i].value;
		kith_reader_init(&r, wire, sizeof(wire));
		kith_addr_read(&r, &a);
		CHECK(!kith_read_ok(&r));
	}
	kith_writer_init(&w, wire, sizeof(wire));
	kith_addr_write(&w, &v6);
	wire[0] = 4;
	kith_reader_init(&r, wire, sizeof(wire));
	kith_addr_read(&r, &a);
	CHECK(!kith_read_ok(&r));
	memset(wire, 0, sizeof(wire));
	wire[0] = 6; /* the none address has one form only */
	kith_reader_init(&r, wire, sizeof(wire));
	kith_addr_read(&r, &a);
	CHECK(!kith_read_ok(&r));
}
