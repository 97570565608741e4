/* SPDX-License-Identifier: ISC */
/*
 * A responder and a source address nobody has proved, which may be forged.
 * Datagrams are first copies, resends and copies brought from another path;
 * each has its own random length. The responder answers with a cookie (load,
 * or a timestamp that is not greater) or with msg2, freshly wrapped.
 * Lengths in units: msg1 LO..HI, msg2 from M2 and cookie from CK up to its bound.
 *
 * States: towards each address, bytes out <= bytes in at every moment; an
 * answer leaves only in reply to a datagram.
 *
 * @faults LONGER FIRSTLEN TIMER
 * @reach BOTH
 */
#define LO	4
#define HI	6
#define M2	3
#define CK	1
#define DGRAMS	5	/* datagrams of the run */
#define ANSWERS	4	/* answers per path */

byte came[2], went[2];	/* bytes per address */
byte answers[2];
byte total;
bool known;		/* noise2 of this e is kept */
byte firstlen;
bool load;
bool cookies, msgs;	/* ghosts */

inline draw(low, high)
{
	size = low;
	do
	:: size < high -> size++
	:: break
	od
}

inline answer(to, from, upto)
{
	draw(from, upto);
	went[to] = went[to] + size;
	assert(went[to] <= came[to])
}

active proctype responder()
{
	byte a, in, size;
end:	do
	:: atomic { total < DGRAMS ->
		total++;
		if
		:: a = 0
		:: a = 1
		fi;
		draw(LO, HI);
		in = size;
		came[a] = came[a] + in;
		if
		/* does not open, or silence by the rules */
		:: true
		/* no valid mac2 under load, or an old timestamp: cookie before any DH */
		:: load ->
#ifdef FAULT_LONGER
			answer(a, CK, HI);
#else
			answer(a, CK, in);
#endif
			cookies = true
		/* a new e is computed once; a copy of it gets the same noise2, new wrapping */
		:: !load && answers[a] < ANSWERS ->
			if
			:: !known -> known = true; firstlen = in
			:: else
			fi;
			answers[a]++;
#ifdef FAULT_FIRSTLEN
			answer(a, M2, firstlen);	/* bound taken from the first copy */
#else
			answer(a, M2, in);
#endif
			msgs = true
		fi;
		in = 0; size = 0; a = 0
	   }
#ifdef FAULT_TIMER
	:: atomic { known && answers[0] < ANSWERS -> answers[0]++; answer(0, M2, firstlen) }
#endif
	:: atomic { known -> known = false; firstlen = 0 }	/* 10 s over */
	:: load = !load
#ifdef REACH_BOTH
	:: atomic { cookies && msgs && went[0] == came[0] && went[1] == came[1] && came[1] > 0 ->
		assert(false) }
#endif
	od
}
