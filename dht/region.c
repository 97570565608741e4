/* SPDX-License-Identifier: ISC */
/*
 * Network size and the radius of a region (dht.md 7). Samples come only from lookups of targets
 * that nobody else knew; N = min(short, long), because only too large an N does harm.
 */
#include <string.h>

#include "dht/internal.h"

#define HOUR_US   (3600u * (kith_time)KITH_US_PER_S)
#define YOUNG_PCT 225u /* radius factor with fewer than 8 samples */
#define ENOUGH    8u

uint64_t kith__estimate(const uint64_t *distance, size_t count)
{
	uint64_t squares = 0, sum = 0;
	size_t i;

	if (count < KITH__NEAREST)
		return count;
	/* 52-bit fractions: 1,496 x 2^52 and 136 x 2^52 fit into 64 bits. */
	for (i = 1; i <= KITH__NEAREST; i++) {
		squares += (uint64_t)i * i;
		sum += i * (distance[i - 1] >> 12);
	}
	squares <<= 52;
	if (sum == 0)
		return UINT64_MAX >> 1;
	return squares / sum > 0 ? squares / sum - 1 : 0;
}

bool kith__size_known(const struct kith_dht *d)
{
	return d->size_count != 0 || d->n_long != 0;
}

uint64_t kith__size(const struct kith_dht *d)
{
	if (d->size_count == 0)
		return d->n_long;
	if (d->n_long == 0)
		return d->n_short;
	return d->n_short < d->n_long ? d->n_short : d->n_long;
}

uint64_t kith__radius(const struct kith_dht *d)
{
	uint64_t n = kith__size(d), nodes;
	unsigned pct = d->params.radius_pct;

	if (!kith__size_known(d))
		return UINT64_MAX;
	if (d->size_count != 0 && d->size_count < ENOUGH)
		pct = pct * YOUNG_PCT / 150u;
	nodes = (uint64_t)d->params.replicas * pct / 100u;
	return n + 1 <= nodes ? UINT64_MAX : UINT64_MAX / (n + 1) * nodes;
}

bool kith__within(const struct kith_dht *d, const struct kith_id *id, const struct kith_id *key,
		  unsigned times)
{
	uint64_t radius = kith__radius(d);

	if (radius > UINT64_MAX / times)
		return true;
	return kith__distance(id, key) <= radius * times;
}

void kith__random_id(struct kith_dht *d, const struct kith_id *prefix, unsigned bits,
		     struct kith_id *out)
{
	unsigned i;

	kith_rng_fill(d->rng, out->b, sizeof(out->b));
	for (i = 0; i < bits && i < 256; i++) {
		uint8_t bit = (uint8_t)(0x80u >> (i % 8));

		out->b[i / 8] = (uint8_t)((out->b[i / 8] & ~bit) | (prefix->b[i / 8] & bit));
	}
}

/* The first max(0, ceil(log2 N) - 3) bits of the key, the rest drawn for each request. */
void kith__mask(struct kith_dht *d, const struct kith_id *key, struct kith_id *out)
{
	uint64_t n = kith__size(d);
	unsigned bits = 0;

	while (bits < 63 && (UINT64_C(1) << bits) < n)
		bits++;
	kith__random_id(d, key, bits > 3 ? bits - 3 : 0, out);
}

static uint64_t median(const struct kith_dht *d)
{
	uint64_t sorted[KITH__SIZES];
	unsigned i, j;

	for (i = 0; i < d->size_count; i++) {
		for (j = i; j > 0 && sorted[j - 1] > d->size[i]; j--)
			sorted[j] = sorted[j - 1];
		sorted[j] = d->size[i];
	}
	return sorted[(d->size_count - 1) / 2];
}

/* At most a factor 2 per hour once there are enough samples. */
static uint64_t limited(const struct kith_dht *d, uint64_t n, kith_time now)
{
	kith_time age = now - d->n_short_at;
	uint64_t step;

	if (d->size_count <= ENOUGH || age >= HOUR_US * 32)
		return n;
	step = d->n_short * (age / (KITH_US_PER_S * 60u)) / 60u + 1;
	if (n > d->n_short + step)
		return d->n_short + step;
	if (n + step / 2 < d->n_short)
		return d->n_short - step / 2;
	return n;
}

/* Follows N_short for a day, then moves 0.82 % per 2-hour sample: half-life 7 days. */
static void update_long(struct kith_dht *d, kith_time now)
{
	if (d->n_long == 0 || now - d->first_sample < 24 * HOUR_US) {
		if (d->n_long == 0 || d->size_count < KITH__SIZES || d->n_short < d->n_long)
			d->n_long = d->n_short;
		return;
	}
	if (d->n_short > d->n_long)
		d->n_long += (d->n_short - d->n_long) * 82u / 10000u + 1;
	else
		d->n_long -= (d->n_long - d->n_short) * 82u / 10000u;
}

static void set_depth(struct kith_dht *d)
{
	uint64_t n = kith__size(d);
	unsigned log = 0;

	while (log < 27 && n >> (log + 1) != 0)
		log++;
	d->table.depth = log + 4;
}

void kith__size_sample(struct kith_dht *d, const struct kith__lookup *l, kith_time now)
{
	size_t near[KITH__NEAREST], count = kith__lookup_nearest(l, near, KITH__NEAREST), i;
	uint64_t distance[KITH__NEAREST];

	if (count == 0)
		return;
	for (i = 0; i < count; i++)
		distance[i] = kith__distance(&kith__peer_get(d->book, l->cand[near[i]].peer)->id,
					     &l->key);
	if (d->size_count == 0)
		d->first_sample = now;
	d->size[d->size_at] = kith__estimate(distance, count);
	d->size_at = (d->size_at + 1) % KITH__SIZES;
	if (d->size_count < KITH__SIZES)
		d->size_count++;
	d->n_short = limited(d, median(d), now);
	d->n_short_at = now;
	update_long(d, now);
	set_depth(d);
}
