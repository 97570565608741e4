/* SPDX-License-Identifier: ISC */
/* Shared inside node/control: the table as data, calls in flight, answers. client.md 2. */
#ifndef KITH_NODE_CONTROL_INTERNAL_H
#define KITH_NODE_CONTROL_INTERNAL_H

#include <jansson.h>

#include "base/alloc.h"
#include "base/crypto.h"
#include "base/text.h"
#include "node/control/control.h"

#define KITH__INT_MAX 9007199254740991 /* 2^53 - 1 */

/* Error codes of client.md 2. */
enum kith__rpc {
	KITH__RPC_PARSE = -32700,
	KITH__RPC_REQUEST = -32600,
	KITH__RPC_METHOD = -32601,
	KITH__RPC_PARAMS = -32602,
	KITH__RPC_INTERNAL = -32603,
	KITH__RPC_LOCKED = -32000,
	KITH__RPC_DENIED = -32001,
	KITH__RPC_NOT_FOUND = -32002,
	KITH__RPC_CONFLICT = -32003,
	KITH__RPC_TOO_LARGE = -32004,
	KITH__RPC_LIMIT = -32005,
	KITH__RPC_STORAGE = -32006,
	KITH__RPC_PRUNED = -32007,
	KITH__RPC_INVITATION = -32008,
	KITH__RPC_NOT_ACCEPTED = -32009,
	KITH__RPC_PASSPHRASE = -32010
};

/* Types of parameters. */
enum kith__type {
	KITH__TYPE_TEXT,
	KITH__TYPE_INT,
	KITH__TYPE_BOOL,
	KITH__TYPE_ID,
	KITH__TYPE_TEXTS,
	KITH__TYPE_DESCRIPTOR,
	KITH__TYPE_CONTACT,
	KITH__TYPE_CONVERSATION,
	KITH__TYPE_MESSAGE,
	KITH__TYPE_REQUEST,
	KITH__TYPE_INVITATION
};

/* Tables of handles; part of the handle's bytes, so the numbers never change (store.md 4). */
enum kith__table {
	KITH__TABLE_CONTACT = 1,
	KITH__TABLE_CONVERSATION = 2,
	KITH__TABLE_MESSAGE = 3,
	KITH__TABLE_REQUEST = 4,
	KITH__TABLE_INVITATION = 5
};

/* One parameter of the table. */
struct kith__control_param {
	const char *name;
	enum kith__type type;
	bool must;
	int64_t min, max;
};

/* One value given by the caller, checked. Texts belong to the parsed line and last until the
 * handler returns. */
struct kith__value {
	bool given, is_mid; /* is_mid: a MESSAGE named by its sender-made id */
	const char *text;
	size_t len;
	int64_t number; /* INT; BOOL as 0 or 1 */
	uint64_t row;   /* handles */
	struct kith_msgid mid;
	const json_t *texts;
	int descriptor;
};

#define KITH__PARAMS_MAX 5u
/* Place of every method in the table. */
enum kith__method_id {
#define METHOD(id, name, right, locked, result, summary) KITH__METHOD_##id,
#define PARAM(method, name, type, need, min, max)
#include "node/control/methods.def"
#undef METHOD
#undef PARAM
	KITH__METHODS
};
/* Place of every parameter in the list of all; FIRST of a method is where its own begin. */
enum kith__param_id {
#define METHOD(id, name, right, locked, result, summary) \
	KITH__FIRST_##id, KITH__BEFORE_##id = KITH__FIRST_##id - 1,
#define PARAM(method, name, type, need, min, max) KITH__P_##method##_##name,
#include "node/control/methods.def"
#undef METHOD
#undef PARAM
	KITH__PARAMS
};

struct kith__call;
struct kith__args {
	size_t first; /* place of value[0] in the list of all parameters */
	struct kith__value value[KITH__PARAMS_MAX];
};
/* The value of a parameter by method and name. */
#define KITH__ARG(args, method, name) (&(args)->value[KITH__P_##method##_##name - (args)->first])

struct kith__control_method {
	const char *name, *result, *summary;
	unsigned right; /* 0 = always */
	bool open;      /* also while locked */
	size_t first;
	void (*run)(struct kith_control *c, struct kith__call *call, const struct kith__args *a);
};
extern const struct kith__control_method kith__control_method[KITH__METHODS];
extern const struct kith__control_param kith__control_param[KITH__PARAMS];

/* Answers of one batch, in order. */
struct kith__batch {
	json_t *answer; /* array; null where nothing is said (yet) */
	size_t open;    /* calls not answered */
};

/* A cursor on the log. */
struct kith__subscription {
	uint64_t number; /* 0 = free */
	uint64_t seq;    /* sent so far */
	uint32_t types;  /* bits, see kith__event_bit */
	uint64_t conversation;
	bool busy;
};

#define KITH__SUBSCRIPTIONS_MAX 8u

/* A connection. */
struct kith__caller {
	uint32_t number; /* 0 = free */
	unsigned rights;
	uint8_t *in;
	size_t in_len, in_cap;
	size_t start, scanned; /* of the next line; bytes behind it without a newline */
	bool dead;             /* line too long */
	size_t calls;          /* in flight */
	size_t backlog;        /* at the door */
	size_t out;            /* bytes of answers not yet taken by the door */
	int descriptor;        /* -1 = none */
	struct kith__subscription sub[KITH__SUBSCRIPTIONS_MAX];
};

/* What goes on with a call when its node call is answered; `r` NULL: at once. */
typedef void kith__step_fn(struct kith_control *c, struct kith__call *call,
			   const struct kith_node_reply *r);

/* A call in flight; one number for all node calls it makes, one at a time. */
struct kith__call {
	uint32_t number; /* as given to the node; 0 = free */
	uint32_t caller; /* 0 = gone */
	const struct kith__control_method *method;
	json_t *id; /* NULL = notification */
	struct kith__batch *batch;
	size_t index;
	kith__step_fn *step; /* next reply of the node; NULL: none is awaited */
	/* what methods keep between replies */
	kith__step_fn *then;
	json_t *result, *list;
	size_t at, rows;
	struct kith_node_row *row;
	uint64_t a, b, conversation;
	uint32_t types;
	struct kith_msgid mid;
	json_t *text;
	bool waiting, flag; /* waiting: for news or the deadline */
	bool hosted;        /* the host works on it */
	kith_time told_at;  /* when progress was told last */
	kith_time deadline;
	struct kith__subscription *sub; /* of an own cursor */
	uint64_t sub_number;
};

#define KITH__CALLS_MAX \
	(KITH_CONTROL_CALLERS_MAX * (KITH_CONTROL_INFLIGHT_MAX + KITH_CONTROL_BATCH_MAX))

/* A line on its way out. */
struct kith__out {
	struct kith__out *next;
	uint32_t caller;
	size_t len;
	uint8_t data[];
};

/* All connections of a node. */
struct kith_control {
	const struct kith_alloc *alloc;
	struct kith_node *n;
	struct kith_control_host host;
	struct kith_control_profile profile;
	struct kith__caller caller[KITH_CONTROL_CALLERS_MAX];
	struct kith__call **call; /* by the low 12 bits of their numbers */
	size_t calls, calls_cap;
	uint32_t next_caller, next_call;
	uint64_t next_subscription;
	struct kith__out *out, *out_last, *given;
	kith_time now, status_at;
	bool news;      /* durable rows came: cursors move, waits look again */
	size_t turn_at; /* whose line is next */
};

/* control.c: the caller of a number, or NULL. */
struct kith__caller *kith__control_caller(struct kith_control *c, uint32_t number);
/* Queues one line for a caller; `line` is consumed. */
void kith__control_line(struct kith_control *c, uint32_t caller, json_t *line);
/* Makes a call; NULL: too many. Not counted for a caller when `counted` is false. */
struct kith__call *kith__control_call_new(struct kith_control *c, uint32_t caller);
/* Ends a call without an answer. */
void kith__control_call_free(struct kith_control *c, struct kith__call *call);

/* The call of a number, or NULL. */
struct kith__call *kith__control_call(struct kith_control *c, uint32_t number);
/* The identity of the open profile; false: there is none. */
bool kith__control_identity(const struct kith_control *c, struct kith_node_identity *out);

/* answer.c: ends the call with a result, which is consumed (NULL: no memory). */
void kith__control_answer(struct kith_control *c, struct kith__call *call, json_t *result);
/* One part of a batch has ended; the last one sends the answers. */
void kith__control_batch_less(struct kith_control *c, uint32_t caller, struct kith__batch *batch);
/* Ends the call with an error; `data` is consumed, may be NULL. */
void kith__control_error(struct kith_control *c, struct kith__call *call, enum kith__rpc code,
			 const char *sentence, json_t *data);
/* Ends the call with the error that fits a status of the node. */
void kith__control_error_status(struct kith_control *c, struct kith__call *call, int status);
/* An error of parameter `name`. */
void kith__control_error_param(struct kith_control *c, struct kith__call *call, const char *name,
			       const char *sentence);
/* The object {"jsonrpc","id","error"}; `id` is borrowed, NULL = null. */
json_t *kith__control_error_object(json_t *id, enum kith__rpc code, const char *sentence,
				   json_t *data);
/* After a node call: waits for its reply with `step`, or answers its error. */
void kith__control_wait(struct kith_control *c, struct kith__call *call, int status,
			kith__step_fn *step);
/* Steps that answer null, or an error. */
void kith__control_step_done(struct kith_control *c, struct kith__call *call,
			     const struct kith_node_reply *r);

/* codec.c: one line without its newline. */
void kith__control_codec_line(struct kith_control *c, struct kith__caller *who, const char *line,
			      size_t len);

/* params.c: the number of parameters of a method. */
size_t kith__control_param_count(const struct kith__control_method *m);
/* Checks `params` (NULL = none) against the method. False: the call was answered. */
bool kith__control_params(struct kith_control *c, struct kith__call *call, json_t *params,
			  struct kith__args *out);

/* object.c: values and objects of client.md 2.2; NULL when memory is short. */
json_t *kith__control_handle(const struct kith_control *c, enum kith__table table, uint64_t id);
/* 0 gives null. */
json_t *kith__control_time_or_null(uint64_t ms);
json_t *kith__control_text_or_null(const char *text);
json_t *kith__control_mid(const struct kith_msgid *mid);
json_t *kith__control_contact_object(const struct kith_control *c,
				     const struct kith_node_contact *k);
json_t *kith__control_request_object(const struct kith_control *c,
				     const struct kith_node_request *r);
json_t *kith__control_message_object(const struct kith_control *c,
				     const struct kith_node_message *m);
json_t *kith__control_state_object(const struct kith_node_state *s);
json_t *kith__control_conversation_object(const struct kith_control *c,
					  const struct kith_node_conversation *v);
json_t *kith__control_identity_object(const struct kith_control *c);
/* The conversation of a number. */
bool kith__control_conversation(const struct kith_control *c, uint64_t id,
				struct kith_node_conversation *out);
/* "queued".. to its step; false: no such word. */
bool kith__control_step_parse(const char *text, enum kith_step *out);

/* m_keys.c: asks the host; `then` goes on with the result. */
void kith__control_host(struct kith_control *c, struct kith__call *call,
			const struct kith_profile_ask *ask);

/* m_profile.c: goes on with profile.create once there is a node. */
void kith__control_create_identity(struct kith_control *c, struct kith__call *call);
/* Checks a link; false: the call was answered. */
bool kith__control_link_ok(struct kith_control *c, struct kith__call *call,
			   const struct kith__value *link, unsigned *hints, uint64_t *contact,
			   char shortname[static 9]);

/* m_contact.c: the 60 digits of two identity keys, in either order. */
void kith__control_verify_digits(char out[static 61], const uint8_t a[static 32],
				 const uint8_t b[static 32]);

/* qr.c: {"size","rows"} or NULL; level L or M. */
json_t *kith__control_qr(const char *text, char level);

/* reach.c: whether others can reach this node, and if not why. */
json_t *kith__control_reach_object(struct kith_control *c);

/* sentence.c: the object of node.status, `counters` included where asked for. */
json_t *kith__control_status_object(struct kith_control *c, bool counters);
json_t *kith__control_metrics_text(struct kith_control *c);

/* discover.c */
json_t *kith__control_discover(unsigned rights);

/* m_message.c: finds the row of a message parameter in call->a, then `then` with r == NULL. */
void kith__control_message_row(struct kith_control *c, struct kith__call *call,
			       const struct kith__value *v, kith__step_fn *then);
/* Waits that news may end. */
void kith__control_message_news(struct kith_control *c, struct kith__call *call);

/* m_events.c: a waiting events.since after news. */
void kith__control_events_news(struct kith_control *c, struct kith__call *call);
/* Moves every cursor that may move. */
void kith__control_events_turn(struct kith_control *c);
/* A durable row: to the subscriptions that are at the end of the log. */
void kith__control_events_row(struct kith_control *c, const struct kith_node_row *row);
/* A row that is not durable: to those who asked for it. */
void kith__control_events_live(struct kith_control *c, const struct kith_node_row *row);

/* m_*.c: one function a method. */
#define METHOD(id, name, right, locked, result, summary) \
	void kith__control_m_##id(struct kith_control *c, struct kith__call *call, \
				  const struct kith__args *a);
#define PARAM(method, name, type, need, min, max)
#include "node/control/methods.def"
#undef METHOD
#undef PARAM

#endif
