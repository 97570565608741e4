/* SPDX-License-Identifier: ISC */
/* Answers come after the commit; waits end by news or time; a caller may go at any moment. */
#include <stdio.h>
#include <string.h>

#include "tests/test.h"
#include "tests/unit/node_control/desk.h"

#define CV1          "cv_02a5a5a5a5a5a5a5a5a5a5a5a5a5a501"
#define CV2          "cv_02a5a5a5a5a5a5a5a5a5a5a5a5a5a502"
#define OWN          "ms_01000000000000000000000000000001"
#define SEND(id, cv) "{\"id\":\"" id "\",\"conversation\":\"" cv "\",\"text\":\"hi\"}"
#define ID1          "00000000000000000000000000000001"
#define BAD          "ee000000000000000000000000000001"

static const json_t *result_of(const json_t *answer)
{
	return json_object_get(answer, "result");
}

TEST(a_write_is_answered_after_its_commit)
{
	struct desk d;
	json_t *answer;

	desk_open(&d);
	d.n->held = true;
	CHECK(desk_call(&d, "message.send", SEND(ID1, CV1)) == NULL);
	CHECK_EQ(d.n->says, 1);
	d.n->held = false;
	kith_control_turn(d.c, d.now);
	answer = desk_take(&d);
	CHECK_STR(json_string_value(json_object_get(result_of(answer), "message")), "ms_" ID1);
	json_decref(answer);
	desk_close(&d);
}

TEST(each_status_has_its_code)
{
	static const struct {
		int status, code;
	} rows[] = {{KITH_E_NOSPACE, -32006}, {KITH_E_IO, -32006},       {KITH_E_FULL, -32005},
		    {KITH_E_EXISTS, -32003},  {KITH_E_NOTFOUND, -32002}, {KITH_E_LOCKED, -32000},
		    {KITH_E_NOMEM, -32603}};
	struct desk d;

	desk_open(&d);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		d.n->status = rows[i].status;
		CHECK_EQ(desk_code(desk_call(&d, "message.send", SEND(ID1, CV1))), rows[i].code);
	}
	d.n->status = KITH_OK;
	CHECK_EQ(desk_code(desk_call(&d, "message.send", SEND(BAD, CV1))), -32003);
	CHECK_EQ(desk_code(desk_call(&d, "message.send", SEND(ID1, CV2))), -32009);
	CHECK_EQ(desk_code(desk_call(&d, "contact.add", "{\"link\":\"KITH:SELF\"}")), -32008);
	CHECK_EQ(desk_code(desk_call(&d, "contact.add", "{\"link\":\"x\"}")), -32008);
	CHECK_EQ(desk_code(desk_call(&d, "contact.add", "{\"link\":\"KITH:KNOWN\"}")), -32003);
	CHECK_EQ(desk_code(desk_call(&d, "profile.create", "{\"name\":\"x\"}")), -32003);
	CHECK_EQ(desk_code(desk_call(&d, "profile.create", "{\"name\":\"x\",\"passphrase\":\"\"}")),
		 -32003);
	desk_close(&d);
}

TEST(a_wait_ends_with_the_state_or_with_time)
{
	struct desk d;
	json_t *answer;

	desk_open(&d);
	CHECK(desk_call(&d, "message.wait",
			"{\"message\":\"" OWN
			"\",\"state\":\"delivered\",\"timeout_ms\":5000}") == NULL);
	CHECK_EQ(kith_control_deadline(d.c), d.now + 5000000);
	d.n->step = KITH_STEP_KEPT;
	fake_event(d.n, KITH_EVENT_MESSAGE_STATE, 1, 1);
	kith_control_turn(d.c, d.now);
	CHECK(desk_take(&d) == NULL);
	d.n->step = KITH_STEP_READ; /* further than asked */
	kith_control_turn(d.c, d.now);
	CHECK(desk_take(&d) == NULL); /* no event, no look */
	fake_event(d.n, KITH_EVENT_MESSAGE_STATE, 1, 1);
	kith_control_turn(d.c, d.now);
	answer = desk_take(&d);
	CHECK(json_is_true(json_object_get(result_of(answer), "reached")));
	json_decref(answer);
	CHECK_EQ(kith_control_deadline(d.c), KITH_NEVER);

	d.n->step = KITH_STEP_QUEUED;
	CHECK(desk_call(&d, "message.wait",
			"{\"message\":\"" OWN "\",\"state\":\"kept\",\"timeout_ms\":10}") == NULL);
	d.now += 9999;
	kith_control_turn(d.c, d.now);
	CHECK(desk_take(&d) == NULL);
	d.now += 1;
	kith_control_turn(d.c, d.now);
	answer = desk_take(&d);
	CHECK(json_is_false(json_object_get(result_of(answer), "reached")));
	json_decref(answer);
	CHECK_EQ(desk_code(desk_call(&d, "message.wait",
				     "{\"message\":\"" OWN
				     "\",\"state\":\"sent\",\"timeout_ms\":10}")),
		 -32602);
	desk_close(&d);
}

TEST(reading_pauses_at_64_calls_and_goes_on)
{
	struct desk d;
	char line[128];
	int status = KITH_OK, fed = 0, got = 0;
	json_t *answer;

	desk_open(&d);
	d.n->held = true;
	while (status == KITH_OK && fed < 200) {
		(void)snprintf(line, sizeof(line),
			       "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"identity.set\","
			       "\"params\":{\"name\":\"x\"}}\n",
			       fed++);
		status = desk_feed(&d, line);
	}
	CHECK_EQ(status, KITH_E_FULL);
	CHECK_EQ(fed, 64);
	CHECK_EQ(desk_feed(&d, line), KITH_E_FULL); /* kept, not run */
	CHECK_EQ(d.n->writes, 64);
	d.n->held = false;
	kith_control_turn(d.c, d.now);
	CHECK_EQ(d.n->writes, 65);
	kith_control_turn(d.c, d.now);
	CHECK_OK(desk_feed(&d, ""));
	for (; (answer = desk_take(&d)) != NULL; got++)
		json_decref(answer);
	CHECK_EQ(got, 65);
	desk_close(&d);
}

TEST(a_caller_that_does_not_read_is_not_served_further)
{
	struct desk d;

	desk_open(&d);
	kith_control_backlog(d.c, d.caller, 262144);
	CHECK_EQ(desk_feed(&d, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"identity.get\"}\n"),
		 KITH_E_FULL);
	CHECK(desk_take(&d) == NULL);
	kith_control_backlog(d.c, d.caller, 0);
	kith_control_turn(d.c, d.now);
	CHECK_EQ(desk_code(desk_take(&d)), 0);
	desk_close(&d);
}

TEST(callers_come_and_go_with_calls_open)
{
	struct desk d;
	uint32_t more[KITH_CONTROL_CALLERS_MAX], extra;

	desk_open(&d);
	d.n->held = true;
	CHECK(desk_call(&d, "message.send", SEND(ID1, CV1)) == NULL);
	CHECK(desk_call(&d, "events.since", "{\"seq\":0,\"wait_ms\":60000}") == NULL);
	(void)desk_feed(&d, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"identity.set\",\"params\":"
			    "{\"name\":\"x\"}},{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":"
			    "\"message.wait\",\"params\":{\"message\":\"" OWN
			    "\",\"state\":\"read\",\"timeout_ms\":600000}}]\n");
	kith_control_close(d.c, d.caller);
	d.n->held = false;
	kith_control_turn(d.c, d.now);
	CHECK(desk_take(&d) == NULL);
	CHECK_EQ(d.c->calls, 0);
	for (size_t i = 0; i < KITH_CONTROL_CALLERS_MAX; i++)
		CHECK_OK(kith_control_open(d.c, KITH_RIGHTS_ALL, &more[i]));
	CHECK_EQ(kith_control_open(d.c, KITH_RIGHTS_ALL, &extra), KITH_E_FULL);
	kith_control_close(d.c, more[5]);
	CHECK_OK(kith_control_open(d.c, KITH_RIGHTS_ALL, &extra));
	desk_close(&d);
}

TEST(shutdown_is_answered_and_passed_on)
{
	struct desk d;

	desk_open(&d);
	CHECK_EQ(desk_code(desk_call(&d, "node.shutdown", "{}")), 0);
	CHECK(d.shut);
	desk_close(&d);
}

static size_t page(struct desk *d, const char *params, bool *older, bool *newer)
{
	json_t *answer = desk_call(d, "history.page", params);
	const json_t *r = result_of(answer);
	size_t count = json_array_size(json_object_get(r, "messages"));

	*older = json_is_true(json_object_get(r, "has_older"));
	*newer = json_is_true(json_object_get(r, "has_newer"));
	json_decref(answer);
	return count;
}

TEST(history_pages_both_ways)
{
	struct desk d;
	bool older, newer;

	desk_open(&d);
	CHECK_EQ(page(&d, "{\"conversation\":\"" CV1 "\"}", &older, &newer), 5);
	CHECK(!older && !newer);
	CHECK_EQ(page(&d, "{\"conversation\":\"" CV1 "\",\"limit\":2}", &older, &newer), 2);
	CHECK(older && !newer);
	CHECK_EQ(page(&d, "{\"conversation\":\"" CV1 "\",\"limit\":2,\"after\":\"" OWN "\"}",
		      &older, &newer),
		 2);
	CHECK(older && newer);
	CHECK_EQ(page(&d,
		      "{\"conversation\":\"" CV1 "\",\"limit\":3,\"around\":"
		      "\"ms_03a5a5a5a5a5a5a5a5a5a5a5a5a5a503\"}",
		      &older, &newer),
		 3);
	CHECK(older && newer);
	CHECK_EQ(desk_code(desk_call(&d, "history.page",
				     "{\"conversation\":\"" CV1 "\",\"before\":\"" OWN
				     "\",\"after\":\"" OWN "\"}")),
		 -32602);
	desk_close(&d);
}

TEST(search_goes_page_by_page)
{
	struct desk d;
	json_t *answer, *r;
	char call[160];

	desk_open(&d);
	answer = desk_call(&d, "search.messages", "{\"query\":\"all\",\"limit\":3}");
	r = json_object_get(answer, "result");
	CHECK_EQ(json_array_size(json_object_get(r, "items")), 3);
	CHECK(json_is_string(json_object_get(r, "next")));
	json_decref(answer);
	(void)snprintf(call, sizeof(call), "{\"query\":\"all\",\"cursor\":\"%s\"}", OWN);
	answer = desk_call(&d, "search.messages", call);
	r = json_object_get(answer, "result");
	CHECK_EQ(json_array_size(json_object_get(r, "items")), 0); /* OWN is the first message */
	CHECK(json_is_null(json_object_get(r, "next")));
	json_decref(answer);
	CHECK_EQ(desk_code(desk_call(&d, "search.messages", "{\"query\":\"*\"}")), -32602);
	CHECK_EQ(desk_code(desk_call(&d, "search.messages", "{\"query\":\"\"}")), -32602);
	CHECK_EQ(desk_code(desk_call(&d, "search.messages",
				     "{\"query\":\"all\",\"conversation\":\"" CV1 "\"}")),
		 0);
	desk_close(&d);
}

TEST(verification_digits_do_not_depend_on_the_side)
{
	uint8_t a[32] = {1}, b[32] = {2};
	char one[61], two[61];

	kith__control_verify_digits(one, a, b);
	kith__control_verify_digits(two, b, a);
	CHECK_STR(one, two);
	CHECK_EQ(strspn(one, "0123456789"), 60);
	b[31] = 1;
	kith__control_verify_digits(two, a, b);
	CHECK(strcmp(one, two) != 0);
}

/* The sentence on reachability, as `kith status` prints it. */
static void check_reach(struct desk *d, enum kith_reach reach, enum kith_reach_why why,
			const char *words)
{
	const json_t *r;
	json_t *answer;

	d->n->reach.reach = reach;
	d->n->reach.why = why;
	answer = desk_call(d, "node.status", "{}");
	r = json_object_get(result_of(answer), "reach");
	CHECK(strstr(json_string_value(json_object_get(r, "sentence")), words) != NULL);
	CHECK_EQ(json_is_string(json_object_get(r, "address")), reach == KITH_REACH_YES);
	json_decref(answer);
}

TEST(status_says_whether_others_reach_us)
{
	struct desk d;

	desk_open(&d);
	d.n->reach.endpoint = kith_addr_v4(198, 51, 100, 7, 4007);
	d.n->reach.port = 20000;
	d.n->reach.how = KITH_MAPPING_NATPMP;
	check_reach(&d, KITH_REACH_YES, KITH_WHY_MAPPED, "forwards UDP port 4007 to it (NAT-PMP).");
	check_reach(&d, KITH_REACH_YES, KITH_WHY_OWN, "Others can reach this node:");
	check_reach(&d, KITH_REACH_YES, KITH_WHY_PINHOLE, "over IPv6");
	check_reach(&d, KITH_REACH_NO, KITH_WHY_CARRIER, "internet provider shares one address");
	check_reach(&d, KITH_REACH_NO, KITH_WHY_DOUBLE, "behind another router");
	check_reach(&d, KITH_REACH_NO, KITH_WHY_DIFFERS, "names another internet address");
	check_reach(&d, KITH_REACH_NO, KITH_WHY_NO_GATEWAY, "there is no router");
	check_reach(&d, KITH_REACH_NO, KITH_WHY_REFUSED, "forward UDP port 20000 by hand");
	check_reach(&d, KITH_REACH_NO, KITH_WHY_SILENT, "opens no port on request");
	check_reach(&d, KITH_REACH_UNKNOWN, KITH_WHY_OFF, "is switched off");
	check_reach(&d, KITH_REACH_UNKNOWN, KITH_WHY_TRYING, "is being asked");
	check_reach(&d, KITH_REACH_UNKNOWN, KITH_WHY_UNSEEN, "no other node has seen it");
	check_reach(&d, KITH_REACH_UNKNOWN, KITH_WHY_UNTOLD, "without naming its address");
	desk_close(&d);
}

TEST(network_test_reports_each_protocol)
{
	struct desk d;
	const json_t *r;
	json_t *answer;

	desk_open(&d);
	d.n->reach.gateway = true;
	d.n->reach.outcome[KITH_MAPPING_PCP] = KITH_MAPPING_REFUSED;
	d.n->reach.code[KITH_MAPPING_PCP] = 2;
	answer = desk_call(&d, "network.test", "{}");
	r = json_array_get(json_object_get(result_of(answer), "protocols"), 0);
	CHECK_STR(json_string_value(json_object_get(r, "protocol")), "PCP");
	CHECK_STR(json_string_value(json_object_get(r, "result")), "refused");
	CHECK_EQ(json_integer_value(json_object_get(r, "code")), 2);
	CHECK(json_is_null(json_object_get(result_of(answer), "external")));
	json_decref(answer);
	desk_close(&d);
}

TEST(status_says_sentences_and_counts)
{
	struct desk d;
	json_t *answer;
	const json_t *r;

	desk_open(&d);
	d.n->state.phase = KITH_PHASE_OFFLINE;
	d.n->state.waiting = 2;
	answer = desk_call(&d, "node.status", "{}");
	r = result_of(answer);
	CHECK_STR(json_string_value(json_object_get(r, "sentence")),
		  "No network, or no peer answers. 2 messages wait on this computer.");
	CHECK_EQ(json_integer_value(
			 json_object_get(json_object_get(r, "counters"), "net.drop_stranger")),
		 12);
	json_decref(answer);
	d.n->state.phase = KITH_PHASE_ONLINE;
	d.n->state.peers = 3;
	d.n->state.mailboxes = 1;
	d.n->state.mailboxes_wanted = 5;
	d.n->state.mailbox_pinned = true;
	answer = desk_call(&d, "node.status", "{}");
	CHECK_STR(json_string_value(json_object_get(result_of(answer), "sentence")),
		  "Online. 3 peers. 1 mailbox (your community) keeps messages for you; "
		  "more join as they are found.");
	json_decref(answer);
	desk_close(&d);
}
