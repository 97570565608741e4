# SPDX-License-Identifier: ISC
"""rpc.txt: sealed DHT datagrams, cookies, tokens."""
import k1
from out import Out, fix
from prim import u16, u64, x25519_base

T = 1794960000
A4 = k1.address19('203.0.113.9', 5353)
A6 = k1.address19(bytes.fromhex('20010db8000100020003000400050006'), 6881)


def bodies():
    """(name, request body, reply body); contents are layouts of dht.md section 5."""
    tid, minutes = fix('rpc.tid', 8), T // 60
    cookie, token, key = fix('rpc.cookie', 8), fix('rpc.token', 16), fix('rpc.target')
    con = [k1.contact51(4 | (i & 3) << 4, A4[1:17], 5353 + i, x25519_base(fix(f'node.{i}')))
           for i in range(8)]
    rec = fix('rpc.record', 1024)

    def head(method, flags):
        return k1.rpc_head(method, flags, minutes, tid)
    yield ('ping', k1.zpad(head(0x01, 0x10) + cookie, 64),
           k1.zpad(head(0x81, 0) + cookie + A4, 64))
    yield ('find', k1.zpad(head(0x02, 0x03) + bytes(8) + key, 432),
           k1.zpad(head(0x82, 8) + cookie + b''.join(con), 432))
    yield ('find_value', k1.zpad(head(0x03, 0x11) + cookie + key + u64(5), 64),
           k1.zpad(head(0x82, 7 | 0x10) + cookie + token + b''.join(con[:7]), 432))
    yield ('store', k1.zpad(head(0x04, 0) + token + u16(1440) + bytes(6) + rec, 1152),
           k1.zpad(head(0x83, 1) + cookie + token + rec + con[0], 1152))


def make():
    o = Out('DHT datagrams, crypto.md section 7, dht.md section 5')
    a, b = fix('node.a'), fix('node.b')
    pa, pb = x25519_base(a), x25519_base(b)
    o.rec('keys').put(a_secret=a, a=pa, a_node_id=k1.node_id(pa), b_secret=b, b=pb,
                      b_node_id=k1.node_id(pb), dh=k1.dh(a, pb),
                      key_a_to_b=k1.rpc_key(a, pa, pb, pa, pb),
                      key_b_to_a=k1.rpc_key(a, pa, pb, pb, pa), mask_key_a=k1.KDF(pa, 'rpc.mask'),
                      mask_key_b=k1.KDF(pb, 'rpc.mask'))
    for net in (0, 7):
        o.rec('gate keys').put(net=net, gate_key_a=k1.KDF(pa, 'rpc.gkey', k1.u32(net)),
                               gate_key_b=k1.KDF(pb, 'rpc.gkey', k1.u32(net)))
        for name, req, rep in bodies():
            for secret, to, body, way in ((a, pb, req, 'request'), (b, pa, rep, 'reply')):
                nonce = fix(f'rpc.{name}.{way}.{net}', 24)
                d = k1.rpc_seal(secret, to, net, nonce, body)
                assert len(d) in (144, 512, 1232)
                o.rec(f'{name} {way}, net {net}').put(
                    net=net, sender_secret=secret, receiver=to, nonce=nonce, body=body,
                    masked=d[24:56], gate=d[56:64], datagram=d)
    for addr in (A4, A6):
        for t in (T, T + 300, T + 43200):
            s = fix('dht.secret')
            o.rec('cookie and token').put(
                secret=s, asker=pa, address=addr, address_used=k1.cookie_address(addr), time=t,
                cookie_epoch=t // 43200, cookie=k1.dht_cookie(s, pa, addr, t),
                record_key=fix('rpc.target'), token_epoch=t // 300,
                token=k1.dht_token(s, pa, addr, fix('rpc.target'), t))
    return o.text()
