/* SPDX-License-Identifier: ISC */
/*
 * Two contacts open a link to each other at once. Side 0 has the lower LK: its
 * handshake wins. Side 1 answers msg1 of side 0 and drops its own; side 0
 * ignores the crossing msg1 for 1 s (any moment here), then answers it too.
 * Datagrams are a set: lost, repeated, in any order. A resend is the same e.
 * A session is (initiator, that side's e): id = 1 + initiator + 2 * e. The
 * responder uses it from the first data packet on.
 *
 * States: when nothing is under way and nobody waits, both sides have the same
 * current session.
 *
 * @faults NOTIEBREAK HALFOPEN STARTS OLDHALF
 * @reach AGREED RESCUE RESTART
 */
#define E	3	/* e numbers per side */
#define LOSSES	2
#define RESTARTS 1
#define SID(side, e) (1 + (side) + 2 * (e))
#define BIT(i)	(1 << (i))
#define HAS(m, i) (((m) >> (i)) & 1)

/* datagrams under way, bit = session id; all sets, so a repetition is a resend */
byte msg1[2], msg2[2], data[2], pong[2];	/* towards side i */
byte pend[2];		/* own pending session id, 0 = none */
byte half[2];		/* set of sessions answered, no data packet yet */
byte cur[2], prev[2];	/* current session, former one that still opens */
bool live[2];		/* the current one has carried a packet from the peer */
byte e[2];		/* next e; greater e = greater timestamp */
byte seen[2];		/* e of the peer last accepted, + 1 */
byte losses, restarts;
bool rescue;		/* ghost */

#define MINE(me, sid)	(((sid) - 1) % 2 == (me))
#define ENUM(sid)	(((sid) - 1) / 2)
#define QUIET	(msg1[0] == 0 && msg1[1] == 0 && msg2[0] == 0 && msg2[1] == 0 && \
		data[0] == 0 && data[1] == 0 && pong[0] == 0 && pong[1] == 0)

#ifdef FAULT_STARTS
#define MAY_START(me) true
#else
/* the higher side starts none while it holds an answered one of the lower */
#define MAY_START(me) ((me) == 0 || half[me] == 0)
#endif

inline take(set, sid)
{
	sid = 1;
	do
	:: sid < 2 * E -> sid++
	:: HAS(set, sid) -> break
	:: sid == 2 * E -> break
	od;
	if
	:: HAS(set, sid) ->
		if
		:: set = set & ~BIT(sid)
		:: dups < 1 -> dups++
		fi
	:: else -> sid = 0
	fi
}

inline become(me, sid, isup)
{
	prev[me] = cur[me];
	cur[me] = sid;
	live[me] = isup
}

proctype side(byte me)
{
	byte sid, dups;
end:	do
	/* start: no session, or a dead one; timers of live packets are not modelled */
	:: atomic { pend[me] == 0 && e[me] < E && cur[me] == 0 && MAY_START(me) ->
		pend[me] = SID(me, e[me]); e[me]++;
		msg1[1 - me] = msg1[1 - me] | BIT(pend[me])
	   }
	/* resends, when all copies are gone: timers are slower than the wire */
	:: atomic { pend[me] != 0 && !HAS(msg1[1 - me], pend[me]) && QUIET ->
		msg1[1 - me] = msg1[1 - me] | BIT(pend[me])
	   }
	:: atomic { cur[me] != 0 && !live[me] && QUIET && pend[me] == 0 ->
		if
		:: cur[1 - me] == cur[me] || prev[1 - me] == cur[me] ||
		    HAS(half[1 - me], cur[me]) ->
			data[1 - me] = data[1 - me] | BIT(cur[me])
		/* the peer has no such session: no answer, the session is given up */
		:: else -> cur[me] = 0
		fi
	   }
	:: atomic { msg1[me] != 0 ->
		take(msg1[me], sid);
		if
		:: sid != 0 && ENUM(sid) + 1 < seen[me]		/* old timestamp */
#ifndef FAULT_NOTIEBREAK
		/* the lower side ignores the crossing msg1 for 1 s */
		:: sid != 0 && ENUM(sid) + 1 >= seen[me] && me == 0 && pend[me] != 0
#endif
		:: sid != 0 && ENUM(sid) + 1 >= seen[me] ->
			if
			:: me == 0 && pend[me] != 0 -> rescue = true
			:: else
			fi;
			/* a copy of a known e repeats the answer, never the DH */
			if
			:: ENUM(sid) + 1 > seen[me] ->
				seen[me] = ENUM(sid) + 1;
#ifdef FAULT_OLDHALF
				half[me] = half[me] | BIT(sid);
#else
				/* one per contact device: the newer replaces */
				half[me] = BIT(sid);
#endif
#ifndef FAULT_NOTIEBREAK
				if
				:: me == 1 -> pend[me] = 0
				:: else
				fi
#endif
			:: else
			fi;
			if
			:: HAS(half[me], sid) || cur[me] == sid || prev[me] == sid ->
				msg2[1 - me] = msg2[1 - me] | BIT(sid)
			:: else
			fi
		:: sid == 0
		fi;
		sid = 0; dups = 0
	   }
	:: atomic { msg2[me] != 0 ->
		take(msg2[me], sid);
		if
		:: sid != 0 && sid == pend[me] ->
			pend[me] = 0;
#ifndef FAULT_HALFOPEN
			/* the lower side's own handshake ends those it only answered */
			if
			:: me == 0 -> half[me] = 0
			:: else
			fi;
#endif
			become(me, sid, false);
			data[1 - me] = data[1 - me] | BIT(sid)
		:: else
		fi;
		sid = 0; dups = 0
	   }
	:: atomic { data[me] != 0 ->
		take(data[me], sid);
		if
		:: sid != 0 && HAS(half[me], sid) ->
			half[me] = half[me] & ~BIT(sid);
			become(me, sid, true);
			pend[me] = 0;
			pong[1 - me] = pong[1 - me] | BIT(sid)
		:: sid != 0 && !HAS(half[me], sid) && (sid == cur[me] || sid == prev[me]) ->
			pong[1 - me] = pong[1 - me] | BIT(sid)
		:: else
		fi;
		sid = 0; dups = 0
	   }
	:: atomic { pong[me] != 0 ->
		take(pong[me], sid);
		if
		:: sid != 0 && sid == cur[me] -> live[me] = true
		:: else
		fi;
		sid = 0; dups = 0
	   }
	/* old epoch erased some time after a packet in the new one */
	:: atomic { prev[me] != 0 && live[me] -> prev[me] = 0 }
	/* half-open entries live 10 s: longer than packets and resends of them */
	:: atomic { half[me] != 0 && QUIET && pend[1 - me] == 0 &&
	    !HAS(half[me], cur[1 - me]) -> half[me] = 0 }
	/* restart: new incarnation, timestamps are persisted */
	:: atomic { restarts < RESTARTS && e[me] < E ->
		restarts++;
		pend[me] = 0; half[me] = 0; cur[me] = 0; prev[me] = 0; live[me] = false
	   }
	od
}

proctype lose()
{
end:	do
	:: atomic { losses < LOSSES && !QUIET ->
		losses++;
		if
		:: msg1[0] != 0 -> msg1[0] = 0
		:: msg1[1] != 0 -> msg1[1] = 0
		:: msg2[0] != 0 -> msg2[0] = 0
		:: msg2[1] != 0 -> msg2[1] = 0
		:: data[0] != 0 -> data[0] = 0
		:: data[1] != 0 -> data[1] = 0
		fi }
	od
}

#define SETTLED	(QUIET && pend[0] == 0 && pend[1] == 0 && live[0] && live[1])

proctype judge()
{
end:	do
	:: atomic { SETTLED && prev[0] == 0 && prev[1] == 0 -> assert(cur[0] == cur[1]) }
	/* the end of everything: losses and restarts used up, nothing can move */
	:: atomic { timeout -> assert(cur[0] == cur[1] && cur[0] != 0); break }
#ifdef REACH_AGREED
	:: atomic { SETTLED && cur[0] == cur[1] && MINE(1, cur[0]) -> assert(false) }
#endif
#ifdef REACH_RESCUE
	:: atomic { SETTLED && rescue && cur[0] == cur[1] && MINE(0, cur[0]) -> assert(false) }
#endif
#ifdef REACH_RESTART
	:: atomic { SETTLED && restarts > 0 && losses == LOSSES && cur[0] == cur[1] &&
	    ENUM(cur[0]) > 0 -> assert(false) }
#endif
	od
}

init { atomic { run side(0); run side(1); run lose(); run judge() } }
