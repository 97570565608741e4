# SPDX-License-Identifier: ISC
"""Noise IK and IKpsk2, 25519_ChaChaPoly_BLAKE2b (Noise revision 34)."""
from prim import aead_open, aead_seal, blake2b, dh, hkdf, u64, x25519_base

NAME = 'Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b'


class Noise:
    """One side. e is the given ephemeral secret; psk None selects plain IK."""

    def __init__(self, initiator, prologue, s, e, rs=None, psk=None):
        name = (NAME if psk is not None else NAME.replace('psk2', '')).encode()
        self.h = name + bytes(64 - len(name))
        self.ck, self.k, self.n = self.h, None, 0
        self.initiator, self.s, self.e, self.psk, self.rs, self.re = initiator, s, e, psk, rs, None
        self.S, self.E = x25519_base(s), x25519_base(e)
        self.mix_hash(prologue)
        self.mix_hash(rs if initiator else self.S)

    def mix_hash(self, d):
        self.h = blake2b(self.h + d, 64)

    def mix_key(self, ikm):
        self.ck, k = hkdf(self.ck, ikm, 2)
        self.k, self.n = k[:32], 0

    def mix_e(self, pub):
        self.mix_hash(pub)
        if self.psk is not None:
            self.mix_key(pub)

    def mix_psk(self):
        if self.psk is None:
            return
        self.ck, h, k = hkdf(self.ck, self.psk, 3)
        self.mix_hash(h)
        self.k, self.n = k[:32], 0

    def nonce(self):
        n = bytes(4) + u64(self.n)
        self.n += 1
        return n

    def seal(self, m):
        c = aead_seal(self.k, self.nonce(), self.h, m)
        self.mix_hash(c)
        return c

    def open(self, c):
        m = aead_open(self.k, self.nonce(), self.h, c)
        if m is None:
            raise ValueError('noise open')
        self.mix_hash(c)
        return m

    def write1(self, payload):
        """e, es, s, ss"""
        self.mix_e(self.E)
        self.mix_key(dh(self.e, self.rs))
        s = self.seal(self.S)
        self.mix_key(dh(self.s, self.rs))
        return self.E + s + self.seal(payload)

    def read1(self, m):
        self.re = m[:32]
        self.mix_e(self.re)
        self.mix_key(dh(self.s, self.re))
        self.rs = self.open(m[32:80])
        self.mix_key(dh(self.s, self.rs))
        return self.open(m[80:])

    def write2(self, payload):
        """e, ee, se, psk"""
        self.mix_e(self.E)
        self.mix_key(dh(self.e, self.re))
        self.mix_key(dh(self.e, self.rs))
        self.mix_psk()
        return self.E + self.seal(payload)

    def read2(self, m):
        self.re = m[:32]
        self.mix_e(self.re)
        self.mix_key(dh(self.e, self.re))
        self.mix_key(dh(self.s, self.re))
        self.mix_psk()
        return self.open(m[32:])

    def split(self):
        """(key initiator to responder, key responder to initiator)"""
        a, b = hkdf(self.ck, b'', 2)
        return a[:32], b[:32]
