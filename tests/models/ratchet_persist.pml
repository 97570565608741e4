/* SPDX-License-Identifier: ISC */
/*
 * One sending chain against power cuts. Writes collect in an open batch, at
 * most one batch is being committed, outputs wait in the gate of their batch.
 * A cut may come at every step of both sides; a cut during a commit leaves
 * the batch on disk or not. The network loses, repeats and reorders.
 *
 * States: no message key seals two plaintexts that left; nothing leaves under
 * a state that is not on disk; a plaintext, its duplicate mark and the new
 * receive state reach the disk together and before ack or deletion; nothing
 * acknowledged is lost, nothing is shown twice.
 *
 * @faults EARLY GATE ACK SPLIT
 * @reach ALL CRASHED
 */
#define N	3	/* message keys of the chain, and plaintexts */
#define CUTS_S	2	/* power cuts at the sender */
#define CUTS_R	2	/* power cuts at the receiver */
#define ALL	7	/* bits 0..N-1 */
#define NONE	0
#define BIT(i)	(1 << (i))
#define HAS(m, i) (((m) >> (i)) & 1)

/* ghosts: what an observer of the wire saw, what the users were told */
byte left[N];		/* plaintext that left under key i */
byte shown[N];		/* times plaintext of key i is in the durable history */
byte pt = 1;		/* next fresh plaintext; never drawn twice */
byte net;		/* bit i: a copy sealed under key i is under way or stored */
byte netpt[N];		/* plaintext in that copy */
byte acks;		/* bit i: an ack for key i is under way */

/* sender: disk */
byte d_n;		/* next key of the chain on disk */
byte d_out[N];		/* outbox row: stored ciphertext (plaintext id) of key i */
/* sender: memory */
byte m_n;
byte m_out[N];
byte s_open, s_fly;	/* keys prepared in the open batch, in the batch being committed */
bool s_busy;
byte s_cuts;

/* receiver: disk */
byte d_state;		/* keys whose loss from the receive state is on disk */
byte d_hist;		/* keys whose plaintext is on disk */
/* receiver: memory */
byte m_state;
byte r_open, r_fly;
bool r_busy;
byte r_cuts;

inline leave(i)
{
	assert(left[i] == NONE || left[i] == m_out[i]);
	assert(i < d_n && d_out[i] == m_out[i]);
	left[i] = m_out[i];
	netpt[i] = m_out[i];
	net = net | BIT(i);
}

inline acknowledge(i)
{
	assert(HAS(d_hist, i) && HAS(d_state, i));
	acks = acks | BIT(i);
}

inline store_sender()
{
	j = 0;
	do
	:: j < N && HAS(s_fly, j) -> d_out[j] = m_out[j]; d_n = j + 1; j++
	:: j < N && !HAS(s_fly, j) -> j++
	:: j == N -> break
	od
}

inline store_receiver()
{
	j = 0;
	do
	:: j < N ->
		if
		:: HAS(r_fly, j) -> shown[j]++; assert(shown[j] <= 1)
		:: else
		fi;
		j++
	:: j == N -> break
	od;
	d_hist = d_hist | r_fly;
	d_state = d_state | r_fly
}

active proctype sender()
{
	byte i, j;
end:	do
	/* prepare on a copy of the state in memory, append to the open batch */
	:: atomic { m_n < N && pt <= 2 * N ->
		m_out[m_n] = pt; pt++;
		s_open = s_open | BIT(m_n); m_n++;
#ifdef FAULT_EARLY
		leave(m_n - 1)
#endif
	   }
	/* the next batch starts when none is in flight */
	:: atomic { !s_busy && s_open != 0 ->
		s_fly = s_open; s_open = 0; s_busy = true }
	/* commit done: release the gate of this batch */
	:: atomic { s_busy ->
		store_sender();
		s_busy = false;
		i = 0;
		do
#ifdef FAULT_GATE
		:: i < N && HAS(s_fly | s_open, i) -> leave(i); i++
		:: i < N && !HAS(s_fly | s_open, i) -> i++
#else
		:: i < N && HAS(s_fly, i) -> leave(i); i++
		:: i < N && !HAS(s_fly, i) -> i++
#endif
		:: i == N -> break
		od;
		s_fly = 0; i = 0; j = 0
	   }
	/* a re-put sends the stored bytes */
	:: atomic { d_out[0] != NONE && !s_busy && !HAS(net, 0) -> leave(0) }
	:: atomic { d_out[1] != NONE && !s_busy && !HAS(net, 1) -> leave(1) }
	/* the row goes only when the receiver said it is kept */
	:: atomic { acks != 0 ->
		i = 0;
		do
		:: i < N && HAS(acks, i) -> assert(HAS(d_hist, i)); i++
		:: i < N && !HAS(acks, i) -> i++
		:: i == N -> break
		od;
		acks = 0; i = 0
	   }
	/* power cut: memory is gone; the batch in flight is on disk or not */
	:: atomic { s_cuts < CUTS_S ->
		s_cuts++;
		if
		:: s_busy -> store_sender()
		:: true
		fi;
		s_busy = false; s_open = 0; s_fly = 0;
		m_n = d_n;
		i = 0;
		do
		:: i < N -> m_out[i] = d_out[i]; i++
		:: i == N -> break
		od;
		i = 0; j = 0
	   }
	:: m_n == N && pt > N && !s_busy && s_open == 0 -> break
	od
}

active proctype receiver()
{
	byte i, j;
end:	do
	/* any copy, in any order, once or again */
	:: atomic { net != 0 ->
		i = 0;
		do
		:: i < N - 1 -> i++
		:: HAS(net, i) -> break
		:: i == N - 1 -> break
		od;
		if
		:: HAS(net, i) && !HAS(m_state, i) ->
			m_state = m_state | BIT(i);
			r_open = r_open | BIT(i);
#ifdef FAULT_ACK
			acknowledge(i)
#endif
		/* a known copy repeats the ack, behind its commit */
		:: HAS(net, i) && HAS(m_state, i) && HAS(d_state, i) -> acknowledge(i)
		:: else
		fi;
		i = 0
	   }
	:: atomic { !r_busy && r_open != 0 -> r_fly = r_open; r_open = 0; r_busy = true }
#ifdef FAULT_SPLIT
	/* new receive state first, plaintext in a second transaction */
	:: atomic { r_busy -> d_state = d_state | r_fly }
#endif
	:: atomic { r_busy ->
		store_receiver();
		r_busy = false;
		i = 0;
		do
		:: i < N && HAS(r_fly, i) -> acknowledge(i); i++
		:: i < N && !HAS(r_fly, i) -> i++
		:: i == N -> break
		od;
		r_fly = 0; i = 0; j = 0
	   }
	:: atomic { r_cuts < CUTS_R ->
		r_cuts++;
		if
		:: r_busy -> store_receiver()
		:: true
		fi;
		r_busy = false; r_open = 0; r_fly = 0; m_state = d_state; i = 0; j = 0;
		assert(d_state == d_hist)
	   }
	od
}

/* loss of any copy and of any ack, and deletion of a stored copy */
active proctype loss()
{
end:	do
	:: net != 0 -> atomic {
		if
		:: net = net & 6
		:: net = net & 5
		:: net = net & 3
		fi }
	:: acks != 0 -> acks = 0
	od
}

active proctype watch()
{
#ifdef REACH_ALL
	atomic { d_hist == ALL && acks == ALL -> assert(false) }
#endif
#ifdef REACH_CRASHED
	atomic { d_hist == ALL && s_cuts == CUTS_S && r_cuts == CUTS_R && pt > N + 2 ->
		assert(false) }
#endif
	true
}
