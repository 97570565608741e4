# SPDX-License-Identifier: ISC
"""Primitives of suite K1 in plain Python: slow, readable, NOT constant time, for vectors only."""
import hashlib
import struct


def u8(n):
    return n.to_bytes(1, 'little')


def u16(n):
    return n.to_bytes(2, 'little')


def u32(n):
    return n.to_bytes(4, 'little')


def u64(n):
    return n.to_bytes(8, 'little')


def le(b):
    return int.from_bytes(b, 'little')


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def blake2b(data, size=32, key=b'', person=b''):
    return hashlib.blake2b(data, digest_size=size, key=key, person=person).digest()


# ---- Curve25519 field ----
Q = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493


def x25519(k, u):
    """RFC 7748 section 5. The caller refuses an all-zero result."""
    k = le(k) & ~7 & (2**255 - 1) & ~(1 << 255) | 1 << 254
    x1 = (le(u) & (2**255 - 1)) % Q
    x2, z2, x3, z3 = 1, 0, x1, 1
    swap = 0
    for t in range(254, -1, -1):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % Q, b * b % Q, d * a % Q, c * b % Q
        e = aa - bb
        x3 = (da + cb)**2 % Q
        z3 = x1 * (da - cb)**2 % Q
        x2 = aa * bb % Q
        z2 = e * (aa + 121665 * e) % Q
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, Q - 2, Q) % Q).to_bytes(32, 'little')


def x25519_base(k):
    return x25519(k, b'\x09' + bytes(31))


def dh(k, pub):
    out = x25519(k, pub)
    if out == bytes(32):
        raise ValueError('all-zero DH')
    return out


# ---- Ed25519, RFC 8032, extended coordinates (X, Y, Z, T) ----
D = -121665 * pow(121666, Q - 2, Q) % Q
SQRT_M1 = pow(2, (Q - 1) // 4, Q)
IDENT = (0, 1, 1, 0)


def ed_add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % Q
    b = (p[1] + p[0]) * (q[1] + q[0]) % Q
    c = 2 * p[3] * q[3] * D % Q
    d = 2 * p[2] * q[2] % Q
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % Q, g * h % Q, f * g % Q, e * h % Q


def ed_mul(s, p):
    r = IDENT
    while s:
        if s & 1:
            r = ed_add(r, p)
        p = ed_add(p, p)
        s >>= 1
    return r


def ed_equal(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % Q == 0 and (p[1] * q[2] - q[1] * p[2]) % Q == 0


def ed_x(y, sign):
    if y >= Q:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, Q - 2, Q) % Q
    x = pow(x2, (Q + 3) // 8, Q)
    if (x * x - x2) % Q:
        x = x * SQRT_M1 % Q
    if (x * x - x2) % Q or (x == 0 and sign):
        return None
    return Q - x if x & 1 != sign else x


BY = 4 * pow(5, Q - 2, Q) % Q
BX = ed_x(BY, 0)
B = (BX, BY, 1, BX * BY % Q)


def ed_encode(p):
    z = pow(p[2], Q - 2, Q)
    x, y = p[0] * z % Q, p[1] * z % Q
    return (y | (x & 1) << 255).to_bytes(32, 'little')


def ed_decode(b):
    """Canonical encodings only; None otherwise."""
    y = le(b)
    sign, y = y >> 255, y & (2**255 - 1)
    x = ed_x(y, sign)
    return None if x is None else (x, y, 1, x * y % Q)


def ed_prime_order(p):
    """True for a point of the prime-order group other than the identity."""
    return not ed_equal(p, IDENT) and ed_equal(ed_mul(L, p), IDENT)


def ed_expand(seed):
    """(clamped scalar a, prefix 32 B)"""
    h = hashlib.sha512(seed).digest()
    return le(h[:32]) & ~7 & (2**254 - 1) | 1 << 254, h[32:]


def ed_public(seed):
    return ed_encode(ed_mul(ed_expand(seed)[0], B))


def ed_sign(seed, msg):
    a, prefix = ed_expand(seed)
    pub = ed_encode(ed_mul(a, B))
    r = le(hashlib.sha512(prefix + msg).digest()) % L
    big_r = ed_encode(ed_mul(r, B))
    k = le(hashlib.sha512(big_r + pub + msg).digest()) % L
    return big_r + ((r + k * a) % L).to_bytes(32, 'little')


def ed_verify(pub, msg, sig):
    a, r, s = ed_decode(pub), ed_decode(sig[:32]), le(sig[32:])
    if len(sig) != 64 or a is None or r is None or s >= L:
        return False
    k = le(hashlib.sha512(sig[:32] + pub + msg).digest()) % L
    return ed_equal(ed_mul(s, B), ed_add(r, ed_mul(k, a)))


# ---- ChaCha20 family ----
SIGMA = struct.unpack('<4I', b'expand 32-byte k')
QUARTERS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
            (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def chacha_rounds(s):
    m = 0xffffffff
    x = list(s)
    for _ in range(10):
        for i, j, k, l in QUARTERS:
            a, b, c, d = x[i], x[j], x[k], x[l]
            a = a + b & m
            d ^= a
            d = (d << 16 | d >> 16) & m
            c = c + d & m
            b ^= c
            b = (b << 12 | b >> 20) & m
            a = a + b & m
            d ^= a
            d = (d << 8 | d >> 24) & m
            c = c + d & m
            b ^= c
            b = (b << 7 | b >> 25) & m
            x[i], x[j], x[k], x[l] = a, b, c, d
    return x


def chacha20_stream(key, counter, nonce12, size):
    """RFC 8439 (IETF) keystream."""
    k, n = struct.unpack('<8I', key), struct.unpack('<3I', nonce12)
    out = bytearray()
    while len(out) < size:
        s = SIGMA + k + (counter & 0xffffffff,) + n
        out += struct.pack('<16I', *(a + b & 0xffffffff for a, b in zip(chacha_rounds(s), s)))
        counter += 1
    return bytes(out[:size])


def hchacha20(key, nonce16):
    x = chacha_rounds(SIGMA + struct.unpack('<8I', key) + struct.unpack('<4I', nonce16))
    return struct.pack('<8I', *(x[:4] + x[12:]))


def poly1305(key, msg):
    r, s = le(key[:16]) & 0x0ffffffc0ffffffc0ffffffc0fffffff, le(key[16:])
    acc = 0
    for i in range(0, len(msg), 16):
        acc = (acc + le(msg[i:i + 16] + b'\x01')) * r % (2**130 - 5)
    return (acc + s & (2**128 - 1)).to_bytes(16, 'little')


def aead_tag(key, nonce, ad, ct):
    def pad(b):
        return b + bytes(-len(b) % 16)
    return poly1305(chacha20_stream(key, 0, nonce, 32),
                    pad(ad) + pad(ct) + u64(len(ad)) + u64(len(ct)))


def aead_seal(key, nonce12, ad, msg):
    """ChaCha20-Poly1305-IETF -> ciphertext | tag"""
    ct = xor(msg, chacha20_stream(key, 1, nonce12, len(msg)))
    return ct + aead_tag(key, nonce12, ad, ct)


def aead_open(key, nonce12, ad, box):
    if len(box) < 16 or aead_tag(key, nonce12, ad, box[:-16]) != box[-16:]:
        return None
    return xor(box[:-16], chacha20_stream(key, 1, nonce12, len(box) - 16))


def xchacha_stream(key, nonce24, size, counter=0):
    return chacha20_stream(hchacha20(key, nonce24[:16]), counter, bytes(4) + nonce24[16:], size)


def xaead_seal(key, nonce24, ad, msg):
    """XChaCha20-Poly1305 -> ciphertext | tag"""
    return aead_seal(hchacha20(key, nonce24[:16]), bytes(4) + nonce24[16:], ad, msg)


def xaead_open(key, nonce24, ad, box):
    return aead_open(hchacha20(key, nonce24[:16]), bytes(4) + nonce24[16:], ad, box)


# ---- HMAC and Noise HKDF over BLAKE2b-512 (block 128 B) ----
def hmac_blake2b(key, data):
    if len(key) > 128:
        key = blake2b(key, 64)
    key += bytes(128 - len(key))
    inner = blake2b(xor(key, b'\x36' * 128) + data, 64)
    return blake2b(xor(key, b'\x5c' * 128) + inner, 64)


def hkdf(ck, ikm, n):
    temp = hmac_blake2b(ck, ikm)
    out, prev = [], b''
    for i in range(1, n + 1):
        prev = hmac_blake2b(temp, prev + u8(i))
        out.append(prev)
    return out
