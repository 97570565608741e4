/* SPDX-License-Identifier: ISC */
/*
 * Lines of the control protocol from any local program (client.md 2), through jansson, the method
 * table and its handlers over a double of the node. Every line that comes back is one JSON value;
 * a caller's memory stays within its caps.
 */
#include <jansson.h>
#include <string.h>

#include "base/alloc.h"
#include "node/control/control.h"
#include "tests/unit/node_control/fake_node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void on_shutdown(void *ctx)
{
	(void)ctx;
}

static void take_all(struct kith_control *c)
{
	const uint8_t *out;
	uint32_t caller;
	size_t len;

	while (kith_control_reply(c, &caller, &out, &len)) {
		json_error_t e;
		json_t *line = json_loadb((const char *)out, len, 0, &e);

		KITH_ASSERT(line != NULL && out[len - 1] == '\n');
		json_decref(line);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct kith_control_host host = {.shutdown = on_shutdown};
	struct kith_node *n = kith_alloc_zero(NULL, 1, sizeof(*n));
	struct kith_control *c;
	uint32_t caller;
	kith_time now = 1000000;
	size_t at = 0;

	KITH_ASSERT(n != NULL);
	n->identity = true;
	n->first_event = 1;
	c = kith_control_new(NULL, n, &host);
	KITH_ASSERT(c != NULL);
	/* byte 0: the caller's rights, and how the bytes are cut */
	if (len == 0 ||
	    kith_control_open(c, (data[0] & 1) != 0 ? KITH_RIGHTS_ALL : 0, &caller) != KITH_OK) {
		kith_control_free(c);
		kith_alloc_free(NULL, n);
		return 0;
	}
	n->identity = (data[0] & 2) == 0;
	for (at = 1; at < len;) {
		size_t part = (data[0] & 4) != 0 ? 7 : 4096;

		part = part < len - at ? part : len - at;
		if (kith_control_feed(c, caller, data + at, part, now) != KITH_OK)
			break;
		kith_control_turn(c, now);
		take_all(c);
		at += part;
		now += 1000;
	}
	for (unsigned i = 0; i < 4; i++)
		kith_control_turn(c, now + i);
	take_all(c);
	kith_control_free(c);
	kith_alloc_free(NULL, n);
	return 0;
}
