/* SPDX-License-Identifier: ISC */
/*
 * Two parties, ratchet with lazy sending steps (crypto.md section 5). Keys are
 * small integers: step v of the pair makes root v, header key of the next
 * chain of that sender v + 1, and its DH and KEM pair v. Party 1 accepts and
 * takes step 1 at once; party 0 has no sending chain before its step 2.
 *
 * A seal is prepared, committed and released, or lost by a cut after the
 * commit; an open is committed, or undone by a cut (the copy stays). The
 * network is a bag of W frames per direction: loss, repetition, any order.
 *
 * States: a frame that arrives is a repetition, or opens under a header key
 * the receiver holds, or steps it with matching roots and keys. A light frame
 * never arrives under a chain whose step the receiver has not made.
 *
 * @faults DROPCHAIN LIGHT ANYACK NOTDUE
 * @reach STEP4 LIGHT SKIP ANEW
 */
#define W	2	/* frames under way per direction */
#define STEPS	4	/* steps of the pair */
#ifndef N
#define N	2	/* frames per chain */
#endif
#ifndef SEQS
#define SEQS	1	/* numbered bodies per direction, <= 2 */
#endif
#define BARE	0	/* seq of a bare ack */
#define KEYS	(STEPS + 2)
#define BIT(i)	(1 << (i))
#define HAS(m, i) (((m) >> (i)) & 1)
#define NOKEY	15

typedef frame {
	bool used;
	bool whole;
	byte hk;	/* header key */
	byte v;		/* sender's step: its dh, ek and ct */
	byte peer;	/* receiver's key pair that dh and ct are made for */
	byte root;	/* root before the step */
	byte pn;
	byte n;
	byte seq;
	byte ack	/* bit s: seq s is kept by the sender of this frame */
};

typedef wire { frame f[W] };
wire to[2];		/* to[p]: frames under way towards p */

typedef party {
	byte root;
	byte own;	/* own key pair: step that made it (0: of the request) */
	byte peer;	/* newest key pair of the peer */
	byte hks, nhks, hkr, nhkr;
	bool due;
	bool chain;	/* has a sending chain */
	bool acked;	/* a full frame of this sending chain is known to be kept */
	byte ct_peer, ct_root;	/* what the ct of this chain, made once, is for */
	byte ns, pn;	/* next number, length of the previous chain */
	byte nr;	/* next number expected in the chain of hkr */
	byte got;	/* seqs kept */
	byte out;	/* own seqs not yet acked, bit s; drawn up to top */
	byte top;
	byte first[SEQS + 1]	/* step of the chain in which seq was first sealed */
};

typedef skips { byte k[KEYS] };

inline step_send(me)
{
	p.pn = (p.chain -> p.ns : 0);
	p.ns = 0;
	p.hks = p.nhks;
	p.ct_peer = p.peer;
	p.ct_root = p.root;
	p.root++;
	p.own = p.root;
	p.nhks = p.root + 1;
	p.due = false;
	p.chain = true;
	p.acked = false
}

/* seal body s under the next key; commit; release, or a cut before release */
inline seal(me, s, fu)
{
	if
	:: s != BARE && p.first[s] == 0 -> p.first[s] = p.own
	:: s != BARE && p.first[s] != 0 -> anew = true
	:: else
	fi;
	if
	:: !to[1 - me].f[0].used -> w = 0
	:: to[1 - me].f[0].used && !to[1 - me].f[1].used -> w = 1
	:: w = W		/* lost: cut before release, no room, or on the way */
	fi;
	if
	:: w < W ->
		to[1 - me].f[w].used = true;
		to[1 - me].f[w].whole = fu;
		to[1 - me].f[w].hk = p.hks;
		to[1 - me].f[w].v = p.own;
		to[1 - me].f[w].peer = (fu -> p.ct_peer : 0);
		to[1 - me].f[w].root = (fu -> p.ct_root : 0);
		to[1 - me].f[w].pn = p.pn;
		to[1 - me].f[w].n = p.ns;
		to[1 - me].f[w].seq = s;
		to[1 - me].f[w].ack = p.got
	:: else
	fi;
	p.ns++;
	w = 0
}

/* slots of a bag are alike: the free one is the last */
inline wipe(me, i)
{
	if
	:: i == 0 && to[me].f[1].used ->
		to[me].f[0].whole = to[me].f[1].whole; to[me].f[0].hk = to[me].f[1].hk;
		to[me].f[0].v = to[me].f[1].v; to[me].f[0].peer = to[me].f[1].peer;
		to[me].f[0].root = to[me].f[1].root; to[me].f[0].pn = to[me].f[1].pn;
		to[me].f[0].n = to[me].f[1].n; to[me].f[0].seq = to[me].f[1].seq;
		to[me].f[0].ack = to[me].f[1].ack;
		i = 1
	:: else
	fi;
	to[me].f[i].used = false; to[me].f[i].whole = false;
	to[me].f[i].hk = 0; to[me].f[i].v = 0; to[me].f[i].peer = 0; to[me].f[i].root = 0;
	to[me].f[i].pn = 0; to[me].f[i].n = 0; to[me].f[i].seq = 0; to[me].f[i].ack = 0
}

/* the body opened: one commit of plaintext, ack entry and state */
inline body(me, i)
{
	done.k[to[me].f[i].hk] = done.k[to[me].f[i].hk] | BIT(to[me].f[i].n);
	if
	:: to[me].f[i].seq != BARE -> p.got = p.got | BIT(to[me].f[i].seq)
	:: else
	fi;
	s = 1;
	do
	:: s <= SEQS && HAS(to[me].f[i].ack, s) && HAS(p.out, s) ->
		p.out = p.out & ~BIT(s);
#ifdef FAULT_ANYACK
		/* an ack of a seq that also left under an older chain is taken for this chain */
		p.acked = true;
#else
		if
		:: p.first[s] == p.own -> p.acked = true
		:: else
		fi;
#endif
		s++
	:: s <= SEQS && !(HAS(to[me].f[i].ack, s) && HAS(p.out, s)) -> s++
	:: s > SEQS -> break
	od;
	s = 0
}

inline skip_to(me, upto)
{
	do
	:: p.nr < upto ->
		kept.k[p.hkr] = kept.k[p.hkr] | BIT(p.nr);
		p.nr++
	:: else -> break
	od
}

inline open(me, i)
{
	if
	/* a stored key of this or an older chain */
	:: HAS(kept.k[to[me].f[i].hk], to[me].f[i].n) ->
		kept.k[to[me].f[i].hk] =
		    kept.k[to[me].f[i].hk] & ~BIT(to[me].f[i].n);
		body(me, i)
	/* a repetition: known by its bytes */
	:: HAS(done.k[to[me].f[i].hk], to[me].f[i].n)
	/* the present chain */
	:: !HAS(done.k[to[me].f[i].hk], to[me].f[i].n) &&
	    to[me].f[i].hk == p.hkr && to[me].f[i].n >= p.nr ->
		skip_to(me, to[me].f[i].n);
		p.nr++;
		body(me, i)
	/* the next chain: receiving step at once */
	:: !HAS(done.k[to[me].f[i].hk], to[me].f[i].n) &&
	    to[me].f[i].hk == p.nhkr && to[me].f[i].hk != p.hkr ->
		assert(to[me].f[i].whole);
		assert(to[me].f[i].peer == p.own);
		assert(to[me].f[i].root == p.root);
		assert(to[me].f[i].v == p.root + 1);
		if
		:: p.hkr != NOKEY ->
#ifdef FAULT_DROPCHAIN
			kept.k[p.hkr] = 0
#else
			skip_to(me, to[me].f[i].pn)
#endif
		:: else
		fi;
		p.hkr = p.nhkr;
		p.nr = 0;
		p.root++;
		p.nhkr = p.root + 1;
		p.peer = to[me].f[i].v;
		p.due = true;
		/* the peer's step is made for our present key pair: it has our step */
		p.acked = p.chain;
		skip_to(me, to[me].f[i].n);
		p.nr++;
		body(me, i)
	:: else -> assert(false)	/* no header key opens it, and no step leads to it */
	fi
}

#ifdef FAULT_NOTDUE
#define MAY_STEP(me) (p.root < STEPS && (p.due || p.chain))
#else
#define MAY_STEP(me) (p.root < STEPS && p.due)
#endif

#ifdef FAULT_LIGHT
#define MAY_LIGHT(me) p.chain
#else
#define MAY_LIGHT(me) (p.chain && p.acked)
#endif

proctype side(byte me)
{
	byte i, s, w;
	party p;
	skips kept;	/* stored message keys, bit n, per header key */
	skips done;	/* ghost: frames opened, bit n, per header key */
	bool anew;	/* ghost: a body was sealed twice */

	atomic {
		/* from the root: hka = 0 for party 1, hkb = 1 for party 0 */
		p.hks = NOKEY; p.nhks = 1 - me; p.hkr = NOKEY; p.nhkr = me;
		if
		:: me == 1 -> step_send(me)
		:: else
		fi
	};
end:	do
	/* choose a body: a bare ack, a new one, or one un-acked that is sealed anew */
	:: atomic { p.chain && p.ns < N ->
		if
		:: s = BARE
		:: p.top < SEQS -> p.top++; s = p.top; p.out = p.out | BIT(s)
		:: HAS(p.out, 1) -> s = 1
		:: HAS(p.out, 2) -> s = 2
		fi;
		if
		:: seal(me, s, true)
		:: MAY_LIGHT(me) -> seal(me, s, false)
		:: MAY_STEP(me) -> step_send(me); seal(me, s, true)
		fi;
		s = 0
	   }
	/* no sending chain yet, or the chain is used up: the step is not optional */
	:: atomic { (!p.chain || p.ns == N) && MAY_STEP(me) ->
		if
		:: s = BARE
		:: p.top < SEQS -> p.top++; s = p.top; p.out = p.out | BIT(s)
		:: HAS(p.out, 1) -> s = 1
		:: HAS(p.out, 2) -> s = 2
		fi;
		step_send(me);
		seal(me, s, true);
		s = 0
	   }
	/* any frame under way arrives and is taken, and may stay to arrive again */
	:: atomic { to[me].f[0].used || to[me].f[1].used ->
		if
		:: to[me].f[0].used -> i = 0
		:: to[me].f[1].used -> i = 1
		fi;
#ifdef REACH_SKIP
		assert(to[me].f[i].hk == p.hkr || !HAS(kept.k[to[me].f[i].hk], to[me].f[i].n));
#endif
#ifdef REACH_LIGHT
		assert(to[me].f[i].whole || to[me].f[i].hk < 2);
#endif
		open(me, i);
#ifdef REACH_STEP4
		assert(p.root < STEPS || me == 0);
#endif
#ifdef REACH_ANEW
		assert(!anew || p.out != 0 || p.top < SEQS || p.root < 3);
#endif
		if
		:: wipe(me, i)
		:: true
		fi;
		i = 0
	   }
	od
}

init { atomic { run side(0); run side(1) } }
