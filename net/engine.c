/* SPDX-License-Identifier: ISC */
/* The driver's view of a bare net engine. */
#include "net/internal.h"

static bool engine_input(void *self, const struct kith_dgram_in *in, kith_time now)
{
	return kith_net_input(self, in, now);
}

static void engine_notice(void *self, const struct kith_notice *notice, kith_time now)
{
	switch (notice->kind) {
	case KITH_NOTICE_WALL: kith_net_set_wall(self, notice->wall_ms, now); break;
	case KITH_NOTICE_RESUME: kith_net_drop_sessions(self, now); break;
	case KITH_NOTICE_LOCAL:
	case KITH_NOTICE_GATEWAY:
	case KITH_NOTICE_SEND_ERROR: break;
	}
}

static void engine_tick(void *self, kith_time now)
{
	kith_net_tick(self, now);
}

static kith_time engine_deadline(const void *self)
{
	return kith_net_deadline(self);
}

static bool engine_output(void *self, struct kith_dgram_out *out, kith_time now)
{
	return kith_net_output(self, out, now);
}

struct kith_engine kith_net_engine(struct kith_net *n)
{
	return (struct kith_engine){
		.self = n,
		.input = engine_input,
		.notice = engine_notice,
		.tick = engine_tick,
		.deadline = engine_deadline,
		.output = engine_output,
	};
}
