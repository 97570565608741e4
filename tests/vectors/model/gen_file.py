# SPDX-License-Identifier: ISC
"""file.txt: chunks, tree and root of files; plaintext byte i is (7 i + (i >> 8)) mod 256."""
import k1
from out import Out, fix
from prim import u64

CHUNK = 65536


def make():
    o = Out('files, crypto.md section 9; plaintext byte i of a file is (7 i + (i >> 8)) mod 256')
    key, prefix = fix('file.key'), fix('file.prefix', 16)
    for size in (0, 1, CHUNK, CHUNK + 1, 4 * CHUNK + 100):
        data = bytes((7 * i + (i >> 8)) & 255 for i in range(size))
        chunks = [data[i:i + CHUNK] for i in range(0, size, CHUNK)] or [b'']
        boxes = [k1.file_chunk(key, prefix, i, i + 1 == len(chunks), c)
                 for i, c in enumerate(chunks)]
        leaves = [k1.H('f.leaf', u64(i) + b) for i, b in enumerate(boxes)]
        tree = k1.file_tree(leaves)
        o.rec(f'{size} bytes').put(key=key, prefix=prefix, size=size, chunks=len(chunks))
        o.put(**{f'leaf{i}': x for i, x in enumerate(leaves)})
        o.put(last_tag=boxes[-1][-16:], key_hash=k1.H('f.key', key), tree=tree,
              root=k1.file_root(tree, size, key))
    for n in range(1, 10):
        leaves = [fix(f'leaf.{i}') for i in range(n)]
        o.rec(f'tree of {n} given leaves').put(leaves=b''.join(leaves), count=n,
                                               tree=k1.file_tree(leaves))
    return o.text()
