/* SPDX-License-Identifier: ISC */
/*
 * The routing table (dht.md 3-4): verified servers only, 12 B each, ordered by the number of
 * leading bits they share with the own id. A bucket is one such level; the levels from `depth` on
 * form one last bucket, so ids ground next to ours open no new rooms.
 */
#ifndef KITH_DHT_TABLE_H
#define KITH_DHT_TABLE_H

#include "dht/dht.h"
#include "dht/peerbook.h"

#define KITH__LEVELS      32u
#define KITH__SPARES      8u  /* replacements per bucket */
#define KITH__NEAR_MAX    2u  /* of one NEAR group in a bucket and in an answer */
#define KITH__SMALL_TABLE 16u /* below it limits of diversity are lifted */
#define KITH__SEEN_US     (4u * KITH_US_PER_S)
#define KITH__BORN_US     (64u * KITH_US_PER_S)

/* Bits of kith__entry.state. */
#define KITH__ST_FAILS     0x07u
#define KITH__ST_REACHABLE 0x08u
#define KITH__ST_MAILBOX   0x10u
#define KITH__ST_RELAY     0x20u
#define KITH__ST_PING      0x40u
#define KITH__ST_WEAK      0x80u

/* A verified server. */
struct kith__entry {
	uint32_t peer;
	uint16_t seen;  /* 4 s ticks */
	uint16_t born;  /* 64 s ticks */
	uint16_t srtt;  /* 0.25 ms, 0 = unknown */
	uint8_t rttvar; /* 4 ms */
	uint8_t state;
};
_Static_assert(sizeof(struct kith__entry) == 12, "dht.md 3: 12 B");

/* A verified server without a seat. */
struct kith__spare {
	uint32_t peer;
	uint16_t born; /* first verified, 64 s ticks: the 10 minutes of the speed seats */
	uint16_t srtt;
};

/* One number of shared leading bits. */
struct kith__level {
	uint16_t count;   /* entries */
	uint16_t spares;  /* replacements */
	uint16_t traffic; /* last traffic, 4 s ticks */
};

/* Entries and replacements, each in one array in order of level. */
struct kith__table {
	const struct kith_alloc *alloc;
	struct kith_peerbook *book;
	const struct kith_dht_params *params;
	struct kith_dht_counters *counters;
	struct kith_id self;
	struct kith__entry *entry;
	struct kith__spare *spare;
	size_t count, cap, spare_count, spare_cap;
	unsigned depth; /* first level of the last bucket */
	struct kith__level level[KITH__LEVELS];
};

/* What an authenticated answer (or a request with a valid cookie) tells about a peer. */
struct kith__sighting {
	uint32_t peer;
	uint32_t rtt_us;    /* 0 = no sample */
	uint32_t median_us; /* of the own last RTTs */
	uint8_t services;
	bool reachable;
};

/* What became of a sighting. */
enum kith__placed {
	KITH__PLACED_OLD,
	KITH__PLACED_NEW,
	KITH__PLACED_SPARE,
	KITH__PLACED_NOT,
	KITH__PLACED_MOVED
};

/* An empty table of the node `self`. */
void kith__table_init(struct kith__table *t, const struct kith_alloc *alloc,
		      struct kith_peerbook *book, const struct kith_dht_params *params,
		      struct kith_dht_counters *counters, const struct kith_id *self);
/* Gives all references back. */
void kith__table_wipe(struct kith__table *t);
/* Index of the entry of this peer or key, -1 when absent. */
int kith__table_find(const struct kith__table *t, uint32_t peer);
int kith__table_find_id(const struct kith__table *t, const struct kith_id *id);
/* Updates or inserts. MOVED: the key is known under another address; *old is its entry's peer. */
enum kith__placed kith__table_sighting(struct kith__table *t, const struct kith__sighting *s,
				       kith_time now, uint32_t *old);
/* Counts one failure; true when the entry left the table. */
bool kith__table_failed(struct kith__table *t, uint32_t peer);
/* Removes the peer from entries and replacements. */
void kith__table_remove(struct kith__table *t, uint32_t peer);
/* Drops entries silent for 24 h, clamps ages; call at least hourly. */
void kith__table_sweep(struct kith__table *t, kith_time now);
/* Leading bits that the id shares with the own one, at most KITH__LEVELS - 1. */
unsigned kith__table_level(const struct kith__table *t, const struct kith_id *id);
bool kith__same_group(const struct kith_addr *a, const struct kith_addr *b, enum kith_width w);
/* The bucket of a level, and the bucket an id falls into. */
unsigned kith__table_bucket(const struct kith__table *t, const struct kith_id *id);
/* [*first, *first + *count) of the entries of bucket b. */
void kith__table_range(const struct kith__table *t, unsigned b, size_t *first, size_t *count);
unsigned kith__table_buckets(const struct kith__table *t); /* highest occupied bucket + 1 */
/* The newest replacement of bucket b, taken out with its reference; KITH__NO_PEER: none. */
uint32_t kith__table_spare(struct kith__table *t, unsigned b);
/* Whether the bucket of `id` is not full. */
bool kith__table_has_room(const struct kith__table *t, const struct kith_id *id);
/* Entry indexes nearest to `target`, nearest first, at most 2 per NEAR group; returns how many.
 * `usable` may refuse entries; NULL = all. */
size_t kith__table_nearest(const struct kith__table *t, const struct kith_id *target, uint16_t *out,
			   size_t max, bool (*usable)(void *ctx, const struct kith__entry *e),
			   void *ctx);

/* Ticks of 4 s and of 64 s. */
static inline uint16_t kith__seen_tick(kith_time now)
{
	return (uint16_t)(now / KITH__SEEN_US);
}

/* The slow one. */
static inline uint16_t kith__born_tick(kith_time now)
{
	return (uint16_t)(now / KITH__BORN_US);
}
/* Time since the entry was seen and since it was born. */
kith_time kith__entry_silent(const struct kith__entry *e, kith_time now);
kith_time kith__entry_age(const struct kith__entry *e, kith_time now);

/* The peer behind an entry; valid until the next intern. */
static inline const struct kith__peer *kith__entry_peer(const struct kith__table *t,
							const struct kith__entry *e)
{
	return kith__peer_get(t->book, e->peer);
}

#endif
