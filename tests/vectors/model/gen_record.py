# SPDX-License-Identifier: ISC
"""record.txt: blinded knock and presence records."""
import kem
import k1
from out import Out, fix
from prim import blake2b, ed_public, ed_verify, x25519_base

T = 1794960000  # 2026-11-18, unix seconds


def mailboxes(n):
    ip6 = bytes.fromhex('20010db8') + fix('ip6', 12)
    addr = k1.address19('192.0.2.7', 33445), k1.address19(ip6, 443), k1.address19(0, 0)
    return [k1.mailbox_entry(x25519_base(fix(f'ml.{i}')), addr[i % 3], i % 7, 30, i & 1)
            for i in range(n)]


def device(i, endpoints):
    return {'id': fix(f'dev.{i}', 4), 'LK': x25519_base(fix(f'lk.{i}')),
            'endpoints': [k1.address19('198.51.100.1', 4001), k1.address19(fix('ip6.b', 16), 4002),
                          k1.address19(1, 0)][:endpoints]}


def knock(boxes):
    return {'flags': 0, 'expiry': T + 7 * 86400, 'manifest': fix('manifest.a'),
            'XK': x25519_base(fix('xk.a')), 'spk_id': fix('spkid.a', 4),
            'SPK': x25519_base(fix('spk.a')), 'ek': kem.keygen(fix('ek.a', 64))[0],
            'pow_bits': 20, 'device_id': fix('dev.0', 4), 'mailboxes': mailboxes(boxes)}


def presence(devices, boxes):
    return {'flags': 0, 'expiry': T + 86400, 'epoch': 5, 'list_version': 9, 'manifest_version': 1,
            'manifest': fix('manifest.a'), 'instance': fix('instance', 8),
            'devices': [device(i, 3 - i % 4 if i else 3) for i in range(devices)],
            'mailboxes': mailboxes(boxes)}


def put_content(o, c):
    for k, v in c.items():
        if k == 'devices':
            o.put(device_count=len(v))
            for i, d in enumerate(v):
                o.put(**{f'device{i}_id': d['id'], f'device{i}_lk': d['LK'],
                         f'device{i}_endpoint_count': len(d['endpoints']),
                         f'device{i}_endpoints': b''.join(d['endpoints'])})
        elif k == 'mailboxes':
            o.put(mailbox_count=len(v))
            for i, b in enumerate(v):
                o.put(**{f'mailbox{i}': b})
        elif k == 'ek':
            o.put(ek=v, ek_hash=blake2b(v))
        else:
            o.put(**{k.lower(): v})


def record(o, what, s, content, fields, seq, t):
    seed = fix('ik.a')
    ik = ed_public(seed)
    n = k1.record_period(s, ik, t)
    nonce, rnd = fix('rec.nonce.' + what, 24), fix('rec.rnd.' + what)
    rec, b = k1.record_make(seed, s, n, seq, nonce, rnd, content)
    msg = k1.sig_input('rec.sig', rec[32:40] + rec[104:])
    assert len(rec) == 1024 and ed_verify(rec[:32], msg, rec[40:104])
    assert k1.unseal(b['seal_key'], rec[:40], rec[104:]) == content
    o.rec(what)
    put_content(o, fields)
    o.put(content=content, ik_seed=seed, ik=ik, s=s, time=t, off=k1.record_off(s, ik), period=n,
          h=b['h'], blinded=b['pub'], blinded_scalar=b['a2'], blinded_prefix=b['pre2'],
          sig_random=rnd, sig_r=b['r'], seq=seq, seal_key=b['seal_key'], nonce=nonce,
          signed_message=msg, sig=b['sig'], record=rec, dht_key=k1.record_key(rec[:32]))


def make():
    o = Out('blinded records, crypto.md section 3')
    ik = ed_public(fix('ik.a'))
    s_knock = k1.knock_secret(fix('cap.a', 16), ik)
    o.rec('knock secret').put(cap=fix('cap.a', 16), ik=ik, s=s_knock)
    for boxes in (3, 1):
        k = knock(boxes)
        c = k1.knock_content(k)
        assert len(c) == 880 and c[312:] == bytes(568)
        record(o, f'knock {boxes}', s_knock, c, k, T + boxes, T)
    for d, boxes in ((4, 8), (2, 3)):
        p = presence(d, boxes)
        c = k1.presence_content(p)
        assert len(c) == 880
        record(o, f'presence {d} {boxes}', fix('p.a'), c, p, T + d, T)
    off = k1.record_off(fix('p.a'), ik)
    for t in (off, off + 86399, off + 86400, 20000 * 86400 + off - 1, 20000 * 86400 + off):
        o.rec('period').put(s=fix('p.a'), ik=ik, off=off, time=t,
                            period=k1.record_period(fix('p.a'), ik, t))
    dk, ml = ed_public(fix('dk.a')), x25519_base(fix('ml.0'))
    h, pub, tag = k1.relay_tag(dk, fix('p.a'), ml, T // 86400)
    o.rec('relay tag').put(dk=dk, p=fix('p.a'), ml=ml, day=T // 86400, h=h, blinded=pub, tag=tag)
    return o.text()
