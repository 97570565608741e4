# SPDX-License-Identifier: ISC
"""Checks the model's primitives against public vectors: selfcheck.py DIRECTORY_WITH_JSON [N]."""
import json
import os
import sys

import kem
import noise
import prim

X = bytes.fromhex


def load(folder, name):
    with open(os.path.join(folder, name + '.json'), encoding='utf-8') as f:
        return json.load(f)


def tests(folder, name, every):
    for g in load(folder, name)['testGroups']:
        for t in g['tests'][::every]:
            yield g, t


def check(cond, what):
    if not cond:
        raise SystemExit('selfcheck: ' + what)


def aead(folder, name, open_, seal, size, every):
    n = 0
    for g, t in tests(folder, name, every):
        if len(t['iv']) != 2 * size:
            continue
        key, iv, ad, m = (X(t[k]) for k in ('key', 'iv', 'aad', 'msg'))
        box = X(t['ct'] + t['tag'])
        if t['result'] == 'valid':
            check(seal(key, iv, ad, m) == box, f"{name} {t['tcId']}")
            check(open_(key, iv, ad, box) == m, f"{name} {t['tcId']}")
        else:
            check(open_(key, iv, ad, box) is None, f"{name} {t['tcId']}")
        n += 1
    return n


def noise_vectors(folder, _):
    n = 0
    for v in load(folder, 'noise_25519_chachapoly_blake2b')['vectors']:
        if v['protocol_name'].split('_')[1] not in ('IK', 'IKpsk2'):
            continue
        psk = X(v['init_psks'][0]) if v.get('init_psks') else None
        i = noise.Noise(True, X(v['init_prologue']), X(v['init_static']), X(v['init_ephemeral']),
                        X(v['init_remote_static']), psk)
        r = noise.Noise(False, X(v['resp_prologue']), X(v['resp_static']), X(v['resp_ephemeral']),
                        None, psk)
        m = [(X(x['payload']), X(x['ciphertext'])) for x in v['messages']]
        check(i.write1(m[0][0]) == m[0][1] and r.read1(m[0][1]) == m[0][0], 'noise 1')
        check(r.write2(m[1][0]) == m[1][1] and i.read2(m[1][1]) == m[1][0], 'noise 2')
        check(i.h == r.h, 'noise h')
        if 'handshake_hash' in v:
            check(i.h == X(v['handshake_hash']), 'noise hash')
        keys = i.split()
        for j, (p, c) in enumerate(m[2:]):
            nonce = bytes(4) + prim.u64(j // 2)
            check(prim.aead_seal(keys[j % 2], nonce, b'', p) == c, 'noise transport')
        n += 1
    return n


def mlkem(folder, every):
    d = load(folder, 'acvp_mlkem_768')
    n = 0
    for t in d['keyGen'][::every]:
        check(kem.keygen(X(t['d'] + t['z'])) == (X(t['ek']), X(t['dk'])), 'keygen')
        n += 1
    for t in d['encap'][::every]:
        check(kem.encap(X(t['ek']), X(t['m'])) == (X(t['c']), X(t['k'])), 'encap')
        n += 1
    for t in d['decap'][::every]:
        check(kem.decap(X(t['dk']), X(t['c'])) == X(t['k']), 'decap')
        n += 1
    for t in d['decapKeyCheck']:
        check(kem.check_dk(X(t['dk'])) == t['testPassed'], 'dk check')
        n += 1
    for t in d['encapKeyCheck']:
        check(kem.check_ek(X(t['ek'])) == t['testPassed'], 'ek check')
        n += 1
    return n


def x25519(folder, every):
    n = 0
    for _, t in tests(folder, 'wycheproof_x25519', every):
        check(prim.x25519(X(t['private']), X(t['public'])) == X(t['shared']), f"x25519 {t['tcId']}")
        n += 1
    return n


def ed25519(folder, every):
    n = 0
    for g, t in tests(folder, 'wycheproof_ed25519', every):
        sig = X(t['sig'])
        ok = len(sig) == 64 and prim.ed_verify(X(g['publicKey']['pk']), X(t['msg']), sig)
        check(ok == (t['result'] == 'valid'), f"ed25519 {t['tcId']}")
        n += 1
    return n


def chacha(folder, every):
    return aead(folder, 'wycheproof_chacha20_poly1305', prim.aead_open, prim.aead_seal, 12, every)


def xchacha(folder, every):
    return aead(folder, 'wycheproof_xchacha20_poly1305', prim.xaead_open, prim.xaead_seal, 24,
                every)


def run(folder, every=1):
    """Counts per primitive; a file that is not there leaves its primitive out."""
    n = {}
    for f in (x25519, ed25519, chacha, xchacha, noise_vectors, mlkem):
        try:
            n[f.__name__] = f(folder, every)
        except FileNotFoundError as e:
            print('selfcheck: no', os.path.basename(e.filename))
    check(n, 'no vectors in ' + folder)
    return n


if __name__ == '__main__':
    print('selfcheck ok:', run(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1))
