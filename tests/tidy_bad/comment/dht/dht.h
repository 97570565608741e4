/* SPDX-License-Identifier: ISC */
struct kith_dht;

/* A pair under one comment. */
void kith_dht_one(struct kith_dht *d);
void kith_dht_two(struct kith_dht *d);

void kith_dht_go(struct kith_dht *BREACH);

int kith_dht_count(struct kith_dht *d); /* entries in the table */

struct kith_dht_BREACH {
	int a;
};

struct kith_dht_fine {
	int a; /* in ms */
};
