# SPDX-License-Identifier: ISC
"""request.txt: bundle, contact request (kinds 1 and 2), message kind 5, accept content, certificates."""
import k1
from actors import DAY, T, Actor, request
from out import Out, fix
from prim import blake2b, x25519_base

FULL = {'boxes': 8, 'greeting': 'g' * 512, 'extension': k1.tlv(200, fix('ext', 351))}


def put_actor(o, x):
    c = x.cert
    o.rec('actor ' + x.name).put(
        ik_seed=x.seed, ik=x.IK, xk_secret=x.xk, xk=x.XK, spk_id=x.spk_id, spk_secret=x.spk,
        spk=x.SPK, ek_seed=x.kem_seed, ek=x.ek, cap=x.cap, p=x.p, p_epoch=x.p_epoch,
        device_id=c['id'], dk=c['DK'], flags=c['flags'], not_after=c['not_after'],
        manifest_hash=c['manifest'], sig_input=k1.sig_input('cert', x.IK + k1.cert_fields(c)),
        certificate=k1.cert_fields(c) + k1.cert_sign(x.seed, c))


def put_request(o, a, b, kind, s, bits, slot, args):
    inputs, f, t = request(a, b, kind, T, f'kind{kind}', **args)
    ml = x25519_base(fix('ml.b.0'))
    nonce = k1.request_pow(b.IK, ml, DAY, t['head'], bits)
    req = t['head'] + nonce
    assert len(req) == 4056
    assert k1.request_read(b.secrets(), req) == (inputs['plain1'], inputs['plain2'], t['root'])
    tag, w = k1.slot_keys(s, DAY, slot, ml)
    wrap_nonce = fix(f'wrap.kind{kind}', 24)
    o.rec(f'request kind {kind}, a to b').put(kind=kind, rdh=f['rdh'], rek=f['rek'], ms=f['ms'],
                                              list_version=1, epoch=T, created=T)
    for i, m in enumerate(f['mailboxes']):
        o.put(**{f'mailbox{i}': m})
    o.put(name=f['name'], greeting=f['greeting'], extension=f['extension'], **inputs)
    o.put(e=t['E'], ct=t['ct'], ss=t['ss'], tr=t['tr'],
          **{k: t[k] for k in ('ck1', 'ck2', 'ck3', 'box1_key', 'box1', 'ck4', 'ck5', 'ck6',
                               'box2_key', 'box2', 'root')})
    o.put(pow_day=DAY, pow_ml=ml, pow_bits=bits, pow_body_hash=blake2b(t['head']), pow_nonce=nonce,
          pow_hash=k1.request_pow_hash(b.IK, ml, DAY, t['head'], nonce), request=req,
          seen=k1.H16('cr.seen', req), s=s, slot=slot, tag=tag, wrap_key=w, wrap_nonce=wrap_nonce,
          blob=k1.blob(w, tag, wrap_nonce, req))
    return req


def put_bundle(o, b, s, what):
    ml = x25519_base(fix('ml.b.0'))
    body = k1.bundle(b.seed, b.XK, b.spk_id, b.SPK, b.ek, T + 37 * 86400)
    assert len(body) == 1324
    tag, w = k1.bundle_keys(s, b.spk_id, ml)
    nonce = fix('bundle.' + what, 24)
    o.rec('bundle under S of the ' + what).put(
        s=s, ml=ml, spk_id=b.spk_id, not_after=T + 37 * 86400, bundle=body,
        sig_input=k1.sig_input('bundle', b.IK + body[:1260]), tag=tag, wrap_key=w, nonce=nonce,
        blob=k1.blob(w, tag, nonce, k1.zpad(body, 4056)))
    return k1.zpad(body, 4056)


def make():
    o = Out('contact request, crypto.md section 4')
    a, b = Actor('a'), Actor('b')
    put_actor(o, a)
    put_actor(o, b)
    knock = k1.knock_secret(b.cap, b.IK)
    put_bundle(o, b, knock, 'cap')
    bundle = put_bundle(o, b, b.p, 'presence')
    put_request(o, a, b, 1, knock, 8, 16383, FULL)
    again = put_request(o, a, b, 2, b.p, 0, 0, {'boxes': 1, 'greeting': ''})
    o.rec('message kind 5 on a link, a to b: bundle wanted').put(op=1, message=k1.heal_message(1))
    o.rec('message kind 5, b to a: the bundle above').put(op=2, message=k1.heal_message(2, bundle))
    o.rec('message kind 5, a to b: the request of kind 2').put(op=3,
                                                               message=k1.heal_message(3, again))
    accept = b.accept(T, 8)
    o.rec('accept content, type 0x0100').put(type=0x100, p=b.p, p_epoch=b.p_epoch, cap=b.cap,
                                             session_epoch=T, day=DAY, list_version=1, mailboxes=8,
                                             content=accept)
    o.rec('mailbox list content, type 0x0101').put(
        type=0x101, content=k1.content_mailboxes(7, [x[1] for x in b.boxes(2)]))
    o.rec('new P content, type 0x0102').put(type=0x102, content=k1.content_new_p(a.p, 5, a.cap))
    o.rec('link root content, type 0x0104').put(
        type=0x104, content=k1.content_link_root(fix('lk.new'), DAY + 1))
    text = k1.tlv(1, b'two words') + k1.tlv(2, fix('reply', 16))
    o.rec('chat content, type 0x0001, part 0 of 2, part 1 of 2').put(
        type=1, mid=fix('mid', 16), hlc=T << 20, tlvs=text,
        content0=k1.content_chat(fix('mid', 16), 0, 2, T << 20, text[:10]),
        content1=k1.content_chat(fix('mid', 16), 1, 2, 0, text[10:]))
    return o.text()
