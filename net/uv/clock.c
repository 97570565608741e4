/* SPDX-License-Identifier: ISC */
/* The three clocks of the driver. */
#include <time.h>

#include "net/uv/internal.h"

static uint64_t read_us(clockid_t clock)
{
	struct timespec t = {0, 0};

	if (clock_gettime(clock, &t) != 0)
		return 0;
	return (uint64_t)t.tv_sec * KITH_US_PER_S + (uint64_t)t.tv_nsec / 1000u;
}

kith_time kith__uv_now(void)
{
	return read_us(CLOCK_MONOTONIC);
}

uint64_t kith__uv_wall_ms(void)
{
	return read_us(CLOCK_REALTIME) / KITH_US_PER_MS;
}

uint64_t kith__uv_slept_us(void)
{
	uint64_t mono = read_us(CLOCK_MONOTONIC);
	uint64_t boot = read_us(CLOCK_BOOTTIME);

	return boot > mono ? boot - mono : 0;
}
