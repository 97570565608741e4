/* SPDX-License-Identifier: ISC */
/* kithd.conf: every key, its limits, and what is refused. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/kithd/internal.h"
#include "tests/test.h"

static struct kithd_config c;

static bool ok(const char *section, const char *key, const char *value)
{
	return kith__kithd_set(&c, section, key, value) == NULL;
}

TEST(every_key_is_set)
{
	CHECK(ok("node", "role", "always-on"));
	CHECK_EQ(c.role, KITH_ROLE_ALWAYS_ON);
	CHECK(ok("node", "role", "user"));
	CHECK_EQ(c.role, KITH_ROLE_USER);
	CHECK(ok("node", "profile", "/p"));
	CHECK_STR(c.profile, "/p");
	CHECK(ok("node", "socket", "/s"));
	CHECK_STR(c.socket, "/s");
	CHECK(ok("node", "log-level", "debug"));
	CHECK_EQ(c.level, KITH_LOG_DEBUG);
	CHECK(ok("node", "work-bits", "24"));
	CHECK_EQ(c.work_bits, 24);
	CHECK(ok("node", "ack-delay", "0"));
	CHECK_EQ(c.ack_delay_s, 0);
	CHECK(ok("node", "audit-every", "3600"));
	CHECK_EQ(c.audit_s, 3600);
	CHECK(ok("net", "network", "4294967295"));
	CHECK_EQ(c.network, UINT32_MAX);
	CHECK(ok("net", "listen", "192.0.2.1:4000"));
	CHECK(ok("net", "listen", "[2001:db8::1]:4001"));
	CHECK(c.listens && c.listen4.port == 4000 && c.listen6.port == 4001);
	CHECK(ok("net", "bootstrap", "ABC"));
	CHECK_STR(c.hint[0], "ABC");
	CHECK(ok("net", "publish-address", "yes"));
	CHECK(c.publish_address);
	CHECK(ok("net", "port-mapping", "yes"));
	CHECK_EQ(c.map, KITHD_MAP_YES);
	CHECK(ok("net", "pcp", "yes") && ok("net", "nat-pmp", "no") && ok("net", "upnp", "yes"));
	CHECK(c.mapping.use[KITH_MAPPING_PCP] && !c.mapping.use[KITH_MAPPING_NATPMP]);
	CHECK(c.mapping.use[KITH_MAPPING_UPNP]);
	CHECK(ok("net", "mapping-port", "4000"));
	CHECK_EQ(c.mapping.external, 4000);
	CHECK(ok("net", "mapping-lease", "600"));
	CHECK_EQ(c.mapping.lease_s, 600);
	CHECK(ok("mailbox", "serve", "yes"));
	CHECK(c.serve);
	CHECK(ok("mailbox", "disk_max", "3GiB"));
	CHECK_EQ(c.disk_max, UINT64_C(3) << 30);
	CHECK(ok("mailbox", "disk_max", "512"));
	CHECK_EQ(c.disk_max, 512);
	CHECK(ok("mailbox", "days_max", "7"));
	CHECK_EQ(c.days_max, 7);
	CHECK(ok("mailbox", "members_max", "0"));
	CHECK_EQ(c.members_max, 0);
	CHECK(ok("mailbox", "mailbox-bits", "32"));
	CHECK_EQ(c.mailbox_bits, 32);
}

TEST(wrong_values_are_refused_and_change_nothing)
{
	static const char *const wrong[][3] = {
		{"node", "role", "server"},
		{"net", "port-mapping", "perhaps"},
		{"net", "upnp", "1"},
		{"net", "mapping-port", "65536"},
		{"net", "mapping-lease", "9"},
		{"node", "profile", ""},
		{"node", "log-level", "loud"},
		{"node", "work-bits", "25"},
		{"node", "work-bits", "-1"},
		{"node", "work-bits", "1x"},
		{"node", "work-bits", ""},
		{"node", "ack-delay", "86401"},
		{"net", "network", "4294967296"},
		{"net", "listen", "localhost:4000"},
		{"net", "listen", "192.0.2.1"},
		{"net", "listen", "[::]:0"},
		{"net", "bootstrap", ""},
		{"net", "publish-address", "true"},
		{"mailbox", "disk_max", "2GB"},
		{"mailbox", "disk_max", "GiB"},
		{"mailbox", "disk_max", "99999999999999999999"},
		{"mailbox", "days_max", "0"},
		{"mailbox", "days_max", "31"},
		{"mailbox", "mailbox-bits", "33"},
		{"node", "listen", "192.0.2.1:1"},
		{"", "role", "user"},
		{"other", "role", "user"},
		{"net", "role", "user"},
		{"mailbox", "nothing", "1"},
	};
	struct kithd_config before;

	memset(&c, 0, sizeof(c));
	before = c;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (ok(wrong[i][0], wrong[i][1], wrong[i][2]))
			test_fail(__FILE__, __LINE__, "[%s] %s = %s was taken", wrong[i][0],
				  wrong[i][1], wrong[i][2]);
		CHECK_MEM(&c, &before, sizeof(c));
	}
}

TEST(starting_points_have_a_cap)
{
	char hint[KITHD_HINT + 1];

	for (unsigned i = 0; i < KITH_CONFIG_HINTS_MAX; i++)
		CHECK(ok("net", "bootstrap", "X"));
	CHECK(!ok("net", "bootstrap", "X"));
	CHECK_EQ(c.hints, KITH_CONFIG_HINTS_MAX);
	c.hints = 0;
	memset(hint, 'A', sizeof(hint));
	hint[KITHD_HINT] = '\0';
	CHECK(!ok("net", "bootstrap", hint));
	hint[KITHD_HINT - 1] = '\0';
	CHECK(ok("net", "bootstrap", hint));
}

/* Writes `text` to a file of its own and reads it as configuration. */
static bool read_text(const char *text, size_t len)
{
	char path[] = "/tmp/kithd-conf-XXXXXX";
	int fd = mkstemp(path);
	bool good;

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, len), len);
	(void)close(fd);
	memset(&c, 0, sizeof(c));
	good = kith__kithd_config_read(&c, path);
	(void)unlink(path);
	return good;
}

static bool file_ok(const char *text)
{
	return read_text(text, strlen(text));
}

TEST(files_are_read)
{
	CHECK(file_ok(""));
	CHECK(file_ok("# only\n\n  \t\n"));
	CHECK(file_ok(" [node] # here\n\trole =  always-on  \n[net]\nnetwork=7\n[node]\n"
		      "socket = /a b"));
	CHECK_EQ(c.role, KITH_ROLE_ALWAYS_ON);
	CHECK_EQ(c.network, 7);
	CHECK_STR(c.socket, "/a b");
	CHECK(!file_ok("role = user\n"));
	CHECK(!file_ok("[nodes]\n"));
	CHECK(!file_ok("[node\n"));
	CHECK(!file_ok("[]\n"));
	CHECK(!file_ok("[\n"));
	CHECK(!file_ok("[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\n"));
	CHECK(!file_ok("[node]\nrole\n"));
	CHECK(!file_ok("[node]\nrule = user\n"));
	CHECK(!kith__kithd_config_read(&c, "/nonexistent/kithd.conf"));
}

TEST(long_lines_are_refused_short_of_the_cap_read)
{
	char text[2 * KITH_CONFIG_LINE_MAX];

	memset(text, ' ', sizeof(text));
	text[KITH_CONFIG_LINE_MAX - 2] = '\n';
	CHECK(read_text(text, KITH_CONFIG_LINE_MAX - 1));
	text[KITH_CONFIG_LINE_MAX - 2] = ' ';
	CHECK(!read_text(text, sizeof(text)));
}

TEST(noise_never_crashes_the_reader)
{
	struct kith_rng rng = test_rng(test_seed());
	static const char letters[] = "[]=#\n \tnodetrlisu1-9:.\0x";
	char text[300];

	for (unsigned i = 0; i < 300; i++) {
		for (size_t k = 0; k < sizeof(text); k++)
			text[k] = letters[kith_rng_below(&rng, sizeof(letters) - 1)];
		(void)read_text(text, sizeof(text));
	}
}

/* A router is asked in the public network, elsewhere only when told to, and never on loopback. */
TEST(mapping_only_where_it_may)
{
	memset(&c, 0, sizeof(c));
	CHECK(kith__kithd_maps(&c));
	c.network = 5;
	CHECK(!kith__kithd_maps(&c));
	CHECK(ok("net", "port-mapping", "yes"));
	CHECK(kith__kithd_maps(&c));
	CHECK(ok("net", "listen", "127.0.0.1:4000"));
	CHECK(!kith__kithd_maps(&c));
	CHECK(ok("net", "listen", "[::1]:4000"));
	CHECK(!kith__kithd_maps(&c));
	CHECK(ok("net", "listen", "10.0.0.1:4000"));
	CHECK(kith__kithd_maps(&c));
	c.network = 0;
	CHECK(ok("net", "port-mapping", "no"));
	CHECK(!kith__kithd_maps(&c));
}
