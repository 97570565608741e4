/* SPDX-License-Identifier: ISC */
/*
 * Tag index of one direction and list version, scaled down: table of TABLE
 * tags, stream of STREAM indices after absence, CAP un-acked. Message i takes
 * tag i at every mailbox; all its copies may be lost, or it may reach the
 * recipient over a live session. Every body announces the sender's lowest
 * un-acked index of the moment it was sealed. Sender cuts lose an index.
 *
 * States: an index is never used twice; each un-acked blob still stored lies
 * within the stream of the recipient. The sender keeps to
 * i < b + STREAM, b = greatest index announced in an acked body (see docs/models.md).
 *
 * @faults NOANNOUNCE NOCAP NOBOUND LATECOMMIT
 * @reach FAR GAP
 */
#define TABLE	2
#define CAP	2
#define STREAM	3
#define N	6	/* indices of the run */
#define BIT(i)	(1 << (i))
#define HAS(m, i) (((m) >> (i)) & 1)

byte next;		/* sender's next index, on disk */
short blob;		/* bit i: a copy under tag i is stored */
short sealed;		/* bit i: tag i left */
short unacked;		/* bit i: sender has no ack for message i */
short had;		/* bit i: recipient has the message of index i */
short eaten;		/* bit i: recipient consumed tag i */
byte said[N];		/* index announced in body i */
byte low;		/* sender's lowest un-acked index (next if none) */
byte b;			/* greatest index announced in an acked body */
byte base;		/* recipient's base */

inline find_low()
{
	low = 0;
	do
	:: low < next && !HAS(unacked, low) -> low++
	:: else -> break
	od
}

inline move_base(k)
{
#ifndef FAULT_NOANNOUNCE
	if
	:: said[k] > base && said[k] <= base + STREAM -> base = said[k]
	:: else
	fi;
#endif
	do
	:: base < N && HAS(eaten, base) -> base++
	:: else -> break
	od
}

inline check()
{
	j = 0;
	do
	:: j < next ->
		assert(!(HAS(blob, j) && HAS(unacked, j) && !HAS(had, j)) ||
		    (base <= j && j < base + STREAM));
		j++
	:: else -> break
	od;
	j = 0
}

#ifdef FAULT_NOCAP
#define MAY_SEAL true
#else
#ifdef FAULT_NOBOUND
#define MAY_SEAL (next < low + CAP)
#else
#define MAY_SEAL (next < low + CAP && next < b + STREAM)
#endif
#endif

active proctype pair()
{
	byte i, j;
end:	do
	/* seal: i + 1 is committed first; then copies are stored, lost, or cut off */
	:: atomic { next < N && MAY_SEAL ->
		i = next;
#ifndef FAULT_LATECOMMIT
		next++;
#endif
		said[i] = low;
		unacked = unacked | BIT(i);
		if
		:: assert(!HAS(sealed, i)); sealed = sealed | BIT(i); blob = blob | BIT(i)
		:: assert(!HAS(sealed, i)); sealed = sealed | BIT(i)
		:: true			/* power cut before anything left */
		fi;
#ifdef FAULT_LATECOMMIT
		if
		:: next++
		:: true			/* power cut before the commit */
		fi;
#endif
		find_low(); i = 0; check()
	   }
	/* the mailboxes lose all copies of a message */
	:: atomic { blob != 0 ->
		i = 0;
		do
		:: i < N - 1 -> i++
		:: HAS(blob, i) -> break
		:: i == N - 1 -> break
		od;
		blob = blob & ~BIT(i); i = 0
	   }
	/* the recipient looks: table while online, stream after absence or daily */
	:: atomic { blob != 0 ->
		i = base;
		do
		:: i < base + TABLE - 1 && i < N - 1 -> i++
		:: i < base + STREAM - 1 && i < N - 1 -> i++
		:: HAS(blob, i) && !HAS(eaten, i) -> break
		:: i >= N - 1 || i >= base + STREAM - 1 -> break
		od;
		if
		:: i < N && HAS(blob, i) && !HAS(eaten, i) ->
			eaten = eaten | BIT(i); had = had | BIT(i);
			blob = blob & ~BIT(i);
			move_base(i)
		:: else
		fi;
		i = 0; check()
	   }
	/* the same message over a live session: no tag is consumed */
	:: atomic { unacked != 0 ->
		i = low;
		do
		:: i < next - 1 -> i++
		:: break
		od;
		if
		:: HAS(unacked, i) && !HAS(had, i) ->
			had = had | BIT(i);
			move_base(i)
		:: else
		fi;
		i = 0; check()
	   }
	/* an end-to-end ack arrives, for any message the recipient has */
	:: atomic { (unacked & had) != 0 ->
		i = low;
		do
		:: i < next - 1 -> i++
		:: break
		od;
		if
		:: HAS(unacked, i) && HAS(had, i) ->
			unacked = unacked & ~BIT(i);
			if
			:: said[i] > b -> b = said[i]
			:: else
			fi
		:: else
		fi;
		find_low(); i = 0; check()
	   }
#ifdef REACH_FAR
	:: atomic { next == N && unacked == 0 && base >= N - 1 -> assert(false) }
#endif
#ifdef REACH_GAP
	:: atomic { base > 3 && !HAS(eaten, 0) && HAS(eaten, 4) -> assert(false) }
#endif
	od
}
