# SPDX-License-Identifier: ISC
"""Output of vector files and fixed 'random' inputs."""
import hashlib


def fix(name, size=32):
    """Deterministic input bytes: SHAKE256("kith vectors " | name)."""
    return hashlib.shake_256(b'kith vectors ' + name.encode()).digest(size)


class Word(str):
    """A value without spaces, written as it stands."""


class Out:
    """Collects records of `name = value`: bytes as hex, int as decimal, Word as it stands.

    Other text is written in hex, with the text itself in a comment before it.
    """

    def __init__(self, title):
        self.title, self.records = title, []

    def rec(self, comment=''):
        self.records.append(['# ' + comment] if comment else [])
        return self

    def put(self, **fields):
        for name, v in fields.items():
            if isinstance(v, str) and not isinstance(v, Word):
                self.records[-1].append(f'# {name} text: {v}')
                v = v.encode()
            self.records[-1].append(f'{name} = {v.hex() if isinstance(v, bytes) else v}'.rstrip())
        return self

    def text(self):
        head = f'# count = {len(self.records)}\n# {self.title}\n'
        return head + ''.join('\n' + '\n'.join(r) + '\n' for r in self.records)
