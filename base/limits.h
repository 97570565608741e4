/* SPDX-License-Identifier: ISC */
/*
 * Every cap of the program, each with its reason. A table without a line here is a bug.
 */
#ifndef KITH_BASE_LIMITS_H
#define KITH_BASE_LIMITS_H

/* ---- base ---- */
#define KITH_ARENA_SLABS_MAX 1024u /* 64 KiB each: secrets of 4,096 contacts take about 40 MiB */

/* ---- datagrams (transport.md 4) ---- */
#define KITH_DGRAM_MIN  32u   /* shorter ones cannot hold a sealed byte */
#define KITH_DGRAM_MAX  1452u /* Ethernet 1,500 less IPv6 and UDP headers */
#define KITH_DGRAM_SAFE 1200u /* passes every path seen; start of path MTU discovery */

/* ---- net ---- */
#define KITH_NET_SESSIONS_MAX     4608u /* 4,096 mailbox links of an always-on peer + own ones */
#define KITH_NET_PENDING_MAX      64u   /* own handshakes at once (transport.md 3) */
#define KITH_NET_PENDING_PER_ADDR 4u    /* trials of msg2 per source address */
#define KITH_NET_HALFOPEN_MAX     1024u /* 400 B each, 10 s life */
#define KITH_NET_LINK_PEERS_MAX   8192u /* 4,096 contacts, two devices each */
#define KITH_NET_LINKS_PER_KEY \
	16u /* contacts that claim one link key: its hint is tried for each */
#define KITH_NET_MSG_MAX         65536u /* largest message */
#define KITH_NET_MSG_PARTIAL_MAX 256u   /* incomplete messages per session */
#define KITH_NET_SESSIONS_OWN    512u   /* of them kept free of strangers: contacts and own links */
#define KITH_NET_PARTIAL_STRANGERS_MAX \
	33554432u                           /* unfinished messages of all who use us as a server */
#define KITH_NET_MSG_BUFFER_MAX    1048576u /* their bytes, and unacked bytes out, per session */
#define KITH_NET_MSG_WINDOW        4096u    /* duplicates beyond it cannot be told from new ones */
#define KITH_NET_STREAMS_MAX       64u      /* open streams per session */
#define KITH_NET_STREAM_WINDOW     65536u   /* first receive window of a stream */
#define KITH_NET_STREAM_WINDOW_MAX 4194304u /* bandwidth-delay product of 300 Mbit/s x 100 ms */
#define KITH_NET_EVENTS_MAX        4096u    /* a full queue stops ACKs for new data */
#define KITH_NET_REPLAY_BITS       2048u    /* reordering depth in packets */

/* ---- driver (architecture.md 3, transport.md 10) ---- */
#define KITH_UV_BATCH_MAX     64u    /* destinations pulled and not yet sent */
#define KITH_UV_BATCH_BYTES   65536u /* their bytes: what one segmented send may hold */
#define KITH_UV_SEGMENTS_MAX  16u    /* datagrams of one segmented send */
#define KITH_UV_SEND_TURN     512u   /* datagrams sent in one turn: below 5 ms */
#define KITH_UV_RECEIVE_BYTES 65536u /* largest run of datagrams the kernel joins */
#define KITH_UV_JOBS_MAX      64u    /* waiting per lane; a store has one in flight */
#define KITH_UV_ADDRS_MAX     32u    /* own interface addresses told to the engine */
#define KITH_UV_REFUSED_MAX   16u    /* refused destinations told per turn; more repeat later */

/* ---- kithd ---- */
#define KITH_DOOR_BUFFER_MAX  4194304u /* unread answers of one client: then it is closed */
#define KITH_CONFIG_LINE_MAX  512u     /* bytes of a line of kithd.conf */
#define KITH_CONFIG_HINTS_MAX 16u      /* starting points; more help nobody */

/* ---- dht (dht.md 3, 6, 8, 10) ---- */
#define KITH_DHT_TABLE_MAX       400u      /* never more routing entries */
#define KITH_DHT_BOOK_MAX        8192u     /* peers interned by one node */
#define KITH_DHT_LOOKUPS_MAX     32u       /* at once, 8 of them maintenance */
#define KITH_DHT_CANDIDATES_MAX  128u      /* per lookup */
#define KITH_DHT_REQUESTS_MAX    64u       /* in flight per node */
#define KITH_DHT_LOOKUP_REQUESTS 64u       /* per lookup; a publication 128, then 96 STOREs */
#define KITH_DHT_RECORD_BYTES    16777216u /* others' records: 15,500 of them */
#define KITH_DHT_PUBLISH_MAX     4096u     /* own and deposited records in republication */
#define KITH_DHT_LIMITER_MAX     4096u     /* token buckets */
#define KITH_DHT_SEEDS_MAX       256u      /* saved contacts */
#define KITH_DHT_EVENTS_MAX      1024u     /* undrained events; then maintenance waits */

/* ---- store (store.md 3, 11) ---- */
#define KITH_BATCH_OPS_MAX   4096u    /* operations of one batch: then inputs wait */
#define KITH_BATCH_BYTES_MAX 8388608u /* their bytes, likewise */
#define KITH_BATCH_READS_MAX 64u      /* reads of one batch, likewise */
/* What is under way must still fit: a whole outbox sealed anew, with every copy and its DELETE. */
#define KITH_BATCH_OPS_HARD   2097152u   /* KITH_OUTBOX_MAX x 32 */
#define KITH_BATCH_BYTES_HARD 536870912u /* KITH_OUTBOX_MAX x 8 KiB */
#define KITH_BATCH_READS_HARD 128u       /* and reads that no caller can repeat */
#define KITH_SQLITE_HEAP_MAX \
	100663296 /* 96 MiB of both databases: 16 MiB cache each and margin \
		   */

/* ---- node (store.md 11, mailbox.md, crypto.md 5) ---- */
#define KITH_SEARCH_MAX        256u  /* bytes of a query (client.md 2.2) */
#define KITH_SEARCH_TERMS_MAX  8u    /* words of it: each costs a walk of the index */
#define KITH_SEARCH_TAIL_MAX   10000 /* messages that a search looks through itself: < 10 ms */
#define KITH_HANDLES           32u   /* remembered API handles: each saves four hashes */
#define KITH_CONTACTS_MAX      4096u
#define KITH_CAPS_MAX          16u      /* live invitations */
#define KITH_REQUESTS_MAX      256u     /* pending, incoming */
#define KITH_OUTBOX_MAX        65536u   /* un-acked frames */
#define KITH_REQUEST_BITS_MAX  24u      /* work a knock record may ask: 3.4 s on one core */
#define KITH_UNACKED_MAX       900u     /* per sending chain: below the skip limit */
#define KITH_EPOCH_AHEAD_S     172800u  /* a session epoch may be 2 days ahead of our clock */
#define KITH_SKIP_CHAIN_MAX    1000u    /* skipped keys per chain */
#define KITH_SKIP_CONTACT_MAX  2000u    /* skipped keys stored per contact */
#define KITH_MAILBOXES_MAX     8u       /* listed by one user */
#define KITH_LIST_VERSIONS_MAX 12u      /* live mailbox list versions of one direction */
#define KITH_SEEN_MAX          1000000u /* duplicate marks, 30 days */
#define KITH_TEXT_MAX          16384u   /* UTF-8 bytes of one message */
#define KITH_NAME_MAX          64u      /* UTF-8 bytes of a name */
#define KITH_GREETING_MAX      512u     /* UTF-8 bytes */
#define KITH_GATE_MAX          8192u    /* outputs waiting for commits; then inputs wait */

/* ---- mailbox service (mailbox.md 9) ---- */
#define KITH_MBOX_LINKS_MAX 4096u
#define KITH_MBOX_FRAME_MAX 69632u /* one frame: class B blob and margin */
#define KITH_PRESENCES_MAX \
	8u /* current P, older live ones, those only listed: with the caps one WATCH */
#define KITH_MBOX_WATCH_MAX    24u      /* buckets per link */
#define KITH_MBOX_LIST_MAX     4096u    /* tags of one LIST reply */
#define KITH_MBOX_ITEMS_MAX    4194304u /* items and tombstones: nine times the default disk */
#define KITH_MBOX_DAYS_MAX     4096u    /* days with items: 31 usual, more after clock walks */
#define KITH_MBOX_RECORDS_MAX  4096u    /* deposited records: all that the DHT republishes */
#define KITH_MBOX_GROUPS_MAX   16384u   /* source prefixes with budgets and shares in memory */
#define KITH_MBOX_OPEN_MAX     16u      /* requests open on one link */
#define KITH_MBOX_QUEUE_MAX    65536u   /* write queue of a link; a slower reader is dropped */
#define KITH_MBOX_PUSHES_MAX   1024u    /* items gathered for one round of pushes */
#define KITH_MBOX_CLIENTS_MAX  512u     /* links of the own client: 16 at a time, and delivery */
#define KITH_WORK_JOBS_MAX     1024u    /* bulk jobs queued: stamps, knocks of pages */
#define KITH_KNOCK_TABLES_MAX  96u      /* 6 MiB: 16 caps at 5 mailboxes, and some midnights */
#define KITH_KNOCK_WAITS_MAX   65536u   /* tags that wait for such tables: 2 MiB */
#define KITH_MBOX_ORDERS_MAX   4096u    /* waiting PUT, GET, DELETE: 16 MiB of blobs */
#define KITH_MBOX_ORDER_LINKS  40u   /* one-shot links at once: eight to each of five mailboxes */
#define KITH_FETCH_WANTS_MAX   8192u /* blobs known to wait; then listing pauses: 2 MiB */
#define KITH_FETCH_CURSORS_MAX 1024u /* 16 mailboxes, 19 secrets each, and former ones */

/* ---- control (client.md 2) ---- */
#define KITH_CONTROL_LINE_MAX     1048576u /* one JSON line with its newline */
#define KITH_CONTROL_DEPTH_MAX    16u
#define KITH_CONTROL_CALLERS_MAX  32u /* connections of the Unix socket */
#define KITH_CONTROL_INFLIGHT_MAX 64u /* calls per connection */
#define KITH_CONTROL_BATCH_MAX    64u
#define KITH_PASSPHRASE_MAX       1024u /* bytes: one cell of locked memory */

#endif
