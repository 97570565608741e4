/* SPDX-License-Identifier: ISC */
/*
 * How sealed entries leave (architecture.md 5, mailbox.md 5).
 *
 * what                                   when
 * on the live session, once              durable, session up; again on each new session
 * to mailboxes                           no session; or 2 s on a session without an ack
 * a full net buffer                      again after 20 ms
 * nothing else is due                    a look per minute: find the contact, continue copies
 *
 * A transport ack changes nothing here. Entries [0, sent) left on the live session, [0, put) go to
 * mailboxes; both ways go on side by side until the end-to-end ack.
 */
#include <string.h>

#include "node/msgs.h"

#define ACK_WAIT        (2u * KITH_US_PER_S)
#define RETRY_FULL      (20u * KITH_US_PER_MS)
#define LOOK            (60u * KITH_US_PER_S)
#define SWEEP           (3600ull * KITH_US_PER_S)
#define PUTTING_AT_ONCE 16u /* entries of one contact: 80 PUTs on their way */
#define ACK_DOUBT \
	(30ull * KITH_US_PER_S) /* a live ack younger than this may be lost with its session */

void kith__delivery_at(struct kith_node *n, struct kith_contact *c, kith_time when)
{
	if (when < c->deliver_at)
		c->deliver_at = when;
	if (when < n->delivery_due)
		n->delivery_due = when;
}

static void run_gated(struct kith_node *n, uint64_t a, uint64_t b)
{
	struct kith_contact *c = kith__contact(n, a);

	(void)b;
	if (c == NULL)
		return;
	c->run_batch = 0;
	kith__delivery_run(n, c);
}

void kith__delivery_gate(struct kith_node *n, struct kith_contact *c)
{
	uint64_t batch = kith__open_batch(n);

	if (c->run_batch == batch)
		return;
	c->run_batch = batch;
	kith__gate(n, run_gated, c->id, 0);
}

/* Sends one entry as message kind 1: kind | 1 full, 2 light is told by the length | bytes. */
static int send_entry(struct kith_node *n, struct kith_contact *c, struct kith_out *o)
{
	int status = kith__frame_send(n, c, o->frame, o->frame_len, o->light, (uint32_t)o->id);

	if (status == KITH_OK) {
		o->session = c->session;
		o->sent = n->now;
	}
	return status;
}

int kith__frame_send(struct kith_node *n, struct kith_contact *c, const uint8_t *frame, size_t len,
		     bool light, uint32_t token)
{
	uint8_t message[1 + KITH_INNER];

	KITH_ASSERT(len <= KITH_INNER);
	message[0] = light ? 2 : 1;
	memcpy(message + 1, frame, len);
	return kith_net_send_message(n->net, c->session, KITH_NET_CLASS_MESSAGE, message, len + 1,
				     token, n->now);
}

static void run_session(struct kith_node *n, struct kith_contact *c)
{
	while (c->sent < c->outs) {
		struct kith_out *o = c->out[c->sent];
		int status;

		if (o->frame == NULL)
			break;
		if (!kith__durable(n, o->batch)) {
			kith__delivery_gate(n, c);
			break;
		}
		status = send_entry(n, c, o);
		if (status == KITH_E_FULL)
			kith__delivery_at(n, c, n->now + RETRY_FULL);
		if (status != KITH_OK)
			break;
		c->sent++;
	}
	while (c->put < c->sent && c->out[c->put]->sent + ACK_WAIT <= n->now) {
		c->out[c->put]->putting = true;
		c->out[c->put++]->put_due = n->now;
	}
	if (c->put < c->sent)
		kith__delivery_at(n, c, c->out[c->put]->sent + ACK_WAIT);
}

static void run_alone(struct kith_node *n, struct kith_contact *c)
{
	while (c->put < c->outs && c->out[c->put]->frame != NULL) {
		c->out[c->put]->putting = true;
		c->out[c->put++]->put_due = n->now;
	}
	if (c->state == KITH_CONTACT_ACCEPTED)
		kith__presence_want(n, c);
}

static bool putting_now(const struct kith_out *o)
{
	unsigned i;

	for (i = 0; i < o->copies; i++)
		if (o->copy[i].state == KITH_COPY_WORKING || o->copy[i].state == KITH_COPY_PUTTING)
			return true;
	return false;
}

static void run_copies(struct kith_node *n, struct kith_contact *c)
{
	unsigned busy = 0;
	kith_time next = KITH_NEVER;
	size_t i;

	for (i = 0; i < c->put && busy < PUTTING_AT_ONCE; i++) {
		struct kith_out *o = c->out[i];

		if (o->put_due <= n->now)
			o->put_due = kith__copies_run(n, c, o);
		if (o->put_due > n->now && o->put_due < next)
			next = o->put_due;
		busy += putting_now(o) ? 1 : 0;
	}
	if (next != KITH_NEVER)
		kith__delivery_at(n, c, next);
}

void kith__delivery_run(struct kith_node *n, struct kith_contact *c)
{
	if (c->outs == 0)
		return;
	if (c->deliver_at <= n->now)
		c->deliver_at = KITH_NEVER;
	kith__delivery_at(n, c, n->now + LOOK);
	if (c->session != 0)
		run_session(n, c);
	else
		run_alone(n, c);
	if (c->boxes > 0)
		run_copies(n, c);
}

void kith__delivery_tick(struct kith_node *n)
{
	kith_time due = KITH_NEVER;
	size_t i;

	kith__todelete_tick(n);
	if (n->now < n->delivery_due)
		return;
	if (n->now >= n->next_tag_sweep) {
		n->next_tag_sweep = n->now + SWEEP;
		kith__tagbook_sweep(n);
	}
	n->delivery_due = KITH_NEVER;
	for (i = 0; i < n->contacts; i++) {
		struct kith_contact *c = n->contact[i];

		if (c->outs == 0)
			continue;
		if (c->deliver_at <= n->now)
			kith__delivery_run(n, c);
		if (c->deliver_at < due)
			due = c->deliver_at;
	}
	if (n->next_tag_sweep < due)
		due = n->next_tag_sweep;
	if (due < n->delivery_due)
		n->delivery_due = due;
}

kith_time kith__delivery_deadline(const struct kith_node *n)
{
	kith_time t = kith__todelete_deadline(n);

	return t < n->delivery_due ? t : n->delivery_due;
}

void kith__delivery_session(struct kith_node *n, struct kith_contact *c, uint32_t session)
{
	c->session = session;
	c->sent = 0;
	if (session == 0) {
		if (c->flow.ack_live || c->ack_waiting ||
		    (c->ack_sent != 0 && n->now - c->ack_sent < ACK_DOUBT))
			kith__ack_owe(n, c, false);
		c->flow.ack_live = false;
		c->ack_sent = 0;
	} else if (c->flow.ack_owed) {
		kith__ack_owe(n, c, true);
	}
	if (c->outs > 0)
		kith__outbox_seal(n, c);
}

void kith__delivery_returned(struct kith_node *n, uint32_t token)
{
	size_t i;

	for (i = 0; token != 0 && i < n->contacts; i++) {
		struct kith_contact *c = n->contact[i];
		size_t at = kith__outbox_find(c, token);

		if (at >= c->outs || at >= c->sent)
			continue;
		c->sent = at;
		kith__delivery_at(n, c, n->now);
	}
}
