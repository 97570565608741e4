/* SPDX-License-Identifier: ISC */
/*
 * The label table of suite K1: every use of a hash, key derivation or signature has its own label
 * (crypto.md 1.1). On the wire of the hash a label is "K1." + text, zero-padded to 16 bytes.
 * A label is used by exactly one function of the source. tests/unit/base checks that no two are
 * equal and none is longer than 15 characters with its prefix.
 */
#ifndef KITH_BASE_LABELS_H
#define KITH_BASE_LABELS_H

#define KITH_LABELS(X) \
	/* nonces, identity */ \
	X(NONCE, "nonce") \
	X(NONCE_M, "nonce.m") \
	X(VERIFY, "verify") \
	X(ADDR_SUM, "addr.sum") \
	X(CAP, "cap") \
	X(CERT, "cert") \
	X(BUNDLE, "bundle") \
	X(MANIFEST, "manifest") \
	/* records */ \
	X(BL_OFF, "bl.off") \
	X(BL_H, "bl.h") \
	X(BL_PRE, "bl.pre") \
	X(BL_NONCE, "bl.nonce") \
	X(REC_SIG, "rec.sig") \
	X(REC_SEAL, "rec.seal") \
	X(REC_KEY, "rec.key") \
	/* contact request */ \
	X(CR_TR, "cr.tr") \
	X(CR_DH1, "cr.dh1") \
	X(CR_DH2, "cr.dh2") \
	X(CR_KEM, "cr.kem") \
	X(CR_IDA, "cr.ida") \
	X(CR_DH3, "cr.dh3") \
	X(CR_DH4, "cr.dh4") \
	X(CR_BOX1, "cr.box1") \
	X(CR_BOX2, "cr.box2") \
	X(CR_ROOT, "cr.root") \
	X(CR_POW, "cr.pow") \
	X(CR_SEEN, "cr.seen") \
	X(CR_NO, "cr.no") \
	X(KN_SLOT, "kn.slot") \
	X(KN_TAG, "kn.tag") \
	X(KN_WRAP, "kn.wrap") \
	X(BU_TAG, "bu.tag") \
	X(BU_WRAP, "bu.wrap") \
	X(BU_NONCE, "bu.nonce") \
	/* ratchet */ \
	X(RT_ROOT, "rt.root") \
	X(RT_HKA, "rt.hka") \
	X(RT_HKB, "rt.hkb") \
	X(RT_STEP, "rt.step") \
	X(RT_TR, "rt.tr") \
	X(RT_RK, "rt.rk") \
	X(RT_CK, "rt.ck") \
	X(RT_NHK, "rt.nhk") \
	X(RT_MSG, "rt.msg") \
	X(RT_NEXT, "rt.next") \
	X(RT_AD, "rt.ad") \
	X(RT_DUP, "rt.dup") \
	/* tags, mailbox */ \
	X(TAG_A, "tag.a") \
	X(TAG_B, "tag.b") \
	X(TAG_VER, "tag.ver") \
	X(TAG_INIT, "tag.init") \
	X(TAG_NEXT, "tag.next") \
	X(TAG_PRE, "tag.pre") \
	X(TAG_HASH, "tag.hash") \
	X(TAG_WRAP, "tag.wrap") \
	X(MB_SECRET, "mb.secret") \
	X(MB_BUCKET, "mb.bucket") \
	X(MB_BIND, "mb.bind") \
	X(MB_RCPT, "mb.rcpt") \
	X(MB_INV, "mb.inv") \
	X(MB_JOIN, "mb.join") \
	X(MB_HAVE, "mb.have") \
	X(MB_DEL, "mb.del") \
	X(ST_POW, "st.pow") \
	X(ST_HASH, "st.hash") \
	/* link, RPC */ \
	X(LK_ROOT, "lk.root") \
	X(LK_PSK, "lk.psk") \
	X(LK_NEXT, "lk.next") \
	X(LK_HINT, "lk.hint") \
	X(LK_OBF, "lk.obf") \
	X(LK_MSG2, "lk.msg2") \
	X(LK_SESS, "lk.sess") \
	X(LK_TOKEN, "lk.token") \
	X(SV_OBF, "sv.obf") \
	X(SV_PSK, "sv.psk") \
	X(CK_SEAL, "ck.seal") \
	X(CK_MAC, "ck.mac") \
	X(COOKIE, "cookie") \
	X(NODE_ID, "node.id") \
	X(NODE_DAY, "node.day") \
	X(RPC_GATE, "rpc.gate") \
	X(RPC_GKEY, "rpc.gkey") \
	X(RPC_MASK, "rpc.mask") \
	X(RPC_KEY, "rpc.key") \
	X(DHT_COOK, "dht.cook") \
	X(DHT_TOK, "dht.tok") \
	X(DHT_LAN, "dht.lan") \
	X(DHT_SAMP, "dht.samp") \
	/* at rest, logs */ \
	X(DB_PAGE, "db.page") \
	X(DB_WAL, "db.wal") \
	X(DB_MASK, "db.mask") \
	X(DB_WRAP, "db.wrap") \
	X(DB_COMMIT, "db.commit") \
	X(DB_BODY, "db.body") \
	X(DB_HANDLE, "db.handle") \
	X(BK_FILE, "bk.file") \
	X(LOG_ID, "log.id")

/* KITH_L_NONCE, KITH_L_CAP, .. in the order of the table. */
enum kith_label {
#define KITH_LABEL_ENUM(name, text) KITH_L_##name,
	KITH_LABELS(KITH_LABEL_ENUM)
#undef KITH_LABEL_ENUM
		KITH_LABEL_COUNT
};

#endif
