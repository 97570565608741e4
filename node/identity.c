/* SPDX-License-Identifier: ISC */
/*
 * The own identity: keys, device certificate and manifest, presence secrets, prekeys, invitations'
 * capabilities. Drawn once, kept as rows of `secret`, `meta` and `invitation` (crypto.md 2, 11).
 *
 *	prekey    new every 7 days, secret kept until 37 days after it was made
 *	presence  new every 30 days; the older one lives 30 days longer, after a removal not at all;
 *		  the bucket of an ended one is listed for 35 days (crypto.md 2, 8)
 */
#include <string.h>

#include "base/text.h"
#include "node/msgs.h"

#define PREKEY_LIFE_S   604800u    /* 7 d */
#define PREKEY_KEEP_S   3196800u   /* 37 d */
#define PRESENCE_LIFE_S 2592000u   /* 30 d */
#define LISTED_S        3024000u   /* 35 d: as long as a blob may wait in its bucket */
#define LIVE_MAX        3u         /* what net tries on each msg1 */
#define CERT_LIFE_S     315360000u /* 10 y: device certificates end by a new manifest, not by age */

const struct kith_own_prekey *kith__prekey(const struct kith_node *n, uint32_t id)
{
	size_t i;

	if (!n->has_identity)
		return NULL;
	for (i = 0; i < n->id->prekeys; i++)
		if (n->id->prekey[i]->id == id)
			return n->id->prekey[i];
	return NULL;
}

static void prekey_row(struct kith_node *n, const struct kith_own_prekey *k)
{
	uint8_t body[105];
	struct kith_writer w;

	kith_writer_init(&w, body, sizeof(body));
	kith_write_bytes(&w, k->secret, 32);
	kith_write_bytes(&w, k->kem_seed, 64);
	kith_write_u64(&w, k->created_s);
	kith_write_u8(&w, k->put ? 1 : 0);
	KITH_ASSERT(kith_write_end(&w) == KITH_OK);
	kith__row_secret(n, "spk", k->id, body, sizeof(body), k->expires_s);
	kith_wipe(body, sizeof(body));
}

/* Public halves from the secrets just drawn or loaded. */
void kith__prekey_complete(struct kith_own_prekey *k)
{
	uint8_t dk[KITH_KEM_DK];

	kith_dh_public(k->spk, k->secret);
	kith_kem_keygen(k->ek, dk, k->kem_seed);
	kith_wipe(dk, sizeof(dk));
}

static void prekey_drop(struct kith_node *n, size_t i)
{
	struct kith_identity *id = n->id;
	struct kith_op op = kith_op(KITH_OP_SECRET_DELETE);

	kith_op_text(&op, "spk", 3);
	kith_op_int(&op, id->prekey[i]->id);
	kith__put(n, &op);
	kith_arena_put(n->arena, id->prekey[i]);
	memmove(&id->prekey[i], &id->prekey[i + 1], (id->prekeys - i - 1) * sizeof(id->prekey[0]));
	id->prekeys--;
}

int kith__prekey_new(struct kith_node *n)
{
	struct kith_identity *id = n->id;
	struct kith_own_prekey *k;

	if (id->prekeys == KITH_PREKEYS_MAX)
		prekey_drop(n, id->prekeys - 1);
	k = kith_arena_get(n->arena, sizeof(*k));
	if (k == NULL)
		return KITH_E_NOMEM;
	do {
		k->id = kith_rng_u32(n->rng);
	} while (k->id == 0 || kith__prekey(n, k->id) != NULL);
	kith_rng_fill(n->rng, k->secret, 32);
	kith_rng_fill(n->rng, k->kem_seed, 64);
	k->created_s = kith__wall_s(n);
	k->expires_s = k->created_s + PREKEY_KEEP_S;
	kith__prekey_complete(k);
	memmove(&id->prekey[1], &id->prekey[0], id->prekeys * sizeof(id->prekey[0]));
	id->prekey[0] = k;
	id->prekeys++;
	prekey_row(n, k);
	return KITH_OK;
}

static void presence_row(struct kith_node *n, const struct kith_own_presence *p)
{
	uint8_t body[40];

	memcpy(body, p->p, 32);
	kith_store_u64(body + 32, p->created_s);
	kith__row_secret(n, "p", p->epoch, body, sizeof(body), p->ends_s);
	kith_wipe(body, sizeof(body));
}

static void presence_drop(struct kith_node *n)
{
	struct kith_identity *id = n->id;
	struct kith_op op = kith_op(KITH_OP_SECRET_DELETE);

	id->presences--;
	kith_op_text(&op, "p", 1);
	kith_op_int(&op, id->presence[id->presences].epoch);
	kith__put(n, &op);
	kith_wipe(&id->presence[id->presences], sizeof(id->presence[0]));
}

size_t kith__presences_live(const struct kith_node *n)
{
	const struct kith_identity *id = n->id;
	uint64_t now_s = kith__wall_s(n);
	size_t live = 0;

	while (live < id->presences && live < LIVE_MAX &&
	       (id->presence[live].ends_s == 0 || id->presence[live].ends_s > now_s))
		live++;
	return live;
}

static void presence_new(struct kith_node *n)
{
	struct kith_identity *id = n->id;
	uint64_t now_s = kith__wall_s(n);
	uint32_t epoch = id->presences > 0 ? id->presence[0].epoch + 1 : 1;

	if (id->presences > 0) {
		id->presence[0].ends_s = now_s + PRESENCE_LIFE_S;
		presence_row(n, &id->presence[0]);
	}
	if (id->presences == KITH_PRESENCES_MAX)
		presence_drop(n);
	memmove(&id->presence[1], &id->presence[0], id->presences * sizeof(id->presence[0]));
	kith_rng_fill(n->rng, id->presence[0].p, 32);
	id->presence[0].epoch = epoch;
	id->presence[0].created_s = now_s;
	id->presence[0].ends_s = 0;
	id->presences++;
	presence_row(n, &id->presence[0]);
}

struct kith_own_cap *kith__cap_new(struct kith_node *n, const char *label, bool shared)
{
	struct kith_identity *id = n->id;
	struct kith_own_cap *cap;

	if (id->caps == KITH_CAPS_MAX)
		return NULL;
	cap = &id->cap[id->caps++];
	memset(cap, 0, sizeof(*cap));
	cap->id = n->next_invitation++;
	kith_rng_fill(n->rng, cap->cap, 16);
	memcpy(cap->label, label, strlen(label) < KITH_NAME_MAX ? strlen(label) : KITH_NAME_MAX);
	cap->created_ms = kith__wall_ms(n);
	cap->shared = shared;
	kith__row_invitation(n, cap);
	return cap;
}

const struct kith_own_cap *kith__cap_shared(const struct kith_node *n)
{
	size_t i;

	for (i = 0; i < n->id->caps; i++)
		if (n->id->cap[i].shared && !n->id->cap[i].revoked)
			return &n->id->cap[i];
	return NULL;
}

static void draw_keys(struct kith_node *n, struct kith_identity *id)
{
	kith_rng_fill(n->rng, id->ik_seed, 32);
	kith_rng_fill(n->rng, id->dk_seed, 32);
	kith_rng_fill(n->rng, id->xk_secret, 32);
	kith_rng_fill(n->rng, id->lk_secret, 32);
	kith_rng_fill(n->rng, id->handle_key, 32);
	do {
		id->device = kith_rng_u32(n->rng);
	} while (id->device == 0);
}

/* Public keys, manifest and certificate from the secrets. `made_s` fixes the manifest's bytes. */
void kith__identity_complete(struct kith_node *n, uint64_t made_s)
{
	struct kith_identity *id = n->id;
	struct kith_manifest m;

	kith_sign_public(id->ik, id->ik_seed);
	kith_sign_public(id->dk, id->dk_seed);
	kith_dh_public(id->xk, id->xk_secret);
	kith_dh_public(id->lk, id->lk_secret);
	memset(&m, 0, sizeof(m));
	m.version = 1;
	m.count = 1;
	m.device[0].id = id->device;
	memcpy(m.device[0].dk, id->dk, 32);
	memcpy(m.device[0].xk, id->xk, 32);
	m.device[0].added = made_s;
	id->manifest_len = kith__manifest_make(id->manifest, &m, id->ik_seed, id->ik);
	kith_blake2b(id->manifest_hash, id->manifest, id->manifest_len);
	memset(&id->cert, 0, sizeof(id->cert));
	id->cert.device = id->device;
	memcpy(id->cert.dk, id->dk, 32);
	memcpy(id->cert.xk, id->xk, 32);
	id->cert.not_after = made_s + CERT_LIFE_S;
	memcpy(id->cert.manifest, id->manifest_hash, 32);
	kith__cert_sign(&id->cert, id->ik_seed, id->ik);
	kith__instance_renew(n);
}

void kith__identity_apply(struct kith_node *n)
{
	struct kith_net_presence live[LIVE_MAX];
	size_t i;

	if (!n->has_identity)
		return;
	kith_net_set_link(n->net, n->id->lk_secret, n->id->device);
	n->id->applied = kith__presences_live(n);
	for (i = 0; i < n->id->applied; i++) {
		memcpy(live[i].p, n->id->presence[i].p, 32);
		live[i].epoch = n->id->presence[i].epoch;
	}
	kith_net_set_presence(n->net, live, n->id->applied);
	kith_wipe(live, sizeof(live));
}

int kith__identity_make(struct kith_node *n, const char *name)
{
	struct kith_identity *id = kith_arena_get(n->arena, sizeof(*id));
	uint64_t now_s = kith__wall_s(n);

	if (id == NULL)
		return KITH_E_NOMEM;
	n->id = id;
	n->has_identity = true;
	memcpy(id->name, name, strlen(name));
	draw_keys(n, id);
	kith__identity_complete(n, now_s);
	kith__row_secret(n, "ik", 0, id->ik_seed, 32, 0);
	kith__row_secret(n, "dk", 0, id->dk_seed, 32, 0);
	kith__row_secret(n, "xk", 0, id->xk_secret, 32, 0);
	kith__row_secret(n, "lk", 0, id->lk_secret, 32, 0);
	kith__row_secret(n, "handle", 0, id->handle_key, 32, 0);
	kith__row_meta_int(n, "device", id->device);
	kith__row_meta_int(n, "made_s", (int64_t)now_s);
	kith__row_setting(n, "name", id->name);
	if (kith__prekey_new(n) != KITH_OK)
		return KITH_E_NOMEM;
	presence_new(n);
	if (kith__cap_new(n, "", true) == NULL)
		return KITH_E_FULL;
	kith__identity_apply(n);
	return KITH_OK;
}

static void presence_tell_all(struct kith_node *n);

void kith__identity_tick(struct kith_node *n)
{
	struct kith_identity *id = n->id;
	uint64_t now_s = kith__wall_s(n);
	bool changed = false;
	size_t i;

	if (!n->has_identity || n->locked)
		return;
	for (i = id->prekeys; i > 1; i--)
		if (id->prekey[i - 1]->expires_s <= now_s)
			prekey_drop(n, i - 1);
	if (now_s >= id->prekey[0]->created_s + PREKEY_LIFE_S)
		changed |= kith__prekey_new(n) == KITH_OK;
	while (id->presences > 1 && id->presence[id->presences - 1].ends_s + LISTED_S <= now_s) {
		presence_drop(n);
		kith__fetch_buckets_changed(n);
	}
	if (kith__presences_live(n) != id->applied) { /* one has ended */
		kith__identity_apply(n);
		changed = true;
	}
	if (now_s >= id->presence[0].created_s + PRESENCE_LIFE_S) {
		presence_new(n);
		kith__identity_apply(n);
		kith__fetch_buckets_changed(n);
		presence_tell_all(n);
		changed = true;
	}
	if (changed)
		kith__publish_soon(n);
}

bool kith__presence_append(struct kith_node *n, struct kith_contact *c)
{
	const struct kith_own_cap *shared = kith__cap_shared(n);
	struct kith_share share;
	uint8_t content[52];
	size_t len;
	bool added;

	memset(&share, 0, sizeof(share));
	memcpy(share.p, n->id->presence[0].p, 32);
	share.p_epoch = n->id->presence[0].epoch;
	if (shared != NULL)
		memcpy(share.cap, shared->cap, 16);
	len = kith__share_encode(content, sizeof(content), &share);
	KITH_ASSERT(len == sizeof(content));
	added = kith__outbox_append(n, c, KITH_BODY_PRESENCE, 0, NULL, content, len) != NULL;
	kith_wipe(&share, sizeof(share));
	kith_wipe(content, sizeof(content));
	return added;
}

void kith__presence_tell(struct kith_node *n, struct kith_contact *c)
{
	if (c->state != KITH_CONTACT_ACCEPTED)
		return;
	if (!kith__presence_append(n, c)) {
		kith_log_add(n->log, n->now, KITH_LOG_ERROR, "a new P was not queued");
		return;
	}
	kith__outbox_seal(n, c);
	kith__outbox_rows(n, c, c->outs - 1);
}

/*
 * Role A renews the chain of link keys with each new P (crypto.md 6): a stolen chain ends. The root
 * before it lives until a handshake under the new one; while the peer may not have that one yet, no
 * third is made.
 */
void kith__link_root_tell(struct kith_node *n, struct kith_contact *c)
{
	struct kith_link_root l;
	uint8_t content[40];
	size_t len;

	if (c->state != KITH_CONTACT_ACCEPTED || !c->i_am_a || c->link.root_count == 0 ||
	    (c->link.root_count > 1 && !c->link.newest_known))
		return;
	kith_rng_fill(n->rng, l.root, 32);
	l.start_day = kith__wall_s(n) / KITH_DAY_S;
	len = kith__link_root_encode(content, sizeof(content), &l);
	KITH_ASSERT(len == sizeof(content));
	if (kith__outbox_add(n, c, KITH_BODY_LINK_ROOT, 0, NULL, content, len) != NULL) {
		c->link.root[1] = c->link.root[0];
		c->link.root_count = 2;
		c->link.newest_known = false;
		memcpy(c->link.root[0].l, l.root, 32);
		c->link.root[0].day = l.start_day;
		kith__row_device(n, c);
		kith__contact_link(n, c);
	}
	kith_wipe(&l, sizeof(l));
	kith_wipe(content, sizeof(content));
}

/* A new P: told to all. */
static void presence_tell_all(struct kith_node *n)
{
	size_t i;

	for (i = 0; i < n->contacts; i++) {
		kith__presence_tell(n, n->contact[i]);
		kith__link_root_tell(n, n->contact[i]);
	}
}

void kith__name_tell(struct kith_node *n, struct kith_contact *c)
{
	size_t len = strlen(n->id->name);

	if (c->state == KITH_CONTACT_ACCEPTED && c->ratchet != NULL && len > 0)
		(void)kith__outbox_add(n, c, KITH_BODY_NAME, 0, NULL, (const uint8_t *)n->id->name,
				       len);
}

void kith__presence_rotate(struct kith_node *n)
{
	struct kith_identity *id = n->id;
	uint64_t now_s = kith__wall_s(n);
	size_t i;

	for (i = 0; i < id->caps; i++)
		if (id->cap[i].shared) {
			id->cap[i].revoked = true;
			kith__row_invitation(n, &id->cap[i]);
			id->cap[i] = id->cap[--id->caps];
			break;
		}
	(void)kith__cap_new(n, "", true);
	presence_new(n);
	for (i = 1; i < id->presences; i++)
		if (id->presence[i].ends_s > now_s) { /* at once; only listed from now on */
			id->presence[i].ends_s = now_s;
			presence_row(n, &id->presence[i]);
		}
	kith__identity_apply(n);
	presence_tell_all(n);
	kith__fetch_buckets_changed(n);
	kith__publish_soon(n);
}

int kith_node_identity_create(struct kith_node *n, const char *name, uint32_t call, kith_time now)
{
	size_t len = strlen(name);
	int status;

	n->now = now;
	if (kith__may_write(n) != KITH_OK)
		return kith__may_write(n);
	if (n->has_identity)
		return KITH_E_EXISTS;
	if (len > KITH_NAME_MAX || !kith_text_valid(name, len))
		return KITH_E_MALFORMED;
	status = kith__identity_make(n, name);
	if (status != KITH_OK)
		return status;
	kith__publish_soon(n);
	kith__reply_done(n, call, 0, 0);
	return KITH_OK;
}

int kith_node_identity_name(struct kith_node *n, const char *name, uint32_t call, kith_time now)
{
	size_t len = strlen(name);

	n->now = now;
	if (kith__may_write(n) != KITH_OK)
		return kith__may_write(n);
	if (!n->has_identity)
		return KITH_E_STATE;
	if (len > KITH_NAME_MAX || !kith_text_valid(name, len))
		return KITH_E_MALFORMED;
	memset(n->id->name, 0, sizeof(n->id->name));
	memcpy(n->id->name, name, len);
	kith__row_setting(n, "name", n->id->name);
	for (size_t i = 0; i < n->contacts; i++)
		kith__name_tell(n, n->contact[i]);
	kith__reply_done(n, call, 0, 0);
	return KITH_OK;
}

void kith__shortname(char out[static 9], const uint8_t ik[static 32])
{
	kith_base32_encode(out, ik, 5);
}

int kith_node_identity(const struct kith_node *n, struct kith_node_identity *out)
{
	if (!n->has_identity)
		return KITH_E_STATE;
	memset(out, 0, sizeof(*out));
	memcpy(out->name, n->id->name, sizeof(out->name));
	memcpy(out->ik, n->id->ik, 32);
	kith__shortname(out->shortname, n->id->ik);
	return KITH_OK;
}

const uint8_t *kith_node_handle_key(const struct kith_node *n)
{
	static const uint8_t none[32];

	return n->has_identity ? n->id->handle_key : none;
}

/* The permutation costs four hashes; the same few rows are named again and again. */
static void handle_note(const struct kith_node *n, uint16_t table, uint64_t id,
			const uint8_t handle[static 16])
{
	size_t at = (id * 8 + table) % KITH_HANDLES;

	if (!n->has_identity || table == 0)
		return;
	n->id->handle[at].table = table;
	n->id->handle[at].id = id;
	memcpy(n->id->handle[at].handle, handle, 16);
}

void kith_node_handle(const struct kith_node *n, uint16_t table, uint64_t id,
		      uint8_t out[static 16])
{
	size_t at = (id * 8 + table) % KITH_HANDLES;

	if (n->has_identity && n->id->handle[at].table == table && n->id->handle[at].id == id) {
		memcpy(out, n->id->handle[at].handle, 16);
		return;
	}
	kith__handle_make(out, kith_node_handle_key(n), table, id);
	handle_note(n, table, id, out);
}

bool kith_node_unhandle(const struct kith_node *n, uint16_t table, const uint8_t in[static 16],
			uint64_t *id)
{
	for (size_t i = 0; n->has_identity && i < KITH_HANDLES; i++) {
		if (n->id->handle[i].table == table &&
		    memcmp(n->id->handle[i].handle, in, 16) == 0) {
			*id = n->id->handle[i].id;
			return true;
		}
	}
	if (!kith__handle_open(in, kith_node_handle_key(n), table, id))
		return false;
	handle_note(n, table, *id, in);
	return true;
}
