# SPDX-License-Identifier: ISC
"""Suite K1: conventions, keys, records, contact request, links, RPC, tags (not the ratchet).

Open points and the readings chosen here are listed in docs/vectors-notes.md.
"""
import base64
import hashlib

import kem
from prim import (L, aead_open, aead_seal, blake2b, chacha20_stream, dh, ed_decode, ed_encode,
                  ed_expand, ed_mul, ed_prime_order, ed_public, ed_sign, B, le, u8, u16, u32, u64,
                  x25519_base, xaead_open, xaead_seal, xchacha_stream, xor)

SUITE = b'\x01'
LABELS = """
nonce nonce.m verify addr.sum cap cert bundle manifest
bl.off bl.h bl.pre bl.nonce rec.sig rec.seal rec.key
cr.tr cr.dh1 cr.dh2 cr.kem cr.ida cr.dh3 cr.dh4 cr.box1 cr.box2 cr.root cr.pow cr.seen
kn.slot kn.tag kn.wrap bu.tag bu.wrap
rt.root rt.hka rt.hkb rt.step rt.tr rt.rk rt.ck rt.nhk rt.msg rt.next rt.ad rt.dup
tag.a tag.b tag.ver tag.init tag.next tag.pre tag.hash tag.wrap
mb.secret mb.bucket mb.bind mb.rcpt mb.inv mb.join mb.have mb.del st.pow st.hash
lk.root lk.psk lk.next lk.hint lk.obf lk.msg2 lk.sess lk.token sv.obf sv.psk ck.seal ck.mac cookie
relay.h relay.reg relay.tag lan tcp node.id node.day
rpc.gate rpc.gkey rpc.mask rpc.key dht.cook dht.tok dht.lan dht.samp
f.key f.leaf f.node f.root db.page db.wal db.mask db.wrap db.commit db.body bk.file log.id db.handle
bu.nonce cr.no
""".split()


# ---- section 1: conventions ----
def label(name):
    assert name in LABELS and len(name) <= 12
    return ('K1.' + name).encode().ljust(16, b'\0')


def KDF(k, name, data=b'', size=32):
    assert 16 <= len(k) <= 64
    return blake2b(data, size, k, label(name))


def KDF64(k, name, data=b''):
    return KDF(k, name, data, 64)


def H(name, data, size=32):
    return blake2b(data, size, b'', label(name))


def H16(name, data):
    return H(name, data, 16)


def H64(name, data):
    return H(name, data, 64)


def seal(k, nonce, ad, m):
    """nonce 24 | ciphertext | tag 16"""
    assert len(nonce) == 24
    return nonce + xaead_seal(k, nonce, ad, m)


def unseal(k, ad, box):
    return None if len(box) < 40 else xaead_open(k, box[:24], ad, box[24:])


def hedged_nonce(process_key, random24, counter, ad, m, covered):
    """Section 1. covered: ratchet, records, requests hash (ad, m); others take 32 B of m."""
    x = H('nonce.m', u32(len(ad)) + ad + m) if covered else m[:32].ljust(32, b'\0')
    return KDF(process_key, 'nonce', random24 + u64(counter) + x)[:24]


def sig_input(name, fields):
    return label(name) + SUITE + fields


def sign(seed, name, fields):
    return ed_sign(seed, sig_input(name, fields))


def zpad(b, size):
    assert len(b) <= size
    return b.ljust(size, b'\0')


def zero_bits(h):
    """Leading zero bits, most significant bit of byte 0 first."""
    n = int.from_bytes(h, 'big')
    return 8 * len(h) - n.bit_length()


def address19(ip, port):
    """ip: '1.2.3.4', an IPv6 as 16 bytes, or the mailbox index of a relay (int)."""
    if isinstance(ip, int):
        return b'\x03' + u8(ip) + bytes(15) + port.to_bytes(2, 'big')
    if isinstance(ip, bytes):
        return b'\x06' + ip + port.to_bytes(2, 'big')
    v4 = bytes(int(x) for x in ip.split('.'))
    return b'\x04' + bytes(10) + b'\xff\xff' + v4 + port.to_bytes(2, 'big')


# ---- section 2: address, safety number, certificate ----
def address(ik, cap):
    a = b'\x01' + ik + cap
    return a + H('addr.sum', a)[:2]


def address_text(addr):
    return 'KITH:' + base64.b32encode(addr).decode().rstrip('=')


def hint_text(key, ip, port):
    """Behind an address, with a point before it; ip of 4 or 16 bytes, the port big-endian."""
    return '.' + base64.b32encode(key + ip + port.to_bytes(2, 'big')).decode().rstrip('=')


def address_ok(addr):
    p = ed_decode(addr[1:33])
    return (len(addr) == 51 and addr[0] == 1 and p is not None and ed_prime_order(p)
            and addr[49:] == H('addr.sum', addr[:49])[:2])


def safety_number(a, b):
    h = H64('verify', min(a, b) + max(a, b))
    for _ in range(4096):
        h = H64('verify', h)
    groups = [int.from_bytes(h[5 * i:5 * i + 5], 'big') % 100000 for i in range(12)]
    return h, ' '.join(f'{g:05d}' for g in groups)


def cert_fields(c):
    """device id 4 | DK 32 | XK 32 | flags 4 | not-after 8 | manifest hash 32 = 112"""
    return c['id'] + c['DK'] + c['XK'] + u32(c['flags']) + u64(c['not_after']) + c['manifest']


def cert_sign(ik_seed, c):
    return sign(ik_seed, 'cert', ed_public(ik_seed) + cert_fields(c))


# ---- section 3: blinded records ----
def record_off(s, ik):
    return le(KDF(s, 'bl.off', ik)[:4]) % 86400


def record_period(s, ik, t):
    return (t - record_off(s, ik)) // 86400


def scalar(b):
    return le(b) % L


def blind_h(s, ik, n):
    return scalar(KDF64(s, 'bl.h', ik + u64(n)))


def blind_public(ik, h):
    assert h
    return ed_encode(ed_mul(h, ed_decode(ik)))


def blind_sign(ik_seed, h, random32, msg):
    """-> dict with every intermediate of section 3 step 3"""
    a, prefix = ed_expand(ik_seed)
    a2 = h * (a % L) % L
    pub = ed_encode(ed_mul(a2, B))
    pre2 = KDF64(prefix, 'bl.pre', h.to_bytes(32, 'little'))
    r = scalar(KDF64(pre2, 'bl.nonce', random32 + msg))
    big_r = ed_encode(ed_mul(r, B))
    k = scalar(hashlib.sha512(big_r + pub + msg).digest())
    sig = big_r + ((r + k * a2) % L).to_bytes(32, 'little')
    return {'pub': pub, 'a2': a2.to_bytes(32, 'little'), 'pre2': pre2,
            'r': r.to_bytes(32, 'little'), 'sig': sig}


def record_key(blinded):
    return H('rec.key', blinded)


def record_make(ik_seed, s, n, seq, nonce, random32, content):
    ik = ed_public(ik_seed)
    h = blind_h(s, ik, n)
    pub = blind_public(ik, h)
    key = KDF(s, 'rec.seal', u64(n) + pub)
    box = seal(key, nonce, pub + u64(seq), zpad(content, 880))
    msg = label('rec.sig') + SUITE + u64(seq) + box
    b = blind_sign(ik_seed, h, random32, msg)
    assert b['pub'] == pub
    return pub + u64(seq) + b['sig'] + box, dict(b, h=h.to_bytes(32, 'little'), seal_key=key)


def mailbox_entry(ml, addr19, p, days, flags=0):
    return ml + addr19 + u8(p) + u8(days) + u8(flags)


def knock_content(k):
    return zpad(b'\x01\x01' + u16(k['flags']) + u64(k['expiry']) + k['manifest'] + k['XK']
                + k['spk_id'] + k['SPK'] + blake2b(k['ek']) + u8(k['pow_bits'])
                + u8(len(k['mailboxes'])) + k['device_id'] + b''.join(k['mailboxes']), 880)


def presence_content(p):
    devices = b''.join(d['id'] + d['LK'] + u8(len(d['endpoints']))
                       + zpad(b''.join(d['endpoints']), 57) for d in p['devices'])
    return zpad(b'\x01\x02' + u16(p['flags']) + u64(p['expiry']) + u32(p['epoch'])
                + u32(p['list_version']) + u64(p['manifest_version']) + p['manifest']
                + p['instance'] + u8(len(p['devices'])) + u8(len(p['mailboxes'])) + bytes(2)
                + devices + b''.join(p['mailboxes']), 880)


def bundle(ik_seed, xk, spk_id, spk, ek, not_after):
    body = xk + spk_id + spk + ek + u64(not_after)
    return body + sign(ik_seed, 'bundle', ed_public(ik_seed) + body)


def knock_secret(cap, ik):
    return KDF(cap, 'cap', ik)


def blob(w, tag, nonce, inner):
    """4,096 B from an inner envelope of 4,056 B"""
    assert len(inner) == 4056 and len(tag) == 16
    return seal(w, nonce, tag, inner)


# ---- section 4: contact request ----
def request_plain1(ik_seed, cert):
    f = cert_fields(cert)
    return (ed_public(ik_seed) + cert['XK'] + cert['id'] + cert['DK'] + f[68:]
            + cert_sign(ik_seed, cert))


def request_plain2(r):
    name, greeting, ext = r['name'].encode(), r['greeting'].encode(), r['extension']
    return zpad(r['rdh'] + r['rek'] + r['ms'] + u32(r['list_version']) + u32(r['epoch'])
                + u64(r['created']) + u8(len(r['mailboxes'])) + zpad(b''.join(r['mailboxes']), 432)
                + u8(len(name)) + zpad(name, 64) + u16(len(greeting)) + zpad(greeting, 512)
                + u16(len(ext)) + zpad(ext, 354), 2632)


def request_make(kind, to, xk_a, e, m, plain1, plain2, nonce1, nonce2):
    """to: IK, XK, SPK, spk_id, ek of B; xk_a, e: secrets of A; m: encap randomness."""
    t = {'E': x25519_base(e)}
    t['ct'], t['ss'] = kem.encap(to['ek'], m)
    t['tr'] = H('cr.tr', SUITE + u8(kind) + to['spk_id'] + to['IK'] + to['XK'] + to['SPK']
                + to['ek'] + t['E'] + t['ct'])
    t['ck1'] = KDF(t['tr'], 'cr.dh1', dh(e, to['XK']))
    t['ck2'] = KDF(t['ck1'], 'cr.dh2', dh(e, to['SPK']))
    t['ck3'] = KDF(t['ck2'], 'cr.kem', t['ss'])
    t['box1_key'] = KDF(t['ck3'], 'cr.box1')
    t['box1'] = seal(t['box1_key'], nonce1, t['tr'], plain1)
    t['ck4'] = KDF(t['ck3'], 'cr.ida', t['box1'])
    t['ck5'] = KDF(t['ck4'], 'cr.dh3', dh(xk_a, to['SPK']))
    t['ck6'] = KDF(t['ck5'], 'cr.dh4', dh(xk_a, to['XK']))
    t['box2_key'] = KDF(t['ck6'], 'cr.box2')
    t['box2'] = seal(t['box2_key'], nonce2, t['tr'], plain2)
    t['head'] = (SUITE + u8(kind) + bytes(2) + to['spk_id'] + t['E'] + t['ct'] + t['box1']
                 + t['box2'])
    assert len(t['head']) == 4048
    t['root'] = KDF(t['ck6'], 'cr.root', t['head'])
    return t


def request_read(b, req):
    """b: secrets XK, SPK, dk and publics of B -> (plain1, plain2, root); the PoW is not checked."""
    kind, spk_id, e, ct = req[1], req[4:8], req[8:40], req[40:1128]
    box1, box2 = req[1128:1376], req[1376:4048]
    tr = H('cr.tr', SUITE + u8(kind) + spk_id + b['IK'] + x25519_base(b['xk'])
           + x25519_base(b['spk']) + b['ek'] + e + ct)
    ck = KDF(KDF(tr, 'cr.dh1', dh(b['xk'], e)), 'cr.dh2', dh(b['spk'], e))
    ck = KDF(ck, 'cr.kem', kem.decap(b['dk'], ct))
    plain1 = unseal(KDF(ck, 'cr.box1'), tr, box1)
    xk_a = plain1[32:64]
    ck = KDF(KDF(ck, 'cr.ida', box1), 'cr.dh3', dh(b['spk'], xk_a))
    ck = KDF(ck, 'cr.dh4', dh(b['xk'], xk_a))
    return plain1, unseal(KDF(ck, 'cr.box2'), tr, box2), KDF(ck, 'cr.root', req[:4048])


def request_pow_hash(ik_b, ml, day, head, nonce8):
    return H('cr.pow', ik_b + ml + u64(day) + blake2b(head) + nonce8)


def request_pow(ik_b, ml, day, head, bits):
    """The lowest little-endian nonce counting from 0."""
    n = 0
    while zero_bits(request_pow_hash(ik_b, ml, day, head, u64(n))) < bits:
        n += 1
    return u64(n)


def slot_keys(s, day, slot, ml):
    """-> (tag 16, wrap key 32) of a knock slot"""
    d = u64(day) + u16(slot) + ml
    return H16('kn.tag', KDF(s, 'kn.slot', d)), KDF(s, 'kn.wrap', d)


def bundle_keys(s, spk_id, ml):
    return H16('kn.tag', KDF(s, 'bu.tag', spk_id + ml)), KDF(s, 'bu.wrap', spk_id + ml)


def heal_message(op, inner=b''):
    """A new session over a live link: op 1 bundle wanted, 2 bundle, 3 request."""
    assert len(inner) == {1: 0, 2: 4056, 3: 4056}[op]
    return u8(5) + u8(op) + inner


# ---- section 6: links ----
def k_obf_contact(p, day, net):
    return KDF(p, 'lk.obf', u64(day) + u32(net))


def k_obf_service(ml, net):
    return KDF(ml, 'sv.obf', u32(net))


def prologue_contact(device_id, p_epoch, day):
    return SUITE + b'kith-link' + device_id + u32(p_epoch) + u64(day)


def prologue_service(node_id):
    return SUITE + b'kith-svc' + node_id


def hint(l_day, e):
    return KDF(l_day, 'lk.hint', e)[:16]


def mac2(cookie, idx_i, noise1):
    return KDF(cookie, 'ck.mac', u32(idx_i) + noise1)[:16]


def link_cookie(secret, addr19):
    return KDF(secret, 'cookie', addr19)[:16]


def payload1(tai64n, incarnation, rhk, caps, x):
    return tai64n + incarnation + rhk + u32(caps) + x


def payload2(incarnation, rhk, observed):
    return incarnation + rhk + observed + b'\0'


def msg1(k_obf, nonce, idx_i, noise1, mac, pad):
    m = b'\x01\x01' + u32(idx_i) + u16(len(noise1)) + noise1 + mac + bytes(pad)
    return seal(k_obf, nonce, SUITE, m)


def msg2(k_obf, e_i, nonce, idx_i, idx_r, noise2, pad):
    m = b'\x01\x02' + u32(idx_i) + u32(idx_r) + u16(len(noise2)) + noise2 + bytes(pad)
    return seal(KDF(k_obf, 'lk.msg2', e_i), nonce, SUITE, m)


def msg_cookie(k_obf, msg1_nonce, nonce, cookie, pad):
    key = KDF(k_obf, 'ck.seal', msg1_nonce)
    return seal(key, nonce, SUITE, b'\x01\x03' + cookie + bytes(pad))


def data_packet(key, rhk, idx, pn, frames):
    """rhk is the receiver's header key"""
    head = u32(idx) + u64(pn)
    box = aead_seal(key, bytes(4) + u64(pn), head, frames)
    tag = box[-16:]
    return xor(head, chacha20_stream(rhk, le(tag[:4]), tag[4:], 12)) + box


def data_open(key, rhk, packet):
    tag = packet[-16:]
    head = xor(packet[:12], chacha20_stream(rhk, le(tag[:4]), tag[4:], 12))
    return le(head[:4]), le(head[4:]), aead_open(key, bytes(4) + head[4:], head, packet[12:])


def relay_tag(dk_pub, p, ml, day):
    h = scalar(KDF64(p, 'relay.h', dk_pub + ml + u64(day)))
    pub = blind_public(dk_pub, h)
    return h.to_bytes(32, 'little'), pub, H16('relay.tag', pub)


# ---- section 7: DHT RPC ----
def node_id(key):
    return H('node.id', key)


def rpc_key(secret, own, peer, sender, receiver):
    return KDF(dh(secret, peer), 'rpc.key', sender + receiver)


def rpc_seal(secret, receiver, net, nonce, body):
    sender = x25519_base(secret)
    assert len(body) in (64, 432, 1152)
    masked = xor(sender, xchacha_stream(KDF(receiver, 'rpc.mask'), nonce, 32))
    gate = KDF(KDF(receiver, 'rpc.gkey', u32(net)), 'rpc.gate', nonce + masked)[:8]
    head = nonce + masked + gate
    return head + xaead_seal(rpc_key(secret, sender, receiver, sender, receiver), nonce, head, body)


def rpc_head(method, flags, minutes, transaction):
    return u8(method) + b'\x01' + u16(flags) + u32(minutes) + transaction


def contact51(kind, ip16, port, key):
    return u8(kind) + ip16 + port.to_bytes(2, 'big') + key


def cookie_address(addr19):
    """IPv6 enters cookies and tokens with /64 and port"""
    return addr19 if addr19[0] != 6 else addr19[:9] + bytes(8) + addr19[17:]


def dht_cookie(secret, asker, addr19, t):
    return KDF(secret, 'dht.cook', asker + cookie_address(addr19) + u64(t // 43200))[:8]


def dht_token(secret, asker, addr19, record, t):
    return KDF(secret, 'dht.tok', asker + cookie_address(addr19) + record + u64(t // 300))[:16]


# ---- section 8: tags, buckets, stamps, receipts ----
def tag_init(r_v, ml, v):
    return KDF(r_v, 'tag.init', ml + u32(v))


def tag_next(t):
    return KDF(t, 'tag.next')


def tag_keys(t):
    """-> (pre-image d, tag, wrap key w)"""
    d = KDF(t, 'tag.pre')
    return d, H16('tag.hash', d), KDF(t, 'tag.wrap')


def mb_secret(s):
    return KDF(s, 'mb.secret')


def bucket_word(ms, ml):
    """u16 whose top p bits are the bucket"""
    return int.from_bytes(KDF(ms, 'mb.bucket', ml)[:2], 'big')


def stamp_q(ml, tag, blob_, hour):
    return H('st.pow', ml + tag + blake2b(blob_) + u64(hour))


def stamp(q, start, bits):
    """The first nonce counting up (little-endian) from start."""
    n = le(start)
    while zero_bits(KDF(q, 'st.hash', n.to_bytes(16, 'little'))) < bits:
        n += 1
    return n.to_bytes(16, 'little') + bytes(48)


def receipt_fields(ml, bucket, p, tag, blob_, received, expiry):
    return ml + u16(bucket) + u8(p) + tag + blake2b(blob_) + u64(received) + u64(expiry)


# ---- section 5: body contents whose layout is fixed there ----
def mailbox_list_entry(ml, mk, addr19, p, days, flags=0):
    """86 B of 0x0101"""
    return ml + mk + addr19 + u8(p) + u8(days) + u8(flags)


def content_mailboxes(version, entries):
    return u32(version) + u8(len(entries)) + b''.join(entries)


def content_accept(p, p_epoch, cap, session_epoch, day, ik_seed, cert, version, entries):
    return (p + u32(p_epoch) + cap + u32(session_epoch) + u64(day) + cert_fields(cert)
            + cert_sign(ik_seed, cert) + content_mailboxes(version, entries))


def content_new_p(p, p_epoch, cap):
    return p + u32(p_epoch) + cap


def content_link_root(random32, start_day):
    return random32 + u64(start_day)


def content_chat(mid, part, parts, hlc, tlvs):
    """hlc (int) only in part 0; tlvs: bytes of this part"""
    return mid + u8(part) + u8(parts) + (u64(hlc) if part == 0 else b'') + tlvs


def tlv(kind, data):
    return u8(kind) + u16(len(data)) + data


# ---- sections 9 and 10: files, manifest ----
def file_chunk(key, prefix16, index, last, m):
    return xaead_seal(key, prefix16 + index.to_bytes(7, 'little') + u8(last), b'', m)


def file_tree(leaves):
    """Pairs from the left; an odd last node moves up unchanged."""
    while len(leaves) > 1:
        leaves = [H('f.node', leaves[i] + leaves[i + 1]) if i + 1 < len(leaves) else leaves[i]
                  for i in range(0, len(leaves), 2)]
    return leaves[0]


def file_root(tree, size, key):
    return H('f.root', tree + u64(size) + H('f.key', key))


def manifest(ik_seed, version, previous, devices):
    """devices: (id 4, DK 32, XK 32, added) -> 108 + 76 n B"""
    body = SUITE + u8(len(devices)) + bytes(2) + u64(version) + previous
    body += b''.join(i + dk + xk + u64(added) for i, dk, xk, added in devices)
    return body + sign(ik_seed, 'manifest', ed_public(ik_seed) + body)
