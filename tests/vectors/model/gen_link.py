# SPDX-License-Identifier: ISC
"""link.txt: contact and service handshakes, cookie, data packets."""
import k1
from noise import Noise
from out import Out, fix
from prim import u64, x25519_base

DAY, EPOCH, NET = 20775, 5, 0


def tai64n(sec, nsec):
    return ((1 << 62) + 10 + sec).to_bytes(8, 'big') + nsec.to_bytes(4, 'big')


def handshake(o, what, k_obf, prologue, psk, x, pads, ids):
    """ids: initiator static secret, responder static secret, names for the rest. -> S"""
    si, sr = ids
    ei, er = fix(what + '.ei'), fix(what + '.er')
    idx_i, idx_r = 0x11223344, 0xa1b2c3d4
    i = Noise(True, prologue, si, ei, x25519_base(sr), psk)
    r = Noise(False, prologue, sr, er, None, psk)
    time = tai64n(DAY * 86400 + 3600, 500000000)
    rhk_i, rhk_r = fix(what + '.rhk.i'), fix(what + '.rhk.r')
    seen = k1.address19('203.0.113.9', 5353)
    x = x(i.E) if callable(x) else x
    p1 = k1.payload1(time, fix(what + '.inc.i', 8), rhk_i, 0, x)
    p2 = k1.payload2(fix(what + '.inc.r', 8), rhk_r, seen)
    n1 = i.write1(p1)
    h1 = i.h
    assert r.read1(n1) == p1
    n2 = r.write2(p2)
    assert i.read2(n2) == p2 and i.h == r.h and i.ck == r.ck
    assert (len(n1), len(n2)) == (168, 108)
    k_ir, k_ri = i.split()
    s = k1.KDF(i.ck, 'lk.sess', i.h)
    o.rec(what + ' handshake').put(
        k_obf=k_obf, prologue=prologue, psk=psk, initiator_secret=si, initiator_public=i.S,
        responder_secret=sr, responder_public=r.S, e_i_secret=ei, e_i=i.E, e_r_secret=er, e_r=r.E,
        x=x, payload1=p1, noise1=n1, h_after_1=h1, payload2=p2, noise2=n2, h=i.h, ck=i.ck,
        key_i_to_r=k_ir, key_r_to_i=k_ri, s=s, resume_token=k1.KDF(s, 'lk.token')[:16],
        rekey_psk=k1.KDF(s, 'sv.psk'))
    cookie = k1.link_cookie(fix('cookie.secret'), seen)
    for n, (pad1, pad2) in enumerate(pads):
        mac = k1.mac2(cookie, idx_i, n1) if n else fix(what + '.mac2', 16)
        nonces = [fix(f'{what}.nonce.{n}.{j}', 24) for j in range(3)]
        m1 = k1.msg1(k_obf, nonces[0], idx_i, n1, mac, pad1)
        m2 = k1.msg2(k_obf, i.E, nonces[1], idx_i, idx_r, n2, pad2)
        mc = k1.msg_cookie(k_obf, nonces[0], nonces[2], cookie, pad2)
        assert 256 <= len(m1) <= 383 and len(m2) <= len(m1) and len(mc) <= len(m1)
        o.rec(f'{what} datagrams, mac2 ' + ('from the cookie' if n else 'random'))
        o.put(k_obf=k_obf, idx_i=idx_i, idx_r=idx_r, noise1=n1, noise2=n2, mac2=mac, pad1=pad1,
              nonce1=nonces[0], msg1=m1, k2=k1.KDF(k_obf, 'lk.msg2', i.E), pad2=pad2,
              nonce2=nonces[1], msg2=m2, kc=k1.KDF(k_obf, 'ck.seal', nonces[0]),
              cookie_secret=fix('cookie.secret'), address=seen, cookie=cookie, pad_cookie=pad2,
              nonce_cookie=nonces[2], msg_cookie=mc)
    for to_r, pn, size in ((1, 0, 4), (0, 1, 4), (1, 2**33 + 5, 1424)):
        key, rhk, idx = (k_ir, rhk_r, idx_r) if to_r else (k_ri, rhk_i, idx_i)
        frames = fix(f'{what}.frames.{pn}', size)
        pkt = k1.data_packet(key, rhk, idx, pn, frames)
        assert k1.data_open(key, rhk, pkt) == (idx, pn, frames)
        o.rec(f'{what} data').put(to_responder=to_r, key=key, rhk=rhk, idx=idx, pn=pn,
                                  frames=frames, packet=pkt)
    return s


def make():
    o = Out('links, crypto.md section 6')
    roots = [fix('lk.root')]
    for _ in range(3):
        roots.append(k1.KDF(roots[-1], 'lk.next'))
    o.rec('psk chain: L_0 belongs to day0')
    o.put(day0=DAY - 3)
    for i, root in enumerate(roots):
        day = DAY - 3 + i
        o.put(**{f'l{i}': root, f'day{i}_psk': k1.KDF(root, 'lk.psk', u64(day))})
    o.put(before_day=DAY - 10, before_psk=k1.KDF(roots[0], 'lk.psk', u64(DAY - 10)))
    for net in (0, 7):
        o.rec('obfuscation keys').put(
            p=fix('p.b'), day=DAY, ml=x25519_base(fix('ml.0')), net=net,
            k_obf_contact=k1.k_obf_contact(fix('p.b'), DAY, net),
            k_obf_service=k1.k_obf_service(x25519_base(fix('ml.0')), net))
    dev, psk = fix('dev.b', 4), k1.KDF(roots[3], 'lk.psk', u64(DAY))
    o.rec('contact prologue').put(device_id=dev, p_epoch=EPOCH, day=DAY, l_day=roots[3], psk=psk,
                                  prologue=k1.prologue_contact(dev, EPOCH, DAY))
    handshake(o, 'contact', k1.k_obf_contact(fix('p.b'), DAY, NET),
              k1.prologue_contact(dev, EPOCH, DAY), psk, lambda e: k1.hint(roots[3], e),
              ((24, 0), (24 + 17, 17), (151, 151 + 72)), (fix('lk.a'), fix('lk.b')))
    ml = x25519_base(fix('ml.0'))
    nid = k1.node_id(ml)
    o.rec('service prologue').put(ml=ml, node_id=nid, prologue=k1.prologue_service(nid))
    s = handshake(o, 'service', k1.k_obf_service(ml, NET), k1.prologue_service(nid), bytes(32),
                  bytes(16), ((24, 0), (41, 17)), (fix('throwaway'), fix('ml.0')))
    handshake(o, 'service rekey', k1.k_obf_service(ml, NET), k1.prologue_service(nid),
              k1.KDF(s, 'sv.psk'), k1.KDF(s, 'lk.token')[:16], ((30, 5),),
              (fix('throwaway.2'), fix('ml.0')))
    return o.text()
