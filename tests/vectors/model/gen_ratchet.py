# SPDX-License-Identifier: ISC
"""ratchet.txt: 200 messages of one session with lazy steps, loss, reorder, replay; crossing.

op 0 session, 1 send, 2 receive, 3 crossing. The schedule is drawn from a fixed stream; a C test
follows the records and needs no policy of its own beyond the choice of kind and step.
"""
import hashlib

import k1
from actors import T, Actor, request
from gen_request import FULL as FULL_ARGS
from out import Out, fix
from prim import blake2b, le, x25519_base
from ratchet import DROPPED, FULL, LIGHT, Side, root_keys, session_ad

MESSAGES, FRAMES_IN_FULL = 200, 10


class Draw:
    """Numbers from a fixed byte stream."""

    def __init__(self, name):
        self.buf, self.pos = fix(name, 1 << 16), 0

    def below(self, n):
        self.pos += 4
        return le(self.buf[self.pos - 4:self.pos]) % n


class Run:
    def __init__(self, o):
        self.o, self.draw, self.now, self.event = o, Draw('rt.schedule'), T * 1000, 0
        self.flight = []            # (deliver at event, id, receiver, frame)
        self.queue = [[], []]       # per sender: (type, content) to send first
        self.open = [{}, {}]        # per sender: seq -> (event, type, content) not yet acked
        self.index = [{}, {}]       # per sender: list version -> next tag index
        self.used = [{}, {}]        # per sender: (list version, index) -> seq
        self.version = [1, 1]
        self.lights, self.counts = 0, {}

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def start(self):
        a, b = Actor('a'), Actor('b')
        inputs, _, t = request(a, b, 1, T, 'kind1', **FULL_ARGS)
        ad = session_ad(a.IK, b.IK, a.cert['id'], b.cert['id'], T)
        self.side = [Side(0, t['root'], ad), Side(1, t['root'], ad)]
        sa, sb = self.side
        sa.dh = inputs['rdh_secret']
        sa.ek, sa.dk = k1.kem.keygen(inputs['rek_seed'])
        sb.peer_dh, sb.peer_ek = x25519_base(sa.dh), sa.ek
        keys = {k.replace('.', '_'): v for k, v in root_keys(t['root']).items()}
        self.o.rec('session: A is the author of the request, B accepts').put(
            op=0, root=t['root'], **keys, ik_a=a.IK, ik_b=b.IK, device_a=a.cert['id'],
            device_b=b.cert['id'], session_epoch=T, ad=ad, a_dh_secret=sa.dh,
            a_kem_seed=inputs['rek_seed'], a_dh=sb.peer_dh, a_ek=sa.ek)
        self.queue[1].append((0x100, b.accept(T, 5)))
        self.queue[0].append((0x102, k1.content_new_p(a.p, a.p_epoch, a.cap)))
        self.lists = k1.content_mailboxes(2, [x[1] for x in b.boxes(3)])

    # -- what to send --
    def pick(self, s):
        """-> (type, content, seq, anew)"""
        side = self.side[s]
        if self.queue[s]:
            return (*self.queue[s].pop(0), side.seq + 1, 0)
        late = [q for q, (ev, _, _) in self.open[s].items()
                if q not in side.acked and self.event - ev > 14]
        if late and self.draw.below(2):
            _, kind, content = self.open[s].pop(late[0])
            return kind, content, late[0], 1
        if self.draw.below(12) == 0:
            return 2, b'', 0, 0
        size = (20, 60, 20, 300, 20, 500, 20, 800, 20, 1500)[self.draw.below(10)]
        seq = side.seq + 1
        text = k1.tlv(1, hashlib.shake_128(b'%d %d' % (s, seq)).digest(size // 2).hex().encode())
        return 1, k1.content_chat(fix(f'mid.{s}.{seq}', 16), 0, 1, self.now, text), seq, 0

    def tag_index(self, s):
        v = self.version[s]
        nxt = self.index[s].get(v, 0)
        return min([i for (w, i), q in self.used[s].items()
                    if w == v and q not in self.side[s].acked] + [nxt])

    def send(self, s, mailbox, want):
        side, e = self.side[s], self.event
        kind, content, seq, anew = self.pick(s)
        side.seq = max(side.seq, seq)
        side.read = max(side.read, le(side.ack_field()[:4]) - 1 - self.draw.below(3))
        rnd = {'dh_secret': fix(f'rt.dh.{e}'), 'kem_seed': fix(f'rt.kem.{e}', 64),
               'encap_m': fix(f'rt.m.{e}'), 'header_nonce': fix(f'rt.hn.{e}', 24),
               'body_nonce': fix(f'rt.bn.{e}', 24)}
        tag = self.tag_index(s)
        f = side.frame(self.now, want, mailbox, kind, content, seq, self.version[s], tag, rnd)
        if mailbox and seq:
            i = self.index[s].get(self.version[s], 0)
            self.used[s][(self.version[s], i)] = seq
            self.index[s][self.version[s]] = i + 1
        if seq:
            self.open[s][seq] = (e, kind, content)
        fate = self.draw.below(20) if e > 6 else 19
        delay = 0 if fate > 6 else 1 + self.draw.below(6) if fate > 2 else 30
        lost = fate < 2
        self.o.rec(f'send {e} by {"AB"[s]}').put(
            op=1, id=e, sender=s, time=self.now, want=want, mailbox=mailbox, type=kind, seq=seq,
            anew=anew, list_version=self.version[s], tag_index=tag, read_up_to=side.read,
            content=content, step=f['step'])
        if f['step']:
            self.o.put(**{k: rnd[k] for k in ('dh_secret', 'kem_seed', 'encap_m')})
        self.o.put(header_nonce=rnd['header_nonce'], body_nonce=rnd['body_nonce'], kind=f['kind'],
                   size=len(f['frame']), pn=f['pn'], n=f['n'], ack=f['ack'], mk=f['mk'],
                   frame_hash=blake2b(f['frame']))
        if f['kind'] == FULL:
            self.o.put(dup=k1.H16('rt.dup', f['frame']))
        self.lights += f['kind'] == LIGHT
        if e < FRAMES_IN_FULL or (f['kind'] == LIGHT and self.lights <= 8):
            self.o.put(frame=f['frame'])
        self.o.put(lost=int(lost), **side.state())
        for what in ('step', 'light' if f['kind'] == LIGHT else 'full'):
            if what != 'step' or f['step']:
                self.count(what)
        self.count('lost' if lost else 'anew' if anew else 'sent')
        if not lost:
            self.flight.append((e + delay, e, 1 - s, f['frame']))
            if self.draw.below(15) == 0:
                self.flight.append((e + delay + 3, e, 1 - s, f['frame']))

    def deliver(self, last=False):
        due = [x for x in self.flight if last or x[0] <= self.event]
        self.flight = [x for x in self.flight if x not in due]
        for _, i, r, frame in due:
            result, path, body = self.side[r].open(frame)
            self.o.rec(f'receive {i} at {"AB"[r]}').put(
                op=2, id=i, receiver=r, time=self.now, result=result, path=path)
            if body:
                self.o.put(head=body[:32])
                if le(body[:2]) == 0x101:
                    self.version[r] = le(body[32:36])
            self.o.put(**self.side[r].state())
            self.count(('new', 'duplicate', 'dropped')[result])
            if result != DROPPED:
                self.count(('in chain', 'skipped', 'receiving step')[path])

    def run(self):
        self.start()
        s = 1
        while self.event < MESSAGES:
            e = self.event
            if e > 1 and self.draw.below(3) == 0:
                s = 1 - s
            if e == 1:
                s = 0
            if e == 100:
                s = 1
                self.queue[1].append((0x101, self.lists))
            self.now += (200, 900, 4000, 15000, 70000)[self.draw.below(5)]
            offline = e % 50 > 40
            mailbox = int(e == 0 or offline or self.draw.below(14) == 0)
            self.send(s, mailbox, FULL if self.draw.below(4) == 0 else LIGHT)
            self.deliver()
            self.event += 1
        self.deliver(last=True)
        assert self.version == [2, 1]


def crossing(o):
    for x, y, kind_a, kind_b in ('ab11', 'ba11', 'ab21', 'ab12', 'ba22'):
        a, b, kind_a, kind_b = Actor(x), Actor(y), int(kind_a), int(kind_b)
        _, _, ra = request(a, b, kind_a, T, f'cross.{x}{kind_a}', 1)
        _, _, rb = request(b, a, kind_b, T, f'cross.{y}{kind_b}', 1)
        win = int(a.IK > b.IK) if kind_a == kind_b else int(kind_b > kind_a)
        o.rec('crossing requests; winner 0: that of a, 1: that of b').put(
            op=3, ik_a=a.IK, ik_b=b.IK, kind_a=kind_a, kind_b=kind_b, root_a=ra['root'],
            root_b=rb['root'], winner=win, root=(ra, rb)[win]['root'])


def make(verbose=False):
    o = Out('ratchet transcript, crypto.md section 5; op 0 session, 1 send, 2 receive, 3 crossing')
    r = Run(o)
    r.run()
    crossing(o)
    if verbose:
        print(r.counts)
    for what in ('step', 'light', 'full', 'lost', 'anew', 'new', 'duplicate', 'dropped', 'in chain',
                 'skipped', 'receiving step'):
        assert r.counts.get(what, 0) >= 3, (what, r.counts)
    return o.text()


if __name__ == '__main__':
    make(True)
