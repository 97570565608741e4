# SPDX-License-Identifier: ISC
"""mbox.txt: mailbox frames as one conversation with a mailbox, docs/protocol.md section 9.

`link` 1 opens a new link, 0 goes on with the one before; a record without `request` is a PUSH that
comes by itself, after the second envelope was PUT by somebody else. The reply must be `reply`,
where `free_len` bytes from `free_at` on depend on the mailbox's key and are zero here.
"""
import k1
from out import Out, Word
from prim import x25519_base

DAY, NOW, BITS, DAYS = 20775, 20775 * 86400 + 43200 + 1000, 6, 30
ML = x25519_base(b'\x01' * 32)
INFO, PUT, LIST, GET, DELETE, WATCH, HAVE, KEEP, PUSH, ERROR = 1, 2, 3, 4, 5, 6, 7, 10, 0xc6, 0x7f
OK, CLASS, NOTFOUND, MALFORMED, UNKNOWN = 0, 6, 7, 9, 10


def frame(verb, number, body):
    return k1.u32(3 + len(body)) + k1.u8(verb) + k1.u16(number) + body


def request(verb, number, body):
    return frame(verb, number, k1.zpad(body, max(len(body), 121)))


def reply(verb, number, status, body=b'', step=1):
    whole = 8 + len(body)
    return frame(verb | 0x80, number, k1.u8(status) + body + bytes(-whole % step))


def parcel(n):
    """-> (d, tag, blob, bucket): those of parcel_make in tests/unit/node/mbox_world.c"""
    d = k1.u16(n) + b'\x11' * 30
    return d, k1.H16('tag.hash', d), bytes((i * 7 + n) & 255 for i in range(4096)), (n & 7) << 13


def bucket(word, p):
    return k1.u16(word) + k1.u8(p)


def stamp(tag, data):
    return k1.stamp(k1.stamp_q(ML, tag, data, NOW // 3600), bytes(16), BITS)


def make():
    o = Out('mailbox frames, mailbox.md section 4')
    d, tag, blob, word = parcel(3)
    tag2 = parcel(11)[1]  # of the same bucket
    absent = [parcel(n)[1] for n in (20, 21, 22)]

    def ask(what, verb, number, body, status, answer=b'', link=0, step=1, free=(0, 0)):
        o.rec(what).put(verb=Word(what.split()[0]), link=link, request=request(verb, number, body),
                        reply=reply(verb, number, status, answer, step), free_at=free[0],
                        free_len=free[1])

    ask('INFO', INFO, 0, k1.u8(1), OK, k1.u8(1) + k1.u8(1 | 4 | 8) + k1.u64(NOW) + k1.u8(0)
        + k1.u8(DAYS) + k1.u8(255) + k1.u8(BITS) + k1.u8(1) + bytes(96), link=1, free=(23, 96))
    ask('PUT, first envelope', PUT, 1, tag + bucket(word, 3) + k1.u8(2) + k1.u8(3)
        + stamp(tag, blob) + blob, OK,
        k1.u64(NOW) + k1.u64(NOW + 30 * 86400) + bytes(64) + k1.u32(0), free=(24, 64))
    o.rec('LIST on a link of a PUT: ERROR').put(
        verb=Word('LIST'), link=0, free_at=0, free_len=0,
        request=request(LIST, 2, bucket(word, 3) + k1.u32(DAY) + k1.u32(0) + k1.u32(DAY)
                        + k1.u16(60)), reply=frame(ERROR, 2, k1.u8(MALFORMED) + k1.u32(60)))
    ask('LIST, p of 7', LIST, 0, bucket(word, 7) + k1.u32(DAY) + k1.u32(0) + k1.u32(DAY)
        + k1.u16(60), CLASS, link=1)
    ask('LIST, one tag', LIST, 1, bucket(word, 3) + k1.u32(DAY) + k1.u32(0) + k1.u32(DAY)
        + k1.u16(60), OK, k1.u32(DAY) + k1.u32(1) + k1.u8(0) + k1.u16(1) + tag, step=1024)
    ask('GET, one of four', GET, 2, k1.u8(4) + absent[0] + tag + absent[1] + absent[2], OK,
        k1.u8(NOTFOUND) + k1.u8(0) + k1.u8(OK) + k1.u8(0) + blob + 2 * (k1.u8(NOTFOUND) + k1.u8(0)))
    nonce = [bytes([i]) * 16 for i in range(8)]
    ask('HAVE, the last of eight', HAVE, 3,
        b''.join((tag if i == 7 else absent[i % 3]) + nonce[i] for i in range(8)), OK,
        7 * (k1.u8(NOTFOUND) + bytes(40)) + k1.u8(OK) + k1.u64(NOW + 30 * 86400)
        + k1.H('mb.have', nonce[7] + blob))
    ask('WATCH, two buckets', WATCH, 4, k1.u8(2) + bucket(word, 3) + bucket(0x2000, 4), OK,
        2 * (k1.u32(DAY) + k1.u32(1)))
    o.rec('PUSH of the second envelope').put(verb=Word('PUSH'), link=0, tag=tag2, reply=frame(
        PUSH, 0, k1.u16(word) + k1.u8(1) + k1.u32(1) + tag2), free_at=0, free_len=0)
    ask('unknown verb', 0x33, 5, b'', UNKNOWN)
    ask('DELETE', DELETE, 6, d, OK, link=1)
    record, del_tag = bytes(1024), k1.H16('mb.del', d)
    ask('KEEP of what is no record', KEEP, 7, k1.u64(NOW + 86400) + del_tag + k1.u8(3)
        + stamp(del_tag, record) + k1.u8(1) + record, OK, k1.u8(MALFORMED), link=1)
    return o.text()
