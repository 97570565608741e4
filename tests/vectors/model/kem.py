# SPDX-License-Identifier: ISC
"""ML-KEM-768 (FIPS 203) in plain Python; algorithm numbers are those of the standard."""
import hashlib

Q, N, K, ETA, DU, DV = 3329, 256, 3, 2, 10, 4


def bitrev7(i):
    return int(f'{i:07b}'[::-1], 2)


ZETAS = [pow(17, bitrev7(i), Q) for i in range(128)]
GAMMAS = [pow(17, 2 * bitrev7(i) + 1, Q) for i in range(128)]


def G(b):
    h = hashlib.sha3_512(b).digest()
    return h[:32], h[32:]


def H(b):
    return hashlib.sha3_256(b).digest()


def encode(f, d):
    """Algorithm 5, ByteEncode."""
    n = 0
    for i, c in enumerate(f):
        n |= c << (d * i)
    return n.to_bytes(32 * d, 'little')


def decode(b, d):
    """Algorithm 6, ByteDecode (mod q for d = 12)."""
    n, m = int.from_bytes(b, 'little'), (1 << d) - 1
    return [(n >> (d * i) & m) % (Q if d == 12 else 1 << d) for i in range(N)]


def compress(f, d):
    return [((x << d) + Q // 2) // Q & ((1 << d) - 1) for x in f]


def decompress(f, d):
    return [(x * Q + (1 << (d - 1))) >> d for x in f]


def sample_ntt(seed):
    """Algorithm 7 on rho | j | i."""
    buf, out, pos = hashlib.shake_128(seed).digest(168 * 8), [], 0
    while len(out) < N:
        a, b, c = buf[pos:pos + 3]
        pos += 3
        d1, d2 = a | (b & 15) << 8, b >> 4 | c << 4
        if d1 < Q:
            out.append(d1)
        if d2 < Q and len(out) < N:
            out.append(d2)
    return out


def cbd(seed, nonce):
    """Algorithm 8 with eta = 2 on PRF(seed, nonce)."""
    n = int.from_bytes(hashlib.shake_256(seed + bytes([nonce])).digest(64 * ETA), 'little')
    out = []
    for _ in range(N):
        out.append(((n & 1) + (n >> 1 & 1) - (n >> 2 & 1) - (n >> 3 & 1)) % Q)
        n >>= 4
    return out


def ntt(f):
    f, i, size = list(f), 1, 128
    while size >= 2:
        for start in range(0, N, 2 * size):
            z = ZETAS[i]
            i += 1
            for j in range(start, start + size):
                t = z * f[j + size] % Q
                f[j + size] = (f[j] - t) % Q
                f[j] = (f[j] + t) % Q
        size >>= 1
    return f


def intt(f):
    f, i, size = list(f), 127, 2
    while size <= 128:
        for start in range(0, N, 2 * size):
            z = ZETAS[i]
            i -= 1
            for j in range(start, start + size):
                t = f[j]
                f[j] = (t + f[j + size]) % Q
                f[j + size] = z * (f[j + size] - t) % Q
        size <<= 1
    return [x * 3303 % Q for x in f]


def mul(a, b):
    out = []
    for i in range(128):
        a0, a1, b0, b1 = a[2 * i], a[2 * i + 1], b[2 * i], b[2 * i + 1]
        out += [(a0 * b0 + a1 * b1 * GAMMAS[i]) % Q, (a0 * b1 + a1 * b0) % Q]
    return out


def add(a, b):
    return [(x + y) % Q for x, y in zip(a, b)]


def dot(a, b):
    r = [0] * N
    for x, y in zip(a, b):
        r = add(r, mul(x, y))
    return r


def matrix(rho):
    return [[sample_ntt(rho + bytes([j, i])) for j in range(K)] for i in range(K)]


def pke_keygen(d):
    rho, sigma = G(d + bytes([K]))
    a = matrix(rho)
    s = [ntt(cbd(sigma, i)) for i in range(K)]
    e = [ntt(cbd(sigma, K + i)) for i in range(K)]
    t = [add(dot(a[i], s), e[i]) for i in range(K)]
    return b''.join(encode(x, 12) for x in t) + rho, b''.join(encode(x, 12) for x in s)


def pke_encrypt(ek, m, r):
    t = [decode(ek[384 * i:384 * i + 384], 12) for i in range(K)]
    a = matrix(ek[384 * K:])
    y = [ntt(cbd(r, i)) for i in range(K)]
    e1 = [cbd(r, K + i) for i in range(K)]
    e2 = cbd(r, 2 * K)
    u = [add(intt(dot([a[j][i] for j in range(K)], y)), e1[i]) for i in range(K)]
    v = add(add(intt(dot(t, y)), e2), decompress(decode(m, 1), 1))
    return b''.join(encode(compress(x, DU), DU) for x in u) + encode(compress(v, DV), DV)


def pke_decrypt(dk, c):
    u = [decompress(decode(c[320 * i:320 * i + 320], DU), DU) for i in range(K)]
    v = decompress(decode(c[960:], DV), DV)
    s = [decode(dk[384 * i:384 * i + 384], 12) for i in range(K)]
    w = intt(dot(s, [ntt(x) for x in u]))
    return encode(compress([(x - y) % Q for x, y in zip(v, w)], 1), 1)


def keygen(seed):
    """seed = d 32 | z 32 -> (ek 1184, dk 2400)"""
    ek, dk = pke_keygen(seed[:32])
    return ek, dk + ek + H(ek) + seed[32:]


def check_ek(ek):
    return len(ek) == 1184 and all(encode(decode(ek[i:i + 384], 12), 12) == ek[i:i + 384]
                                   for i in range(0, 1152, 384))


def check_dk(dk):
    return len(dk) == 2400 and H(dk[1152:2336]) == dk[2336:2368]


def encap(ek, m):
    """-> (ct 1088, ss 32)"""
    if not check_ek(ek):
        raise ValueError('ek')
    ss, r = G(m + H(ek))
    return pke_encrypt(ek, m, r), ss


def decap(dk, c):
    ek, h, z = dk[1152:2336], dk[2336:2368], dk[2368:]
    m = pke_decrypt(dk[:1152], c)
    ss, r = G(m + h)
    if pke_encrypt(ek, m, r) != c:
        return hashlib.shake_256(z + c).digest(32)
    return ss
