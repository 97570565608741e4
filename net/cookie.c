/* SPDX-License-Identifier: ISC */
/*
 * Cookies under load (crypto.md 6.3), and the one way by which a datagram goes to an address that
 * has proved nothing: kith__net_answer_slot with a length that is checked against what came in.
 */
#include "net/internal.h"

#include <string.h>

#define SECRET_LIFE_US (120u * KITH_US_PER_S)

/* Two live secrets, a new one each 120 s. */
static void renew(struct kith_net *n, kith_time now)
{
	kith_time age = n->cookie_born == KITH_NEVER ? KITH_NEVER : now - n->cookie_born;

	if (age < SECRET_LIFE_US)
		return;
	if (age < 2u * SECRET_LIFE_US)
		memcpy(n->cookie_secret[1], n->cookie_secret[0], 32);
	else
		kith_rng_fill(n->rng, n->cookie_secret[1], 32);
	kith_rng_fill(n->rng, n->cookie_secret[0], 32);
	n->cookie_born = now;
}

bool kith__net_cookie_valid(struct kith_net *n, const struct outer1 *m, const struct kith_addr *a,
			    kith_time now)
{
	uint8_t cookie[16], mac[16];
	bool valid = false;
	unsigned i;

	renew(n, now);
	for (i = 0; i < 2; i++) {
		kith__net_cookie(cookie, n->cookie_secret[i], a);
		kith__net_mac2(mac, cookie, m->idx_i, m->noise1);
		valid |= kith_equal(mac, m->mac2, sizeof(mac));
	}
	kith_wipe(cookie, sizeof(cookie));
	return valid;
}

size_t kith__net_draw_pad(struct kith_net *n, size_t fixed, size_t longest)
{
	KITH_ASSERT(fixed <= longest);
	return kith_rng_below(n->rng, (uint32_t)(longest - fixed + 1));
}

struct answer *kith__net_answer_slot(struct kith_net *n, const struct net_path *path)
{
	struct answer *a;

	if (n->answer_count == ANSWERS_MAX) {
		n->count.drop_limit++;
		return NULL;
	}
	a = &n->answers[(n->answer_first + n->answer_count) % ANSWERS_MAX];
	n->answer_count++;
	a->path = *path;
	a->len = 0;
	return a;
}

void kith__net_cookie_answer(struct kith_net *n, const struct outer1 *m, const uint8_t k_obf[32],
			     const struct net_path *path, size_t budget, kith_time now)
{
	struct answer *a = kith__net_answer_slot(n, path);
	uint8_t cookie[16];

	if (a == NULL)
		return;
	renew(n, now);
	kith__net_cookie(cookie, n->cookie_secret[0], &path->remote);
	a->len = kith__net_wrap_cookie(a->bytes, k_obf, m->nonce, &n->noncer, cookie,
				       kith__net_draw_pad(n, NET_COOKIE_MIN, budget));
	KITH_ASSERT(a->len <= budget);
	n->count.cookies_sent++;
}
