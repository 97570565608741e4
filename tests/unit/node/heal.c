/* SPDX-License-Identifier: ISC */
/*
 * Restored backups heal by themselves: images of any age, the same one twice, both sides, a second
 * computer. Judged from outside, as sim/ledger.c does:
 *
 *	lost      held by an outbox and not yet shown at the last restore, or said after it, and not
 *		  in the history of the other side at the end
 *	doubled   stands there more than once
 *	repeated  one (key, nonce) with two contents, over every seal of every node
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/internal.h"
#include "tests/sim/town.h"

#define BOX     0u
#define ALICE   1u
#define BOB     2u
#define LETTERS 500u

/* ---- every seal of the process ---- */

#define SEALS (UINT32_C(1) << 20)
static struct {
	uint64_t key, content;
} * seal;
static unsigned seals, repeated;

void __real_kith_seal(uint8_t *out, const uint8_t nonce[static 24], const uint8_t key[static 32],
		      const void *ad, size_t ad_len, const void *m, size_t len);
void __wrap_kith_seal(uint8_t *out, const uint8_t nonce[static 24], const uint8_t key[static 32],
		      const void *ad, size_t ad_len, const void *m, size_t len);

void __wrap_kith_seal(uint8_t *out, const uint8_t nonce[static 24], const uint8_t key[static 32],
		      const void *ad, size_t ad_len, const void *m, size_t len)
{
	static const uint8_t k[16] = "heal";
	uint8_t both[56];
	uint64_t at;
	uint64_t content = kith_siphash(k, m, len) + kith_siphash(k, ad, ad_len) * 3u;

	__real_kith_seal(out, nonce, key, ad, ad_len, m, len);
	if (ad_len == 24) /* pages of the store have their own test */
		return;
	if (seal == NULL)
		seal = calloc(SEALS, sizeof(*seal));
	CHECK(seal != NULL && seals < SEALS / 2);
	memcpy(both, nonce, 24);
	memcpy(both + 24, key, 32);
	at = kith_siphash(k, both, sizeof(both)) | 1u;
	for (uint32_t i = (uint32_t)(at >> 32) % SEALS;; i = (i + 1) % SEALS) {
		if (seal[i].key == at) {
			repeated += seal[i].content != content;
			return;
		}
		if (seal[i].key == 0) {
			seal[i].key = at;
			seal[i].content = content;
			seals++;
			return;
		}
	}
}

/* ---- people and their images ---- */

struct letter {
	unsigned author;
	bool due;
};
struct image {
	uint8_t *data;
	size_t len;
};

static struct town t;
static struct letter letter[LETTERS];
static unsigned letters, restores, held_at_restores, slowest_ms;
static uint64_t state;

static struct kith_contact *friend_of(unsigned i)
{
	CHECK(t.n[i].up && t.n[i].node->contacts == 1);
	return t.n[i].node->contact[0];
}

static void come(unsigned i)
{
	if (t.n[i].up)
		return;
	town_boot(&t, i);
	town_meet(&t, i, BOX);
}

static void leave(unsigned i)
{
	if (t.n[i].up)
		town_halt(&t, i);
}

static bool accepted(struct town *w, unsigned i)
{
	struct kith_node_contact c;

	return kith_node_contact(w->n[i].node, 0, &c) && c.state == KITH_CONTACT_ACCEPTED;
}

static bool has_request(struct town *w, unsigned i)
{
	struct kith_node_request r;

	return kith_node_request(w->n[i].node, 0, &r);
}

static bool has_mailbox(struct town *w, unsigned i)
{
	struct kith_node_mailbox m;

	return kith_node_mailbox(w->n[i].node, 0, &m) && m.answering;
}

static bool whole(struct town *w, unsigned i)
{
	struct kith_node_status s;

	kith_node_status(w->n[i].node, &s);
	return s.stalled == 0;
}

static bool told_all(struct town *w, unsigned i)
{
	struct kith_node_status s;

	kith_node_status(w->n[i].node, &s);
	return s.stalled == 0 && s.waiting == 0;
}

static void make(unsigned i, const char *name)
{
	come(i);
	CHECK_OK(kith_node_identity_create(t.n[i].node, name, town_call(&t, i), t.now));
	town_reply(&t, i);
	CHECK(town_until(&t, 60 * SEC, has_mailbox, i));
}

/* A mailbox, and Alice and Bob as contacts; both are up. */
static void begin(unsigned nodes)
{
	struct kith_node_request r;
	char link[512];

	letters = restores = held_at_restores = slowest_ms = 0;
	state = test_seed();
	town_init(&t, 1, nodes);
	town_boot(&t, BOX);
	town_run(&t, SEC);
	make(ALICE, "Alice");
	make(BOB, "Bob");
	CHECK_OK(kith_node_invite(t.n[ALICE].node, "", 1, false, town_call(&t, ALICE), t.now));
	town_reply(&t, ALICE);
	(void)snprintf(link, sizeof(link), "%s", t.n[ALICE].text);
	town_run(&t, 30 * SEC);
	CHECK_OK(kith_node_contact_add(t.n[BOB].node, link, strlen(link), "", "",
				       town_call(&t, BOB), t.now));
	town_reply(&t, BOB);
	CHECK(town_until(&t, 120 * SEC, has_request, ALICE));
	CHECK(kith_node_request(t.n[ALICE].node, 0, &r));
	CHECK_OK(
		kith_node_request_accept(t.n[ALICE].node, r.id, NULL, town_call(&t, ALICE), t.now));
	town_reply(&t, ALICE);
	CHECK(town_until(&t, 60 * SEC, accepted, BOB));
	town_run(&t, 30 * SEC);
}

static void say(unsigned i)
{
	struct kith_msgid id;
	char text[32];

	CHECK(letters < LETTERS);
	memset(&id, 0, sizeof(id));
	id.b[4] = (uint8_t)(letters >> 8); /* later ones are greater */
	id.b[5] = (uint8_t)letters;
	id.b[6] = (uint8_t)i;
	(void)snprintf(text, sizeof(text), "letter %u", letters);
	CHECK_OK(kith_node_say(t.n[i].node, friend_of(i)->conv, &id, text, strlen(text), NULL,
			       town_call(&t, i), t.now));
	town_reply(&t, i);
	letter[letters].author = i;
	letter[letters++].due = true;
}

static unsigned number_of(const struct kith_msgid *id)
{
	return (unsigned)id->b[4] << 8 | id->b[5];
}

/* What is not in an outbox now cannot be asked for. */
static void only_held(unsigned i)
{
	struct kith_contact *c = friend_of(i);
	bool held[LETTERS] = {false};

	for (size_t k = 0; k < c->outs; k++)
		if (c->out[k]->message != 0) {
			held[number_of(&c->out[k]->mid)] = true;
			held_at_restores++;
		}
	for (unsigned k = 0; k < letters; k++)
		if (letter[k].author == i)
			letter[k].due &= held[k];
}

static struct image image_of(unsigned i)
{
	struct test_disk_file *f;
	struct image m;

	leave(i);
	f = test_disk_find(&t.n[i].disk, "p/account.db");
	CHECK(f != NULL);
	m.len = f->now_len;
	m.data = malloc(m.len);
	CHECK(m.data != NULL);
	memcpy(m.data, f->now, m.len);
	come(i); /* from here on the image is an old one */
	return m;
}

static void put_image(unsigned i, const struct image *m)
{
	struct test_disk_file *f = test_disk_find(&t.n[i].disk, "p/account.db");

	CHECK(f != NULL && m->len <= f->now_cap && m->len <= f->synced_cap);
	memcpy(f->now, m->data, m->len);
	memcpy(f->synced, m->data, m->len);
	f->now_len = f->synced_len = m->len;
}

/* Counts of the letters in the history of node i. */
static void history(unsigned i, unsigned count[static LETTERS])
{
	struct kith_op op = kith_op(KITH_OP_HISTORY_AFTER);
	struct kith_rows r;

	memset(count, 0, LETTERS * sizeof(*count));
	kith_op_int(&op, (int64_t)friend_of(i)->conv);
	kith_op_int(&op, 0);
	kith_op_int(&op, 4u * LETTERS);
	CHECK_OK(kith_store_read_now(t.n[i].account, &op, &r));
	while (kith_rows_next(&r)) {
		struct kith_node_message m;

		kith__message_from_row(t.n[i].node, &r, friend_of(i)->conv, &m);
		CHECK(number_of(&m.mid) < letters);
		count[number_of(&m.mid)]++;
	}
}

/* What node i has shown is acknowledged, or will be as far as the other side can tell. */
static void not_shown(unsigned i)
{
	unsigned count[LETTERS];
	bool up = t.n[i].up;

	if (!up)
		town_boot(&t, i);
	history(i, count);
	if (!up)
		town_kill(&t, i, false);
	for (unsigned k = 0; k < letters; k++)
		if (letter[k].author != i)
			letter[k].due &= count[k] == 0;
}

/* Node i goes on with an older image of its database. */
static void restore(unsigned i, const struct image *m)
{
	unsigned other = i == ALICE ? BOB : ALICE;
	bool up = t.n[other].up;

	not_shown(i);
	leave(i);
	put_image(i, m);
	restores++;
	come(i);
	CHECK(!whole(&t, i));
	only_held(i);
	if (!up)
		town_boot(&t, other);
	only_held(other);
	if (!up)
		town_kill(&t, other, false);
}

static void heal(unsigned i)
{
	kith_time start = t.now;

	CHECK(town_until(&t, 1200 * SEC, whole, i));
	if ((t.now - start) / KITH_US_PER_MS > slowest_ms)
		slowest_ms = (unsigned)((t.now - start) / KITH_US_PER_MS);
}

static void judge(const char *name)
{
	unsigned count[3][LETTERS];
	unsigned lost = 0;
	unsigned doubled = 0;
	unsigned due = 0;

	come(ALICE);
	come(BOB);
	for (unsigned i = ALICE; i <= BOB; i++)
		heal(i);
	for (unsigned i = ALICE; i <= BOB; i++)
		CHECK(town_until(&t, 1200 * SEC, told_all, i));
	say(ALICE); /* and it works */
	say(BOB);
	for (unsigned i = ALICE; i <= BOB; i++)
		CHECK(town_until(&t, 600 * SEC, told_all, i));
	history(ALICE, count[ALICE]);
	history(BOB, count[BOB]);
	for (unsigned k = 0; k < letters; k++) {
		unsigned reader = letter[k].author == ALICE ? BOB : ALICE;

		due += letter[k].due;
		lost += letter[k].due && count[reader][k] == 0;
		doubled += count[ALICE][k] > 1 || count[BOB][k] > 1;
	}
	printf("# %s: %u restores (%u letters held), %u letters, %u due at the end: lost %u, "
	       "doubled %u; %u seals, repeated %u; healed in %u ms at most\n",
	       name, restores, held_at_restores, letters, due, lost, doubled, seals, repeated,
	       slowest_ms);
	CHECK_EQ(lost, 0);
	CHECK_EQ(doubled, 0);
	CHECK_EQ(repeated, 0);
}

static unsigned any(unsigned below)
{
	return (unsigned)(test_random(&state) % below);
}

static void some_time(void)
{
	unsigned i = ALICE + any(2);
	unsigned mode = any(4);

	come(i);
	if (mode == 0)
		leave(ALICE + BOB - i);
	else
		come(ALICE + BOB - i);
	for (unsigned k = any(6); k > 0; k--)
		say(i);
	if (mode > 1)
		say(ALICE + BOB - i);
	town_run(&t, any(40) * SEC);
}

/* ---- tests ---- */

TEST(heal_random_ages)
{
	struct image m[2][8];
	unsigned images[2] = {0};

	begin(3);
	for (unsigned round = 0; round < 24; round++) {
		unsigned i = any(2);

		some_time();
		if (images[i] < 8)
			m[i][images[i]++] = image_of(ALICE + i);
		some_time();
		if (round % 3 == 2 && images[i] > 0) {
			restore(ALICE + i, &m[i][any(images[i])]);
			say(ALICE + i);
			if (any(2) == 0) {
				come(BOB - i);
				heal(ALICE + i);
			}
		}
	}
	judge("random ages");
	for (unsigned i = 0; i < 2; i++)
		while (images[i] > 0)
			free(m[i][--images[i]].data);
	town_free(&t);
}

/* One and the same backup again and again, with and without talk in between. */
TEST(heal_same_backup_twice)
{
	struct image m;

	begin(3);
	some_time();
	m = image_of(ALICE);
	for (unsigned round = 0; round < 4; round++) {
		some_time();
		restore(ALICE, &m);
		if (round != 1) {
			come(BOB);
			heal(ALICE);
			some_time();
		} else {
			town_run(&t, 5 * SEC);
		}
	}
	judge("same backup");
	free(m.data);
	town_free(&t);
}

/* Both sides at once, and one after the other before the first has healed. */
TEST(heal_both_sides)
{
	struct image a;
	struct image b;

	begin(3);
	for (unsigned round = 0; round < 3; round++) {
		some_time();
		a = image_of(ALICE);
		some_time();
		b = image_of(BOB);
		some_time();
		leave(ALICE);
		leave(BOB);
		restore(ALICE, &a);
		if (round == 1)
			town_run(&t, 40 * SEC);
		if (round == 2)
			leave(ALICE);
		restore(BOB, &b);
		come(ALICE);
		come(BOB);
		heal(ALICE);
		heal(BOB);
		free(a.data);
		free(b.data);
	}
	judge("both sides");
	town_free(&t);
}

/* Nobody is ever online with the other: all goes by the mailbox. */
TEST(heal_never_together)
{
	struct image m;

	begin(3);
	leave(BOB);
	say(ALICE);
	m = image_of(ALICE);
	say(ALICE);
	town_run(&t, 30 * SEC);
	leave(ALICE);
	come(BOB);
	say(BOB);
	town_run(&t, 30 * SEC);
	leave(BOB);
	restore(ALICE, &m);
	say(ALICE);
	town_run(&t, 120 * SEC);
	leave(ALICE);
	come(BOB);
	town_run(&t, 120 * SEC);
	leave(BOB);
	come(ALICE);
	heal(ALICE);
	judge("never together");
	free(m.data);
	town_free(&t);
}

/* What the lost life of Alice left at the mailbox is read before its keys go. */
TEST(heal_reads_late_letters_first)
{
	unsigned count[LETTERS];
	struct image m;

	begin(3);
	say(BOB);
	town_run(&t, 20 * SEC);
	leave(BOB);
	m = image_of(ALICE);
	for (unsigned k = 0; k < 40; k++)
		say(ALICE);
	town_run(&t, 60 * SEC);
	restore(ALICE, &m);
	say(ALICE);
	town_run(&t, 60 * SEC);
	come(BOB);
	heal(ALICE);
	CHECK(town_until(&t, 60 * SEC, told_all, ALICE));
	history(BOB, count);
	for (unsigned k = 1; k < letters; k++)
		CHECK_EQ(count[k], 1);
	judge("late letters");
	free(m.data);
	town_free(&t);
}

/* ---- two copies ---- */

#define SECOND 3u /* Alice's other computer */

static void copy_bytes(uint8_t **to, size_t *to_len, size_t *to_cap, const uint8_t *from,
		       size_t len, size_t cap)
{
	*to = NULL;
	*to_len = len;
	*to_cap = cap;
	if (cap == 0)
		return;
	*to = calloc(1, cap);
	CHECK(*to != NULL);
	memcpy(*to, from, len);
}

/* The whole profile folder of node `from` (down) on the disk of node `to`. */
static void copy_profile(unsigned from, unsigned to)
{
	for (unsigned k = 0; k < TEST_DISK_FILES; k++) {
		const struct test_disk_file *f = &t.n[from].disk.file[k];
		struct test_disk_file *g = &t.n[to].disk.file[k];

		if (!f->used)
			continue;
		CHECK(!g->used && f->first == NULL);
		*g = *f;
		g->handles = 0;
		copy_bytes(&g->now, &g->now_len, &g->now_cap, f->now, f->now_len, f->now_cap);
		copy_bytes(&g->synced, &g->synced_len, &g->synced_cap, f->synced, f->synced_len,
			   f->synced_cap);
	}
}

static bool healing_now(struct town *w, unsigned i)
{
	return !whole(w, i);
}

static bool locked(struct town *w, unsigned i)
{
	return kith_node_locked(w->n[i].node);
}

static enum kith_step step_of(unsigned i, uint64_t message)
{
	struct kith_node_state s;

	CHECK_OK(kith_node_message_state(t.n[i].node, message, &s));
	return s.step;
}

static int try_say(unsigned i)
{
	struct kith_msgid id;

	memset(&id, 0, sizeof(id));
	id.b[4] = 0xff;
	return kith_node_say(t.n[i].node, friend_of(i)->conv, &id, "no", 2, NULL, town_call(&t, i),
			     t.now);
}

/* A backup goes on elsewhere while the first computer still runs: that one learns it from the own
 * record, stops and says so, also after a restart; taking over turns it round. */
TEST(heal_old_copy_stops)
{
	struct image m;
	uint64_t lost_one;
	uint32_t epoch;

	begin(4);
	say(ALICE);
	town_run(&t, 20 * SEC);
	m = image_of(ALICE);
	say(ALICE);
	say(BOB);
	town_run(&t, 20 * SEC);
	leave(ALICE);
	copy_profile(ALICE, SECOND);
	put_image(SECOND, &m);
	come(ALICE);
	town_run(&t, 60 * SEC);
	come(SECOND);
	CHECK(!whole(&t, SECOND));
	heal(SECOND);
	epoch = friend_of(BOB)->epoch;
	CHECK_EQ(friend_of(SECOND)->epoch, epoch);
	say(ALICE); /* with keys that nobody has any more */
	lost_one = t.n[ALICE].reply.id;
	say(SECOND);
	CHECK(town_until(&t, 60 * SEC, told_all, SECOND));
	CHECK(town_until(&t, 7200 * SEC, locked, ALICE));
	CHECK(!kith_node_locked(t.n[SECOND].node));
	CHECK_EQ(friend_of(BOB)->epoch, epoch);
	CHECK_EQ(step_of(ALICE, lost_one), KITH_STEP_KEPT); /* kept, never more */
	CHECK_EQ(try_say(ALICE), KITH_E_STATE);
	leave(ALICE);
	come(ALICE);
	CHECK(kith_node_locked(t.n[ALICE].node));
	CHECK_EQ(try_say(ALICE), KITH_E_STATE);
	town_run(&t, 60 * SEC);
	say(SECOND);
	CHECK(town_until(&t, 60 * SEC, told_all, SECOND));
	CHECK_OK(kith_node_take_over(t.n[ALICE].node, town_call(&t, ALICE), t.now));
	town_reply(&t, ALICE);
	heal(ALICE);
	CHECK(town_until(&t, 60 * SEC, told_all, ALICE));
	CHECK(friend_of(BOB)->epoch > epoch);
	CHECK_EQ(step_of(ALICE, lost_one), KITH_STEP_DELIVERED);
	CHECK(town_until(&t, 86400 * SEC, locked, SECOND));
	CHECK(!kith_node_locked(t.n[ALICE].node));
	printf("# two copies: %u seals, repeated %u\n", seals, repeated);
	CHECK_EQ(repeated, 0);
	free(m.data);
	town_free(&t);
}

/* The whole folder is rolled back, key file too: the disk shows nothing, the own record does. */
TEST(heal_rollback_shows_in_the_network)
{
	begin(4);
	say(ALICE);
	town_run(&t, 20 * SEC);
	leave(ALICE);
	copy_profile(ALICE, SECOND);
	come(ALICE);
	town_run(&t, 86400 * SEC / 2); /* a new record at least */
	say(ALICE);
	say(BOB);
	town_run(&t, 20 * SEC);
	town_run(&t, 86400 * SEC / 2);
	leave(ALICE);
	town_boot(&t, SECOND);
	CHECK(whole(&t, SECOND)); /* so far it knows nothing */
	town_meet(&t, SECOND, BOX);
	say(SECOND);
	CHECK(town_until(&t, 30 * SEC, healing_now, SECOND));
	heal(SECOND);
	CHECK(town_until(&t, 60 * SEC, told_all, SECOND));
	say(BOB);
	CHECK(town_until(&t, 60 * SEC, told_all, BOB));
	printf("# rollback: %u seals, repeated %u\n", seals, repeated);
	CHECK_EQ(repeated, 0);
	town_free(&t);
}
