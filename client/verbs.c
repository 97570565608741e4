/* SPDX-License-Identifier: ISC */
/* The short verbs: what people type. */
#include "client/internal.h"

#define BIT(o) KITH__OPT_BIT(o)
#define MANY   KITH__WORDS_MAX

const struct kith__verb kith__verb[] = {
	{"up", "[LINK | -] [--name X] [--with-my-address]",
	 "Starts the node, makes a profile, shows an invitation; adds LINK.", kith__cmd_up,
	 BIT(NAME) | BIT(SELF), 0, 1},
	{"down", "", "Ends the node in good order.", kith__cmd_down, 0, 0, 0},
	{"status", "", "Says how the network is.", kith__cmd_status, 0, 0, 0},
	{"invite", "[--label X] [--qr] [--with-my-address]",
	 "Makes a link for somebody to add you.", kith__cmd_invite,
	 BIT(LABEL) | BIT(QR) | BIT(SELF), 0, 0},
	{"add", "LINK | - [--name X] [--greeting X]",
	 "Sends a contact request to the owner of LINK.", kith__cmd_add, BIT(NAME) | BIT(GREETING),
	 1, 1},
	{"requests", "", "Lists requests of others.", kith__cmd_requests, 0, 0, 0},
	{"accept", "N [--name X]", "Accepts request N of the list, or by its name.",
	 kith__cmd_accept, BIT(NAME), 1, 1},
	{"refuse", "N", "Refuses request N; the other side is not told.", kith__cmd_refuse, 0, 1,
	 1},
	{"contacts", "", "Lists the contacts.", kith__cmd_contacts, 0, 0, 0},
	{"verify", "NAME", "Shows the digits that you and NAME compare.", kith__cmd_verify, 0, 1,
	 1},
	{"send", "NAME TEXT... | NAME - [--wait queued|kept|delivered|read] [--timeout 60s]",
	 "Sends a text, or standard input.", kith__cmd_send, BIT(WAIT) | BIT(TIMEOUT), 2, MANY},
	{"history", "NAME [-n 50] [--read]", "Shows the last messages.", kith__cmd_history,
	 BIT(COUNT) | BIT(READ), 1, 1},
	{"search", "WORD... [--in NAME] [-n 50]", "Finds messages that have all words.",
	 kith__cmd_search, BIT(IN) | BIT(COUNT), 1, MANY},
	{"tail", "[--since SEQ] [--read] [NAME]", "Shows what happens, as it happens.",
	 kith__cmd_tail, BIT(SINCE) | BIT(READ), 0, 1},
	{"mailboxes", "", "Lists the mailboxes that keep messages for you.", kith__cmd_mailboxes, 0,
	 0, 0},
	{"mailbox pin", "HINT", "Makes an always-on peer your mailbox.", kith__cmd_mailbox_pin, 0,
	 1, 1},
	{"rpc", "", "Copies standard input and output to the node's socket.", kith__cmd_rpc, 0, 0,
	 0},
	{NULL, NULL, NULL, NULL, 0, 0, 0},
};
