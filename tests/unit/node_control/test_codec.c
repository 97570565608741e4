/* SPDX-License-Identifier: ISC */
/* Lines: cuts, batches, ids, depth, length, hostile bytes. */
#include <stdio.h>
#include <string.h>

#include "tests/test.h"
#include "tests/unit/node_control/desk.h"

#define PING "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"events.range\"}"

TEST(one_byte_at_a_time)
{
	static const char line[] = PING "\n";
	struct desk d;

	desk_open(&d);
	for (size_t cut = 0; cut < sizeof(line) - 1; cut++) {
		char part[sizeof(line)];

		memcpy(part, line, cut);
		part[cut] = '\0';
		CHECK_OK(desk_feed(&d, part));
		CHECK(desk_take(&d) == NULL);
		CHECK_OK(desk_feed(&d, line + cut));
		CHECK_EQ(desk_code(desk_take(&d)), 0);
	}
	for (size_t i = 0; i < sizeof(line) - 1; i++)
		CHECK_OK(kith_control_feed(d.c, d.caller, (const uint8_t *)line + i, 1, d.now));
	CHECK_EQ(desk_code(desk_take(&d)), 0);
	desk_close(&d);
}

static const struct {
	const char *line;
	int code; /* 1: no answer */
} lines[] = {
	{"", -32700},
	{"nonsense", -32700},
	{"{\"a\":1,\"a\":2}", -32700},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hello\\u0000\"}", -32700},
	{"\"\xff\xfe\"", -32700},
	{"1", -32600},
	{"null", -32600},
	{"{}", -32600},
	{"[]", -32600},
	{"{\"id\":1,\"method\":\"events.range\"}", -32600},
	{"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"events.range\"}", -32600},
	{"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"events.range\"}", -32600},
	{"{\"jsonrpc\":\"2.0\",\"id\":[],\"method\":\"events.range\"}", -32600},
	{"{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"events.range\"}", -32600},
	{"{\"jsonrpc\":\"2.0\",\"id\":9007199254740992,\"method\":\"events.range\"}", -32600},
	{"{\"jsonrpc\":\"2.0\",\"id\":99999999999999999999,\"method\":\"events.range\"}", -32700},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", -32600},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"no.such\"}", -32601},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"events.range\",\"params\":[]}", -32602},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"events.range\",\"params\":null}", -32602},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"events.range\",\"params\":{}}", 0},
	{"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"events.range\"}", 0},
	{"{\"jsonrpc\":\"2.0\",\"id\":9007199254740991,\"method\":\"events.range\"}\r", 0},
	{"{\"jsonrpc\":\"2.0\",\"method\":\"events.range\"}", 1},
	{"{\"jsonrpc\":\"2.0\",\"method\":\"no.such\"}", 1},
};

TEST(each_kind_of_line_has_its_answer)
{
	struct desk d;

	desk_open(&d);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		CHECK_OK(desk_feed(&d, lines[i].line));
		CHECK_OK(desk_feed(&d, "\n"));
		if (lines[i].code == 1)
			CHECK(desk_take(&d) == NULL);
		else
			CHECK_EQ(desk_code(desk_take(&d)), lines[i].code);
		CHECK(desk_take(&d) == NULL);
	}
	desk_close(&d);
}

TEST(the_id_comes_back)
{
	static const char *const ids[] = {"null", "\"x\"", "-5", "\"\""};
	struct desk d;

	desk_open(&d);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		char line[128];
		json_t *answer;
		char *id;

		(void)snprintf(line, sizeof(line),
			       "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"events.range\"}\n",
			       ids[i]);
		CHECK_OK(desk_feed(&d, line));
		answer = desk_take(&d);
		id = json_dumps(json_object_get(answer, "id"), JSON_ENCODE_ANY);
		CHECK_STR(id, ids[i]);
		kith_alloc_free(NULL, id);
		json_decref(answer);
	}
	desk_close(&d);
}

TEST(depth_17_is_no_json)
{
	char line[256];
	struct desk d;

	desk_open(&d);
	for (size_t depth = 15; depth <= 18; depth++) {
		/* the object is one level, the parameters are the others */
		size_t at = (size_t)snprintf(line, sizeof(line),
					     "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
					     "\"events.range\",\"params\":");

		memset(line + at, '[', depth - 1);
		memset(line + at + depth - 1, ']', depth - 1);
		memcpy(line + at + 2 * (depth - 1), "}\n", 3);
		CHECK_OK(desk_feed(&d, line));
		CHECK_EQ(desk_code(desk_take(&d)), depth <= 16 ? -32602 : -32700);
	}
	desk_close(&d);
}

/* A call of exactly `len` bytes with its newline. */
static void fill_line(char *line, size_t len)
{
	size_t n = (size_t)snprintf(line, len, PING);

	memset(line + n, ' ', len - n - 1);
	line[len - 1] = '\n';
	line[len] = '\0';
}

TEST(a_line_holds_1_mib)
{
	static char line[KITH_CONTROL_LINE_MAX + 2];
	struct desk d;

	desk_open(&d);
	fill_line(line, KITH_CONTROL_LINE_MAX);
	CHECK_OK(desk_feed(&d, line));
	CHECK_EQ(desk_code(desk_take(&d)), 0);
	fill_line(line, KITH_CONTROL_LINE_MAX + 1);
	CHECK_EQ(desk_feed(&d, line), KITH_E_MALFORMED);
	CHECK_EQ(desk_code(desk_take(&d)), -32004);
	CHECK(desk_take(&d) == NULL);
	CHECK_EQ(desk_feed(&d, PING "\n"), KITH_E_MALFORMED);
	CHECK(desk_take(&d) == NULL);
	desk_close(&d);
}

TEST(an_endless_line_ends_in_bounded_memory)
{
	static char part[65537];
	struct desk d;
	size_t fed = 0;

	desk_open(&d);
	memset(part, 'x', sizeof(part) - 1);
	while (desk_feed(&d, part) == KITH_OK)
		fed += sizeof(part) - 1;
	CHECK(fed <= KITH_CONTROL_LINE_MAX);
	CHECK_EQ(desk_code(desk_take(&d)), -32004);
	desk_close(&d);
}

TEST(batches_answer_in_order)
{
	static char line[65536];
	struct desk d;
	json_t *answer;
	size_t at;

	desk_open(&d);
	for (size_t count = 1; count <= 66; count++) {
		at = (size_t)snprintf(line, sizeof(line), "[");
		for (size_t i = 0; i < count; i++)
			at += (size_t)snprintf(line + at, sizeof(line) - at,
					       "%s{\"jsonrpc\":\"2.0\",\"id\":%zu,\"method\":"
					       "\"%s\"}",
					       i > 0 ? "," : "", i,
					       i % 3 == 0 ? "identity.set" : "events.range");
		(void)snprintf(line + at, sizeof(line) - at, "]\n");
		CHECK_OK(desk_feed(&d, line));
		answer = desk_take(&d);
		if (count > 64) {
			CHECK_EQ(desk_code(answer), -32600);
			continue;
		}
		CHECK_EQ(json_array_size(answer), count);
		for (size_t i = 0; i < count; i++)
			CHECK_EQ(json_integer_value(
					 json_object_get(json_array_get(answer, i), "id")),
				 i);
		json_decref(answer);
	}
	desk_close(&d);
}

TEST(a_batch_waits_for_its_slowest_and_skips_notifications)
{
	struct desk d;
	json_t *answer;

	desk_open(&d);
	d.n->held = true;
	CHECK_OK(desk_feed(&d, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"identity.set\","
			       "\"params\":{\"name\":\"x\"}},"
			       "{\"jsonrpc\":\"2.0\",\"method\":\"events.range\"},7,"
			       "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"events.range\"}]\n"));
	CHECK(desk_take(&d) == NULL);
	d.n->held = false;
	kith_control_turn(d.c, d.now);
	answer = desk_take(&d);
	CHECK_EQ(json_array_size(answer), 3);
	CHECK(json_object_get(json_array_get(answer, 0), "result") != NULL);
	CHECK(json_object_get(json_array_get(answer, 1), "error") != NULL);
	json_decref(answer);
	CHECK_OK(desk_feed(&d, "[{\"jsonrpc\":\"2.0\",\"method\":\"events.range\"}]\n"));
	CHECK(desk_take(&d) == NULL);
	desk_close(&d);
}

TEST(random_lines_leave_the_connection_alive)
{
	static const char alphabet[] = "{}[]\",:0123456789-+eE.\\u truefalsn";
	uint64_t state = test_seed();
	struct desk d;
	json_t *answer;

	desk_open(&d);
	for (int round = 0; round < 10000; round++) {
		uint8_t line[128];
		size_t len = test_random(&state) % (sizeof(line) - 1);

		for (size_t i = 0; i < len; i++) {
			line[i] = round % 2 == 0 ? (uint8_t)alphabet[test_random(&state) %
								     (sizeof(alphabet) - 1)]
						 : (uint8_t)test_random(&state);
			if (line[i] == '\n')
				line[i] = ' ';
		}
		line[len] = '\n';
		CHECK_OK(kith_control_feed(d.c, d.caller, line, len + 1, d.now));
		CHECK(desk_code(desk_take(&d)) != 0);
		CHECK(desk_take(&d) == NULL);
		answer = desk_call(&d, "events.range", "{}");
		CHECK_EQ(desk_code(answer), 0);
	}
	desk_close(&d);
}

/* Changed bytes of good calls. */
TEST(changed_calls_leave_the_connection_alive)
{
	static const char *const calls[] = {
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"message.send\",\"params\":{\"id\":"
		"\"00000000000000000000000000000001\",\"conversation\":"
		"\"cv_02a5a5a5a5a5a5a5a5a5a5a5a5a5a501\",\"text\":\"x\"}}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"events.since\",\"params\":{\"seq\":0,"
		"\"types\":[\"message.new\"],\"limit\":10}}",
		"[" PING "," PING "]",
	};
	uint64_t state = test_seed() ^ 1;
	struct desk d;
	json_t *line;

	desk_open(&d);
	fake_event(d.n, KITH_EVENT_MESSAGE_NEW, 1, 3);
	for (int round = 0; round < 10000; round++) {
		const char *good = calls[round % 3];
		char text[512];
		size_t len = strlen(good);

		memcpy(text, good, len);
		for (uint64_t k = test_random(&state) % 3; k < 3; k++)
			text[test_random(&state) % len] = (char)(test_random(&state) & 0x7f);
		for (size_t i = 0; i < len; i++)
			text[i] = text[i] == '\n' ? ' ' : text[i];
		text[len] = '\n';
		CHECK_OK(kith_control_feed(d.c, d.caller, (uint8_t *)text, len + 1, d.now));
		for (int i = 0; i < 4; i++)
			kith_control_turn(d.c, d.now);
		while ((line = desk_take(&d)) != NULL)
			json_decref(line);
	}
	CHECK_EQ(desk_code(desk_call(&d, "events.range", "{}")), 0);
	desk_close(&d);
}
