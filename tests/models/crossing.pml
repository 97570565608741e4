/* SPDX-License-Identifier: ISC */
/*
 * Two users request each other. Side 0 has the lower IK. A side may make a
 * request of kind 1 (or of kind 2, once, after a restore); requests and accepts
 * are blobs: lost, repeated, in any order. A request is (side, epoch), its root
 * is 1 + side + 2 * epoch. An accept names the root it answers and carries the
 * acceptor's newest session epoch.
 *
 * Same kind: the request of side 0 counts, side 1 answers it and drops its own,
 * side 0 goes on re-sending. Kind 2 beats kind 1.
 *
 * States: when all blobs are gone and nobody waits for an answer, both sides
 * have the same root.
 *
 * @faults BOTHACCEPT NOEPOCH DROPROOTS
 * @reach ONE KIND2 LOW
 */
#define E	2	/* requests a side may make */
#define LOSSES	2
#define ROOT(side, ep) (1 + (side) + 2 * (ep))
#define EPOCH(root)	(((root) - 1) / 2)
#define BIT(i)	(1 << (i))
#define HAS(m, i) (((m) >> (i)) & 1)

byte req[2];		/* towards side i: bit root */
byte acc[2];		/* towards side i: bit root answered */
byte accep[2];		/* newest session epoch + 1 of the acceptor, in its accepts */
byte kind[8];		/* kind of the request of that root */
byte made[2];		/* requests made; the next epoch */
byte mine[2];		/* kept roots of own requests, bit root */
byte wait[2];		/* newest own request not yet answered, 0 = none */
byte root[2];		/* session root, 0 = none */
byte saw[2];		/* peer's greatest session epoch + 1 */
byte losses;
#define QUIET	(req[0] == 0 && req[1] == 0 && acc[0] == 0 && acc[1] == 0)

inline take(set)
{
	r = 1;
	do
	:: r < 2 * E -> r++
	:: HAS(set, r) -> break
	:: r == 2 * E -> break
	od;
	if
	:: HAS(set, r) ->
		if
		:: set = set & ~BIT(r)
		:: dups == 0 -> dups = 1	/* the blob stays */
		fi
	:: else -> r = 0
	fi
}

inline accept(me)
{
	root[me] = r;
	saw[me] = EPOCH(r) + 1;
	wait[me] = 0;
	mine[me] = 0;
	acc[1 - me] = acc[1 - me] | BIT(r);
	accep[1 - me] = made[me]
}

/* does the own waiting request win over request r */
#define OWN_WINS(me) (wait[me] != 0 && (kind[wait[me]] > kind[r] || \
		(kind[wait[me]] == kind[r] && (me) == 0)))

proctype side(byte me)
{
	byte r, dups;
end:	do
	/* a request: no session yet; or state was lost, then kind 2 */
	:: atomic { made[me] < E && (root[me] == 0 || made[me] == E - 1) ->
		r = ROOT(me, made[me]);
		if
		:: root[me] == 0 -> kind[r] = 1
		:: made[me] == E - 1 -> kind[r] = 2; mine[me] = 0; root[me] = 0
		fi;
		made[me]++;
		mine[me] = mine[me] | BIT(r);
		wait[me] = r;
		req[1 - me] = req[1 - me] | BIT(r);
		r = 0
	   }
	/* kept up until answered; the same bytes */
	:: atomic { wait[me] != 0 && QUIET -> req[1 - me] = req[1 - me] | BIT(wait[me]) }
	:: atomic { req[me] != 0 ->
		take(req[me]);
		if
		:: r == 0
		/* a known copy of the request in force: the accept is sent again */
		:: r != 0 && r == root[me] ->
			acc[1 - me] = acc[1 - me] | BIT(r); accep[1 - me] = made[me]
#ifdef FAULT_BOTHACCEPT
		:: r != 0 && r != root[me] && EPOCH(r) + 1 > saw[me] -> accept(me)
#else
		:: r != 0 && r != root[me] && EPOCH(r) + 1 > saw[me] && !OWN_WINS(me) ->
			accept(me)
		:: r != 0 && r != root[me] && EPOCH(r) + 1 > saw[me] && OWN_WINS(me)
#endif
		:: r != 0 && r != root[me] && EPOCH(r) + 1 <= saw[me]
		fi;
		r = 0; dups = 0
	   }
	:: atomic { acc[me] != 0 ->
		take(acc[me]);
		if
		/* the header key tells which kept root is meant; newest one wins */
		:: r != 0 && HAS(mine[me], r) && (root[me] == 0 || r > root[me]) ->
			root[me] = r;
#ifndef FAULT_NOEPOCH
			/* the accept carries the peer's epoch: older requests are void */
			if
			:: accep[me] > saw[me] -> saw[me] = accep[me]
			:: else
			fi;
#endif
#ifdef FAULT_DROPROOTS
			mine[me] = BIT(r); wait[me] = 0
#else
			if
			:: r == wait[me] -> wait[me] = 0
			:: else
			fi
#endif
		:: else
		fi;
		r = 0; dups = 0
	   }
	od
}

proctype lose()
{
end:	do
	:: atomic { losses < LOSSES && !QUIET ->
		losses++;
		if
		:: req[0] != 0 -> req[0] = 0
		:: req[1] != 0 -> req[1] = 0
		:: acc[0] != 0 -> acc[0] = 0
		:: acc[1] != 0 -> acc[1] = 0
		fi }
	od
}

#define SETTLED	(QUIET && wait[0] == 0 && wait[1] == 0 && (root[0] != 0 || root[1] != 0))

proctype judge()
{
end:	do
	:: atomic { SETTLED -> assert(root[0] == root[1]) }
#ifdef REACH_ONE
	:: atomic { SETTLED && made[0] == E && made[1] == E && losses == LOSSES &&
	    root[0] == root[1] -> assert(false) }
#endif
#ifdef REACH_KIND2
	:: atomic { SETTLED && root[0] == root[1] && kind[root[0]] == 2 && root[0] % 2 == 0 ->
		assert(false) }
#endif
#ifdef REACH_LOW
	:: atomic { SETTLED && made[1] > 0 && root[0] == root[1] && root[0] % 2 == 1 ->
		assert(false) }
#endif
	od
}

init { atomic { run side(0); run side(1); run lose(); run judge() } }
