# SPDX-License-Identifier: ISC
"""kdf.txt: each label through KDF, KDF64, H, H16, H64; sealing with hedged nonces."""
import k1
from out import Out, Word, fix


def make():
    o = Out('labels and derivations, crypto.md section 1')
    for i, name in enumerate(k1.LABELS):
        k, data = fix('kdf.key', 16 + 16 * (i % 4)), fix('kdf.data', i)
        o.rec('K1.' + name).put(name=Word(name), label=k1.label(name), key=k,
                                data=data)
        o.put(kdf=k1.KDF(k, name, data), kdf64=k1.KDF64(k, name, data), h=k1.H(name, data),
              h16=k1.H16(name, data), h64=k1.H64(name, data))
    for i, (ad, m) in enumerate(((b'', b''), (fix('seal.ad', 40), fix('seal.m', 880)))):
        for covered in (0, 1):
            o.rec('seal with hedged nonce; covered 1: x = H("nonce.m", ...), 0: first 32 B of m')
            pk, rnd, k = fix('seal.pk'), fix('seal.rnd', 24), fix('seal.k')
            n = k1.hedged_nonce(pk, rnd, 7 + i, ad, m, covered)
            o.put(process_key=pk, random=rnd, counter=7 + i, covered=covered, seal_key=k, ad=ad,
                  plain=m, nonce=n, sealed=k1.seal(k, n, ad, m))
    return o.text()
