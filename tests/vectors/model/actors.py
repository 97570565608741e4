# SPDX-License-Identifier: ISC
"""The two people of request.txt and ratchet.txt; all secrets are fixed inputs."""
import kem
import k1
from out import fix
from prim import ed_public, x25519_base

T = 1794960000
DAY = T // 86400


class Actor:
    def __init__(self, name):
        self.name = name
        self.seed, self.xk, self.spk = (fix(f'{k}.{name}') for k in ('ik', 'xk', 'spk'))
        self.cap, self.p, self.p_epoch = fix('cap.' + name, 16), fix('p.' + name), 5
        self.spk_id, self.kem_seed = fix('spkid.' + name, 4), fix('ek.' + name, 64)
        self.ek, self.dk = kem.keygen(self.kem_seed)
        self.IK = ed_public(self.seed)
        self.XK, self.SPK = x25519_base(self.xk), x25519_base(self.spk)
        self.cert = {'id': fix('dev.' + name, 4), 'DK': ed_public(fix('dk.' + name)), 'XK': self.XK,
                     'flags': 0, 'not_after': T + 400 * 86400, 'manifest': fix('manifest.' + name)}

    def prekeys(self):
        return {'IK': self.IK, 'XK': self.XK, 'SPK': self.SPK, 'spk_id': self.spk_id, 'ek': self.ek}

    def secrets(self):
        return {'IK': self.IK, 'xk': self.xk, 'spk': self.spk, 'ek': self.ek, 'dk': self.dk}

    def boxes(self, n):
        """n mailboxes as (54 B entry, 86 B list entry)"""
        out = []
        for i in range(n):
            ml, mk = x25519_base(fix(f'ml.{self.name}.{i}')), ed_public(fix(f'mk.{self.name}.{i}'))
            addr = k1.address19(f'192.0.2.{i + 1}', 33445)
            out.append((k1.mailbox_entry(ml, addr, i % 7, 30),
                        k1.mailbox_list_entry(ml, mk, addr, i % 7, 30)))
        return out

    def accept(self, session_epoch, boxes):
        return k1.content_accept(self.p, self.p_epoch, self.cap, session_epoch, DAY, self.seed,
                                 self.cert, 1, [b[1] for b in self.boxes(boxes)])


def request(a, b, kind, epoch, tag, boxes=5, greeting='hello', extension=b''):
    """Request of actor a to actor b -> (inputs, fields, values of k1.request_make)"""
    rdh, seed = fix('rdh.' + tag), fix('rek.' + tag, 64)
    plain1 = k1.request_plain1(a.seed, a.cert)
    fields = {'rdh': x25519_base(rdh), 'rek': kem.keygen(seed)[0], 'ms': k1.mb_secret(a.p),
              'list_version': 1, 'epoch': epoch, 'created': T, 'name': a.name.upper(),
              'mailboxes': [x[0] for x in a.boxes(boxes)], 'greeting': greeting,
              'extension': extension}
    plain2 = k1.request_plain2(fields)
    inputs = {'e_secret': fix('e.' + tag), 'encap_m': fix('m.' + tag),
              'nonce1': fix('n1.' + tag, 24), 'nonce2': fix('n2.' + tag, 24)}
    t = k1.request_make(kind, b.prekeys(), a.xk, inputs['e_secret'], inputs['encap_m'],
                        plain1, plain2, inputs['nonce1'], inputs['nonce2'])
    inputs.update(rdh_secret=rdh, rek_seed=seed, plain1=plain1, plain2=plain2)
    return inputs, fields, t
