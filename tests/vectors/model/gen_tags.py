# SPDX-License-Identifier: ISC
"""tags.txt: tag chains over a list change, buckets, blobs, stamps, receipts."""
import k1
from out import Out, fix
from prim import blake2b, ed_public, ed_verify, x25519_base

T = 1794960000


def make():
    o = Out('tags, wraps, buckets, stamps, receipts, crypto.md section 8')
    r, blob, blob_tag = fix('tag.root'), b'', b''
    ml = [x25519_base(fix(f'ml.{i}')) for i in range(2)]
    for v in (3, 4):
        o.rec(f'list version {v}').put(version=v, r=r, ml0=ml[0], ml1=ml[1],
                                       r_next=k1.KDF(r, 'tag.ver'))
        for m in range(2):
            t = k1.tag_init(r, ml[m], v)
            for i in range(70):
                d, tag, w = k1.tag_keys(t)
                o.rec().put(version=v, mailbox=m, index=i, t=t, d=d, tag=tag, w=w)
                if (v, i) == (4, 2):
                    inner, nonce = fix('inner', 4056), fix(f'wrap.nonce.{m}', 24)
                    blob, blob_tag = k1.blob(w, tag, nonce, inner), tag
                    o.rec('blob: one inner envelope, two copies')
                    o.put(w=w, tag=tag, nonce=nonce, inner=inner, blob=blob)
                t = k1.tag_next(t)
        r = k1.KDF(r, 'tag.ver')
    for s in ('p.a', 's.a'):
        ms = k1.mb_secret(fix(s))
        word = k1.bucket_word(ms, ml[0])
        o.rec('bucket').put(s=fix(s), ms=ms, ml=ml[0], word=word,
                            **{f'bucket_p{p}': word >> (16 - p) for p in range(7)})
    bucket, p = word, 3
    hour = T // 3600
    q = k1.stamp_q(ml[1], blob_tag, blob, hour)
    st = k1.stamp(q, bytes(16), 8)
    assert k1.zero_bits(k1.KDF(q, 'st.hash', st[:16])) >= 8
    o.rec('hashcash stamp over the second blob').put(
        ml=ml[1], tag=blob_tag, blob_hash=blake2b(blob), hour=hour, bits=8, q=q, nonce=st[:16],
        work=k1.KDF(q, 'st.hash', st[:16]), stamp=st)
    mk = fix('mk.1')
    f = k1.receipt_fields(ml[1], bucket, p, blob_tag, blob, T, T + 30 * 86400)
    sig = k1.sign(mk, 'mb.rcpt', f)
    assert ed_verify(ed_public(mk), k1.sig_input('mb.rcpt', f), sig)
    o.rec('receipt').put(mk_seed=mk, mk=ed_public(mk), ml=ml[1], bucket=bucket, p=p, tag=blob_tag,
                         blob_hash=blake2b(blob), received=T, expiry=T + 30 * 86400,
                         sig_input=k1.sig_input('mb.rcpt', f), sig=sig,
                         receipt=k1.u64(T) + k1.u64(T + 30 * 86400) + sig)
    f = ml[1] + ed_public(mk)
    o.rec('mb.bind').put(mk_seed=mk, mk=ed_public(mk), ml=ml[1],
                         sig_input=k1.sig_input('mb.bind', f), sig=k1.sign(mk, 'mb.bind', f))
    o.rec('invite, join').put(
        invite_key=fix('invite'), id=fix('invite.id', 16),
        invite=fix('invite.id', 16) + k1.KDF(fix('invite'), 'mb.inv', fix('invite.id', 16)),
        member_seed=fix('member'), member=ed_public(fix('member')), s=fix('link.s'),
        sig_input=k1.sig_input('mb.join', fix('link.s')),
        sig=k1.sign(fix('member'), 'mb.join', fix('link.s')))
    o.rec('have, keep').put(nonce=fix('have', 16), blob_hash=blake2b(blob), tag=blob_tag,
                            have=k1.H('mb.have', fix('have', 16) + blob), del_preimage=fix('del'),
                            del_hash=k1.H16('mb.del', fix('del')))
    put = (blob_tag + k1.u16(bucket) + k1.u8(p) + k1.u8(2) + k1.u8(3) + st + blob)
    assert len(put) == 4181
    o.rec('PUT body, ttl class 2, stamp kind 3').put(put=put)
    return o.text()
