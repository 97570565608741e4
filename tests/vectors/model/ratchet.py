# SPDX-License-Identifier: ISC
"""Section 5: Double Ratchet with header encryption, ML-KEM per step, lazy sending steps."""
import copy

import kem
import k1
from k1 import KDF, KDF64, H, SUITE, seal, unseal, zpad
from prim import blake2b, dh, le, u16, u32, u64, u8, x25519_base

FULL, LIGHT = 1, 2
NEW, DUPLICATE, DROPPED = 0, 1, 2
STEP_MS, STEP_FRAMES, SKIP_MAX, STORE_MAX = 60000, 256, 1000, 2000
FULL_ROOM, LIGHT_ROOM = 1616, 864


def root_keys(root):
    return {n: KDF(root, n) for n in ('rt.root', 'rt.hka', 'rt.hkb', 'tag.a', 'tag.b', 'lk.root')}


def session_ad(ik_a, ik_b, dev_a, dev_b, epoch):
    return H('rt.ad', ik_a + ik_b + dev_a + dev_b + u32(epoch))


def body_head(kind, length, list_version, tag_index, seq, ack):
    return u16(kind) + u16(length) + u32(list_version) + u32(tag_index) + u32(seq) + ack


class Side:
    """One end of a session. role 0 = A (author of the request), 1 = B (accepts, sends first)."""

    def __init__(self, role, root, ad):
        k = root_keys(root)
        self.role, self.ad, self.rk = role, ad, k['rt.root']
        self.nhks, self.nhkr = (k['rt.hka'], k['rt.hkb']) if role else (k['rt.hkb'], k['rt.hka'])
        self.hks = self.hkr = self.cks = self.ckr = None
        self.ns = self.nr = self.pn = 0
        self.dh, self.dk, self.ek, self.ct = None, None, None, None   # own pair; ct of own step
        self.peer_dh, self.peer_ek, self.peer_ct = None, None, None
        self.step_due, self.last_step = role == 1, None
        self.skipped = []                                   # (header key, n, message key)
        self.seq, self.sent = 0, {}                         # last seq; seq -> first chain number
        self.chain, self.light_ok, self.acked = 0, False, set()
        self.got, self.read = set(), 0

    # -- steps --
    def mix(self, shared, ss, s_dh, r_dh, s_ek, r_ek, ct):
        x = KDF64(self.rk, 'rt.step', shared + ss + H('rt.tr', s_dh + r_dh + s_ek + r_ek + ct))
        self.rk = KDF(x, 'rt.rk')
        return KDF(x, 'rt.ck'), KDF(x, 'rt.nhk')

    def send_step(self, now, rnd):
        """rnd: dh_secret 32, kem_seed 64, encap_m 32"""
        self.hks, self.pn, self.ns = self.nhks, self.ns, 0
        self.dh = rnd['dh_secret']
        self.ek, self.dk = kem.keygen(rnd['kem_seed'])
        self.ct, ss = kem.encap(self.peer_ek, rnd['encap_m'])
        self.cks, self.nhks = self.mix(dh(self.dh, self.peer_dh), ss, x25519_base(self.dh),
                                       self.peer_dh, self.ek, self.peer_ek, self.ct)
        self.step_due, self.last_step = False, now
        self.chain, self.light_ok = self.chain + 1, False

    def receive_step(self, p_dh, p_ek, ct):
        self.hkr, self.nr = self.nhkr, 0
        self.peer_dh, self.peer_ek, self.peer_ct = p_dh, p_ek, ct
        self.ckr, self.nhkr = self.mix(dh(self.dh, p_dh), kem.decap(self.dk, ct), p_dh,
                                       x25519_base(self.dh), p_ek, self.ek, ct)
        self.step_due = True

    # -- sending --
    def ack_field(self):
        nxt = 1
        while nxt in self.got:
            nxt += 1
        bits = sum(1 << i for i in range(64) if nxt + 1 + i in self.got)
        return u32(nxt) + u64(bits) + u32(self.read)

    def frame(self, now, want, mailbox, kind, content, seq, list_version, tag_index, rnd):
        """-> dict with the frame and what was decided. seq 0 = bare ack."""
        full = want == FULL or mailbox or not self.light_ok or len(content) > LIGHT_ROOM
        stepped = full and self.step_due and (
            self.last_step is None or now - self.last_step >= STEP_MS
            or self.ns >= STEP_FRAMES or bool(mailbox))
        if stepped:
            self.send_step(now, rnd)
        head = u16(0) + u32(self.pn) + u32(self.ns) + x25519_base(self.dh)
        head += self.ek + self.ct + bytes(14) if full else bytes(6)
        size = 4056 if full else next(s for s in (256, 512, 768, 1024) if len(content) <= s - 160)
        box_len = 2368 if full else 88
        ack = self.ack_field()
        body = body_head(kind, len(content), list_version, tag_index, seq, ack) + content
        mk, self.cks = KDF(self.cks, 'rt.msg'), KDF(self.cks, 'rt.next')
        box = seal(self.hks, rnd['header_nonce'], SUITE, head)
        assert len(box) == box_len
        out = box + seal(mk, rnd['body_nonce'], self.ad + box, zpad(body, size - box_len - 40))
        assert len(out) == size
        if seq:
            self.sent.setdefault(seq, self.chain)
        info = {'kind': FULL if full else LIGHT, 'step': int(stepped), 'pn': self.pn, 'n': self.ns,
                'ack': ack, 'frame': out, 'mk': mk}
        self.ns += 1
        return info

    # -- receiving --
    def skip(self, until):
        if until - self.nr > SKIP_MAX:
            raise ValueError('skip')
        while self.nr < until:
            self.skipped.append((self.hkr, self.nr, KDF(self.ckr, 'rt.msg')))
            self.ckr, self.nr = KDF(self.ckr, 'rt.next'), self.nr + 1
        del self.skipped[:-STORE_MAX]

    def header(self, box):
        """-> (header key, opened header) or None"""
        keys = [self.hkr] + list(dict.fromkeys(s[0] for s in self.skipped)) + [self.nhkr]
        for k in keys:
            h = k and unseal(k, SUITE, box)
            if h:
                return k, h
        return None

    def open(self, frame):
        """-> (result, path, body or None); a dropped frame changes nothing."""
        trial = copy.copy(self)
        trial.skipped = list(self.skipped)
        try:
            path, body = trial.open_changing(frame)
        except ValueError:
            return DROPPED, 0, None
        self.__dict__.update(trial.__dict__)
        return self.take(body), path, body

    def open_changing(self, frame):
        full = len(frame) == 4056
        box, rest = (frame[:2368], frame[2368:]) if full else (frame[:88], frame[88:])
        found = self.header(box)
        if not found:
            raise ValueError('header')
        key, h = found
        pn, n, p_dh = le(h[2:6]), le(h[6:10]), h[10:42]
        if h[:2] != bytes(2) or any(h[2314 if full else 42:]):
            raise ValueError('header')
        stored = [s for s in self.skipped if s[:2] == (key, n)]
        if stored:
            self.skipped.remove(stored[0])
            path, mk = 1, stored[0][2]
        elif key == self.nhkr and full:
            if self.ckr:
                self.skip(pn)
            self.receive_step(p_dh, h[42:1226], h[1226:2314])
            path, mk = 2, self.advance(n)
        elif key == self.hkr and n >= self.nr and p_dh == self.peer_dh:
            path, mk = 0, self.advance(n)
        else:
            raise ValueError('used')
        body = unseal(mk, self.ad + box, rest)
        if body is None or le(body[2:4]) > len(body) - 32 or any(body[32 + le(body[2:4]):]):
            raise ValueError('body')
        return path, body

    def advance(self, n):
        self.skip(n)
        mk, self.ckr = KDF(self.ckr, 'rt.msg'), KDF(self.ckr, 'rt.next')
        self.nr += 1
        return mk

    def take(self, body):
        """Applies seq and ack of an opened body."""
        seq, nxt, bits = le(body[12:16]), le(body[16:20]), le(body[20:28])
        for s in self.sent:
            if s < nxt or (s > nxt and bits >> (s - nxt - 1) & 1 and s - nxt <= 64):
                self.acked.add(s)
        if any(self.sent[s] == self.chain for s in self.acked):
            self.light_ok = True
        if seq and seq in self.got:
            return DUPLICATE
        if seq:
            self.got = self.got | {seq}
        return NEW

    def state(self):
        def k(x):
            return x or bytes(32)
        keys = [k(x) for x in (self.rk, self.cks, self.ckr, self.hks, self.hkr, self.nhks,
                               self.nhkr)]
        tail = (u32(self.ns) + u32(self.nr) + u32(self.pn) + u8(self.step_due)
                + u32(len(self.skipped)))
        return {'rk': keys[0], 'cks': keys[1], 'ckr': keys[2], 'ns': self.ns, 'nr': self.nr,
                'step_due': int(self.step_due), 'skipped': len(self.skipped),
                'light_ok': int(self.light_ok), 'state': blake2b(b''.join(keys) + tail)}
