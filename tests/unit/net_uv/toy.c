/* SPDX-License-Identifier: ISC */
#include "tests/unit/net_uv/toy.h"

#include <string.h>

#include "tests/test.h"

static void see(struct toy *t, kith_time now)
{
	if (now < t->last_now)
		t->backwards++;
	t->last_now = now;
}

static bool input(void *self, const struct kith_dgram_in *in, kith_time now)
{
	struct toy *t = self;
	unsigned at = (t->echo_first + t->echo_count) % 512u;

	see(t, now);
	t->received++;
	t->bytes += in->len;
	t->shorts += in->len == 1;
	t->last_local = in->local;
	t->last_remote = in->remote;
	for (size_t i = 0; i < in->len; i++)
		if (in->data[i] != (uint8_t)in->len) {
			t->wrong++;
			break;
		}
	if (t->echo && t->echo_count < 512u && in->len <= sizeof(t->echo_data[0])) {
		t->echo_to[at] = *in;
		memcpy(t->echo_data[at], in->data, in->len);
		t->echo_count++;
	}
	return true;
}

static void notice(void *self, const struct kith_notice *n, kith_time now)
{
	struct toy *t = self;

	see(t, now);
	switch (n->kind) {
	case KITH_NOTICE_WALL: t->walls += n->wall_ms > 0; break;
	case KITH_NOTICE_LOCAL:
		t->locals++;
		t->local_count = n->addr_count;
		t->local_first = n->addrs[0];
		break;
	case KITH_NOTICE_RESUME: t->resumes++; break;
	case KITH_NOTICE_GATEWAY: t->gateways++; break;
	case KITH_NOTICE_SEND_ERROR:
		t->refused++;
		t->refused_last = n->addrs[0];
		break;
	}
}

static void tick(void *self, kith_time now)
{
	struct toy *t = self;

	see(t, now);
	if (now < t->next)
		t->early++;
	t->ticks++;
	t->next = t->ticks < t->ticks_wanted ? now + t->step : KITH_NEVER;
}

static kith_time deadline(const void *self)
{
	const struct toy *t = self;

	return t->next;
}

static bool output(void *self, struct kith_dgram_out *out, kith_time now)
{
	struct toy *t = self;

	see(t, now);
	if (t->echo_count > 0) {
		out->remote = t->echo_to[t->echo_first].remote;
		out->local = t->echo_to[t->echo_first].local;
		out->data = t->echo_data[t->echo_first];
		out->len = t->echo_to[t->echo_first].len;
		t->echo_first = (t->echo_first + 1) % 512u;
		t->echo_count--;
		return true;
	}
	if (t->sent == t->to_send || (t->window != 0 && t->sent - t->received >= t->window))
		return false;
	t->sent++;
	out->remote = t->peer;
	out->local = t->local;
	out->len = t->short_every != 0 && t->sent % t->short_every == 0 ? 1 : t->size;
	memset(t->buffer, (int)(out->len & 255u), out->len);
	out->data = t->buffer;
	return true;
}

static void wake(void *self, kith_time now)
{
	struct toy *t = self;

	see(t, now);
	t->turns++;
	if (t->finished != NULL && t->finished(t))
		uv_stop(t->loop);
}

struct kith_engine toy_engine(struct toy *t)
{
	struct kith_engine e = {.self = t,
				.input = input,
				.notice = notice,
				.tick = tick,
				.deadline = deadline,
				.output = output,
				.wake = wake};

	return e;
}

void toy_open(struct toy *t, uv_loop_t *loop, struct kith_addr bind4)
{
	struct kith_driver_config cfg = {.loop = loop, .engine = toy_engine(t), .bind4 = bind4};

	t->loop = loop;
	if (t->ticks_wanted == 0)
		t->next = KITH_NEVER;
	CHECK_OK(kith_driver_new(&cfg, &t->driver));
}

uint16_t toy_port(const struct toy *t)
{
	uint16_t v4, v6;

	kith_driver_ports(t->driver, &v4, &v6);
	CHECK_EQ(v6, 0);
	return v4;
}

void toy_close(struct toy *t)
{
	kith_driver_close(t->driver);
	(void)uv_run(t->loop, UV_RUN_NOWAIT);
}
