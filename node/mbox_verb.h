/* SPDX-License-Identifier: ISC */
/* Numbers of the mailbox protocol on the wire. mailbox.md 4. */
#ifndef KITH_NODE_MBOX_VERB_H
#define KITH_NODE_MBOX_VERB_H

/* Bit 7 marks a reply; PUSH and ERROR answer nothing. 0x09 is reserved. */
enum kith_mbox_verb {
	KITH_MBOX_INFO = 1,
	KITH_MBOX_PUT,
	KITH_MBOX_LIST,
	KITH_MBOX_GET,
	KITH_MBOX_DELETE,
	KITH_MBOX_WATCH,
	KITH_MBOX_HAVE,
	KITH_MBOX_JOIN,
	KITH_MBOX_KEEP = 0x0a,
	KITH_MBOX_PUSH = 0xc6,
	KITH_MBOX_ERROR = 0x7f
};
/* First byte of every reply. */
enum kith_mbox_status {
	KITH_MBOX_OK,
	KITH_MBOX_HELD,
	KITH_MBOX_TAKEN,
	KITH_MBOX_FULL,
	KITH_MBOX_STAMP,
	KITH_MBOX_CLASS = 6,
	KITH_MBOX_NOTFOUND,
	KITH_MBOX_SLOW,
	KITH_MBOX_MALFORMED,
	KITH_MBOX_UNKNOWN
};

#endif
