/* SPDX-License-Identifier: ISC */
/* A control object over the fake node with one caller, and its answers as JSON. */
#ifndef KITH_TESTS_DESK_H
#define KITH_TESTS_DESK_H

#include "node/control/internal.h"
#include "tests/unit/node_control/fake_node.h"

struct desk {
	struct kith_node *n;
	struct kith_control *c;
	uint32_t caller;
	kith_time now;
	bool shut;       /* node.shutdown was called */
	bool slow, busy; /* of the host: it ends nothing; it takes nothing */
	int answer;      /* the status it ends with */
	unsigned asked;
	struct kith_profile_ask ask; /* the last one; its texts are these: */
	char pass[64], next[64];
	int closed; /* the last descriptor given back, -1 = none */
};

/* A desk with an identity and all rights; desk_close frees it. */
void desk_open(struct desk *d);
void desk_close(struct desk *d);
/* Feeds a text and ends with a turn; returns what kith_control_feed said. */
int desk_feed(struct desk *d, const char *text);
/* The next line for the caller as JSON, or NULL. Fails on a line that is no JSON. */
json_t *desk_take(struct desk *d);
/* Feeds one call; its answer. `params` is JSON text. */
json_t *desk_call(struct desk *d, const char *method, const char *params);
/* The code of an error answer, 0 for a result; consumes `answer`. */
int desk_code(json_t *answer);

#endif
