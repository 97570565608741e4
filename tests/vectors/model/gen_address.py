# SPDX-License-Identifier: ISC
"""address.txt: addresses, safety numbers, certificate."""
import k1
from out import Out, Word, fix
from prim import blake2b, ed_public, x25519_base


def make():
    o = Out('address, safety number, certificate, crypto.md section 2')
    for name in 'ab':
        ik, cap = ed_public(fix('ik.' + name)), fix('cap.' + name, 16)
        a = k1.address(ik, cap)
        assert k1.address_ok(a)
        text = k1.address_text(a)
        assert len(text) == 87
        o.rec('address').put(ik_seed=fix('ik.' + name), ik=ik, cap=cap, checksum=a[49:], address=a,
                             base32=Word(text[5:]), link=Word(text))
    key = [x25519_base(fix(f'node.{i}')) for i in range(3)]
    ip = [bytes([192, 0, 2, 1]), bytes.fromhex('20010db8000000000000000000000007'),
          bytes([198, 51, 100, 254])]
    port = [33445, 443, 1]
    for n in (1, 2, 3):
        # the address of b, the last one above
        link = text + ''.join(k1.hint_text(key[i], ip[i], port[i]) for i in range(n))
        assert [len(h) for h in link.split('.')[1:]] == [61, 80, 61][:n]
        o.rec(f'link with {n} hint(s)').put(ik=ik, cap=cap, hints=n, link=Word(link))
        for i in range(n):
            o.put(**{f'key{i}': key[i], f'ip{i}': ip[i], f'port{i}': port[i]})
    ika, ikb = ed_public(fix('ik.a')), ed_public(fix('ik.b'))
    h, digits = k1.safety_number(ika, ikb)
    assert (h, digits) == k1.safety_number(ikb, ika)
    h0 = k1.H64('verify', min(ika, ikb) + max(ika, ikb))
    o.rec('safety number').put(ik_a=ika, ik_b=ikb, h0=h0, h4096=h,
                               digits=Word(digits.replace(' ', '')))
    c = {'id': fix('dev.a', 4), 'DK': ed_public(fix('dk.a')), 'XK': x25519_base(fix('xk.a')),
         'flags': 0, 'not_after': 1830297600, 'manifest': fix('manifest.a')}
    o.rec('certificate').put(
        ik_seed=fix('ik.a'), ik=ika, device_id=c['id'], dk=c['DK'], xk=c['XK'], flags=0,
        not_after=c['not_after'], manifest_hash=c['manifest'],
        sig_input=k1.sig_input('cert', ika + k1.cert_fields(c)), sig=k1.cert_sign(fix('ik.a'), c))
    previous, body = bytes(32), b''
    for version in (1, 2):
        devices = [(fix(f'dev.{i}', 4), ed_public(fix(f'dk.{i}')), x25519_base(fix(f'xk.{i}')),
                    1794960000 + i) for i in range(version)]
        body = k1.manifest(fix('ik.a'), version, previous, devices)
        assert len(body) == 108 + 76 * version
        o.rec(f'manifest with {version} device(s)').put(
            ik_seed=fix('ik.a'), ik=ika, version=version, previous=previous,
            devices=body[44:-64], sig_input=k1.sig_input('manifest', ika + body[:-64]),
            manifest=body, manifest_hash=blake2b(body))
        previous = blake2b(body)
    return o.text()
