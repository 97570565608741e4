/* SPDX-License-Identifier: ISC */
/* The command line from outside: exit codes, --json, what reaches a pipe, strangers' words. */
#include <stdlib.h>
#include <string.h>

#include "tests/test.h"
#include "tests/unit/client/script.h"

#define BEN \
	"{\"contact\":\"ct_01\",\"conversation\":\"cv_01\",\"name\":\"Ben\",\"alias\":null," \
	"\"short\":\"BBBBBBBB\",\"state\":\"accepted\",\"presence\":\"online\",\"verified\":false}"
#define BERT \
	"{\"contact\":\"ct_02\",\"conversation\":\"cv_02\",\"name\":\"Bert\",\"alias\":null," \
	"\"short\":\"CCCCCCCC\",\"state\":\"accepted\",\"presence\":\"unknown\",\"verified\":true}"
#define CONTACTS \
	{ \
		"contact.list", "\"result\":{\"items\":[" BEN "," BERT "],\"next\":null}" \
	}
#define STATE(step, n) \
	"{\"step\":\"" step "\",\"kept\":{\"n\":" #n ",\"wanted\":5,\"until\":1766361600000," \
	"\"by\":[]},\"delivered\":null,\"read\":null,\"tries\":1,\"next_try\":null}"
#define SENT \
	{ \
		"message.send", \
			"\"result\":{\"message\":\"ms_0a\",\"seq\":7,\"state\":" STATE("queued", \
										       0) "}" \
	}
#define ERROR(code) "\"error\":{\"code\":" #code ",\"message\":\"It says no.\",\"data\":{}}"
#define END \
	{ \
		NULL, NULL \
	}

static bool has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

TEST(no_node_is_3)
{
	struct run r;

	script_run(&r, NULL, WORDS("status"));
	CHECK_EQ(r.code, 3);
	CHECK(has(r.err, "kith up") && r.out[0] == '\0');
}

TEST(wrong_usage_is_2_and_says_how)
{
	static const char *const lines[][6] = {
		{"send", NULL},
		{"send", "Ben", NULL},
		{"history", NULL},
		{"accept", NULL},
		{"mailbox", "pin", NULL},
		{"status", "more", NULL},
		{"contacts", "--qr", NULL},
		{"history", "Ben", "-n", "0", NULL},
		{"tail", "--since", "x", NULL},
		{"send", "Ben", "hi", "--wait", "sent", NULL},
	};
	struct run r;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		script_run(&r, NULL, lines[i]);
		CHECK_EQ(r.code, 2);
		CHECK(has(r.err, "usage: kith ") && has(r.err, lines[i][0]) && r.out[0] == '\0');
	}
	script_run(&r, NULL, WORDS("no-such-verb"));
	CHECK_EQ(r.code, 2);
	script_run(&r, NULL, WORDS("status", "--no-such-option"));
	CHECK_EQ(r.code, 2);
	script_run(&r, NULL, WORDS("history", "-n"));
	CHECK_EQ(r.code, 2);
	script_run(&r, NULL, WORDS("send", "Ben", "hi", "--timeout", "9h"));
	CHECK_EQ(r.code, 2);
}

TEST(help_needs_no_node)
{
	struct run r;

	script_run(&r, NULL, WORDS("--help"));
	CHECK_EQ(r.code, 0);
	CHECK(has(r.out, "send") && has(r.out, "--json"));
	script_run(&r, NULL, WORDS("send", "--help"));
	CHECK_EQ(r.code, 0);
	CHECK(has(r.out, "usage: kith send NAME"));
	script_run(&r, NULL, WORDS("--version"));
	CHECK_EQ(r.code, 0);
	CHECK(has(r.out, "kith "));
}

TEST(each_refusal_has_its_code)
{
	static const struct {
		const char *answer;
		int code;
	} rows[] = {
		{ERROR(-32003), 1}, {ERROR(-32602), 1}, {ERROR(-32006), 1}, {ERROR(-32000), 5},
		{ERROR(-32001), 6}, {ERROR(-32002), 7}, {NULL, 3},
	};
	struct run r;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct script s[] = {{"invitation.create", rows[i].answer}, END};

		script_run(&r, s, WORDS("invite", "--new"));
		CHECK_EQ(r.code, rows[i].code);
		CHECK(r.err[0] != '\0' && r.out[0] == '\0');
	}
}

#define LINK(id) "\"result\":{\"invitation\":\"in_" id "\",\"link\":\"KITH:" id "\",\"qr\":null}"
#define INVITATION(id, label, at) \
	"{\"invitation\":\"in_" id "\",\"label\":\"" label "\",\"created\":" at ",\"uses\":0}"

TEST(invite_shows_the_newest_link_of_its_label_again)
{
	static const struct script s[] = {
		{"invitation.list",
		 "\"result\":{\"items\":[" INVITATION("01", "", "5") "," INVITATION(
			 "02", "", "9") "," INVITATION("03", "Ben", "7") "]}"},
		{"invitation.link", LINK("LINK")},
		{"invitation.create", LINK("NEW")},
		END};
	struct run r;

	script_run(&r, s, WORDS("invite"));
	CHECK_EQ(r.code, 0);
	CHECK(has(r.out, "KITH:LINK") && has(r.asked, "in_02") && !has(r.asked, "create"));
	script_run(&r, s, WORDS("invite", "--label", "Ben"));
	CHECK(has(r.out, "KITH:LINK") && has(r.asked, "in_03"));
	script_run(&r, s, WORDS("invite", "--label", "Ada"));
	CHECK(has(r.out, "KITH:NEW") && has(r.asked, "Ada"));
	script_run(&r, s, WORDS("invite", "--new"));
	CHECK(has(r.out, "KITH:NEW"));
}

TEST(verify_keeps_what_was_compared)
{
	static const struct script s[] = {CONTACTS,
					  {"contact.verify",
					   "\"result\":{\"digits\":\""
					   "012345678901234567890123456789"
					   "012345678901234567890123456789\",\"qr\":null,"
					   "\"verified\":true,\"key_changed\":false}"},
					  END};
	struct run r;

	script_run(&r, s, WORDS("verify", "Ben"));
	CHECK_EQ(r.code, 0);
	CHECK(has(r.out, "01234 56789") && !has(r.asked, "verified"));
	script_run(&r, s, WORDS("verify", "Ben", "--yes"));
	CHECK(has(r.asked, "\"verified\":true") && has(r.out, "Marked as verified"));
	script_run(&r, s, WORDS("verify", "Ben", "--no"));
	CHECK(has(r.asked, "\"verified\":false") && has(r.out, "not verified"));
}

TEST(names_are_never_guessed)
{
	static const struct script s[] = {CONTACTS, SENT, END};
	struct run r;

	script_run(&r, s, WORDS("send", "Be", "hi"));
	CHECK_EQ(r.code, 7);
	CHECK(has(r.err, "BBBBBBBB") && has(r.err, "CCCCCCCC") && !has(r.asked, "message.send"));
	script_run(&r, s, WORDS("send", "Dora", "hi"));
	CHECK_EQ(r.code, 7);
	script_run(&r, s, WORDS("send", "Ber", "hi"));
	CHECK_EQ(r.code, 0);
	CHECK(has(r.asked, "\"conversation\":\"cv_02\""));
	script_run(&r, s, WORDS("send", "ct_01", "hi"));
	CHECK(has(r.asked, "\"conversation\":\"cv_01\""));
}

TEST(send_prints_the_id_and_waits_when_asked)
{
	static const struct script s[] = {
		CONTACTS,
		SENT,
		{"message.wait", "\"result\":{\"state\":" STATE("kept", 2) ",\"reached\":true}"},
		END};
	static const struct script late[] = {
		CONTACTS,
		SENT,
		{"message.wait", "\"result\":{\"state\":" STATE("kept", 2) ",\"reached\":false}"},
		END};
	struct run r;

	script_run(&r, s, WORDS("send", "Ben", "two", "words"));
	CHECK_EQ(r.code, 0);
	CHECK_STR(r.out, "ms_0a\n");
	CHECK(has(r.asked, "\"text\":\"two words\"") && !has(r.asked, "message.wait"));
	script_run(&r, s, WORDS("send", "Ben", "hi", "--wait", "kept", "--json"));
	CHECK_EQ(r.code, 0);
	CHECK(has(r.out, "\"step\":\"kept\"") && has(r.out, "\"message\":\"ms_0a\""));
	CHECK(has(r.asked, "\"state\":\"kept\""));
	script_run(&r, late, WORDS("send", "Ben", "hi", "--wait", "delivered", "--timeout", "1s"));
	CHECK_EQ(r.code, 4);
	CHECK(has(r.err, "kept by 2 until 22 Dec"));
}

TEST(two_sends_have_two_ids)
{
	static const struct script s[] = {CONTACTS, SENT, END};
	struct run a, b;
	const char *x, *y;

	script_run(&a, s, WORDS("send", "Ben", "hi"));
	script_run(&b, s, WORDS("send", "Ben", "hi"));
	x = strstr(strstr(a.asked, "message.send"), "\"params\":{\"id\":\"");
	y = strstr(strstr(b.asked, "message.send"), "\"params\":{\"id\":\"");
	CHECK(x != NULL && y != NULL);
	CHECK(strspn(x + 16, "0123456789abcdef") == 32);
	CHECK(strncmp(x + 16, y + 16, 32) != 0);
}

TEST(json_gives_one_object_a_line)
{
	static const struct script s[] = {CONTACTS, END};
	struct run r;

	script_run(&r, s, WORDS("contacts", "--json"));
	CHECK_EQ(r.code, 0);
	CHECK(strncmp(r.out, "{\"contact\":\"ct_01\"", 18) == 0);
	CHECK(has(r.out, "}\n{\"contact\":\"ct_02\"") && r.err[0] == '\0');
	script_run(&r, s, WORDS("contacts"));
	CHECK_STR(r.out, "Ben                               BBBBBBBB  accepted   online\n"
			 "Bert                              CCCCCCCC  accepted   verified\n");
}

#define EVIL "a\\u001b[31mb\\nme: c\\u202ed\\u009be"
TEST(strangers_words_are_harmless)
{
	static const struct script s[] = {
		{"contact.list",
		 "\"result\":{\"items\":[{\"contact\":\"ct_01\",\"conversation\":"
		 "\"cv_01\",\"name\":\"" EVIL "\",\"alias\":\"Ben\",\"short\":\"BBBBBBBB\","
		 "\"state\":\"accepted\"}],\"next\":null}"},
		{"history.page",
		 "\"result\":{\"messages\":[{\"message\":\"ms_1\",\"conversation\":\"cv_01\","
		 "\"from\":"
		 "\"ct_01\",\"time\":1,\"received\":1,\"text\":\"" EVIL "\",\"state\":null}],"
		 "\"has_older\":false,\"has_newer\":false}"},
		{"request.list", "\"result\":{\"items\":[{\"request\":\"rq_1\",\"name\":\"" EVIL
				 "\",\"greeting\":\"" EVIL "\",\"short\":\"DDDDDDDD\",\"time\":1,"
				 "\"work\":18}],\"next\":null}"},
		{"invitation.create", "\"error\":{\"code\":-32003,\"message\":\"" EVIL "\"}"},
		END};
	static const char *const lines[][3] = {{"history", "Ben", NULL},
					       {"requests", NULL},
					       {"invite", "--new", NULL}};
	struct run r;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		script_run(&r, s, lines[i]);
		CHECK(has(r.out, "\\u{1B}") || has(r.err, "\\u{1B}"));
		CHECK(!has(r.out, "\033") && !has(r.err, "\033"));
		CHECK(!has(r.out, "\xe2\x80\xae") && !has(r.err, "\xe2\x80\xae"));
		CHECK(!has(r.out, "\xc2\x9b") && !has(r.err, "\xc2\x9b"));
		CHECK(!has(r.out, "\nme: c") && !has(r.err, "\nme: c"));
	}
}

#define FOUND(next) \
	{ \
		"search.messages", \
			"\"result\":{\"items\":[{\"message\":\"ms_1\",\"conversation\":\"cv_01\"," \
			"\"from\":\"ct_01\",\"time\":1,\"received\":1,\"text\":\"two words\"," \
			"\"state\":null}],\"next\":" next "}" \
	}
TEST(search_gives_its_words_as_they_are)
{
	static const struct script s[] = {CONTACTS, FOUND("null"), END};
	static const struct script paged[] = {CONTACTS, FOUND("\"ms_1\""), END};
	struct run r;

	script_run(&r, s, WORDS("search", "two", "words", "--in", "Ben", "--json"));
	CHECK_EQ(r.code, 0);
	CHECK(has(r.asked, "\"query\":\"two words\"") &&
	      has(r.asked, "\"conversation\":\"cv_01\""));
	CHECK(has(r.out, "\"two words\""));
	script_run(&r, paged, WORDS("search", "two", "-n", "3", "--json"));
	CHECK_EQ(r.code, 0);
	CHECK(has(r.asked, "\"cursor\":\"ms_1\"") && !has(r.asked, "\"conversation\""));
	script_run(&r, NULL, WORDS("search"));
	CHECK_EQ(r.code, 2);
	script_run(&r, NULL, WORDS("search", "x", "-n", "0"));
	CHECK_EQ(r.code, 2);
}

TEST(a_pipe_marks_nothing_as_read)
{
	static const struct script s[] = {
		CONTACTS,
		{"history.page",
		 "\"result\":{\"messages\":[{\"message\":\"ms_1\",\"conversation\":\"cv_01\","
		 "\"from\":"
		 "\"ct_01\",\"time\":1,\"received\":1,\"text\":\"x\",\"state\":null}],"
		 "\"has_older\":false,\"has_newer\":false}"},
		{"conversation.read", "\"result\":{\"unread\":0}"},
		END};
	struct run r;

	script_run(&r, s, WORDS("history", "Ben"));
	CHECK_EQ(r.code, 0);
	CHECK(!has(r.asked, "conversation.read"));
	script_run(&r, s, WORDS("history", "Ben", "--read"));
	CHECK_EQ(r.code, 0);
	CHECK(has(r.asked, "conversation.read") && has(r.asked, "\"up_to\":\"ms_1\""));
}

#define DISCOVER \
	{ \
		"rpc.discover", \
			"\"result\":{\"methods\":[{\"name\":\"x.make\"," \
			"\"params\":[{\"name\":\"n\"," \
			"\"required\":true,\"schema\":{\"type\":\"integer\"}},{\"name\":\"on\"," \
			"\"schema\":{\"type\":\"boolean\"}},{\"name\":\"list\",\"schema\":" \
			"{\"type\":\"array\"}}]}]}" \
	}
TEST(methods_go_by_their_name)
{
	static const struct script s[] = {DISCOVER, {"x.make", "\"result\":{\"made\":1}"}, END};
	struct run r;

	script_run(&r, s, WORDS("x.make", "--n", "5", "--on", "true", "--list", "a,b"));
	CHECK_EQ(r.code, 0);
	CHECK_STR(r.out, "{\"made\":1}\n");
	CHECK(has(r.asked, "\"params\":{\"n\":5,\"on\":true,\"list\":[\"a\",\"b\"]}"));
	script_run(&r, s, WORDS("x", "make", "--n=7"));
	CHECK_EQ(r.code, 0);
	CHECK(has(r.asked, "\"params\":{\"n\":7}"));
	script_run(&r, s, WORDS("x.make"));
	CHECK_EQ(r.code, 2);
	script_run(&r, s, WORDS("x.make", "--n", "five"));
	CHECK_EQ(r.code, 2);
	script_run(&r, s, WORDS("x.make", "--n", "1", "--m", "1"));
	CHECK_EQ(r.code, 2);
	script_run(&r, s, WORDS("x.break"));
	CHECK_EQ(r.code, 2);
}

TEST(completion_is_silent_without_a_node)
{
	static const struct script s[] = {CONTACTS, END};
	struct run r;

	script_run(&r, NULL, WORDS("__complete", "send"));
	CHECK_EQ(r.code, 0);
	CHECK(r.out[0] == '\0' && r.err[0] == '\0');
	script_run(&r, NULL, WORDS("__complete"));
	CHECK(has(r.out, "send\n") && has(r.out, "contact.list\n"));
	script_run(&r, s, WORDS("__complete", "send"));
	CHECK_STR(r.out, "Ben\nBert\n");
}
