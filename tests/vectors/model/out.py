# SPDX-License-Identifier: ISC
"""Output of vector files and fixed 'random' inputs."""
import hashlib


def fix(name, size=32):
    """Deterministic input bytes: SHAKE256("kith vectors " | name)."""
    return hashlib.shake_256(b'kith vectors ' + name.encode()).digest(size)


class Out:
    """Collects records of `name = hex` (bytes) and `name: decimal` (int)."""

    def __init__(self, title):
        self.title, self.records = title, []

    def rec(self, comment=''):
        self.records.append(['# ' + comment] if comment else [])
        return self

    def put(self, **fields):
        for name, v in fields.items():
            if isinstance(v, str):
                self.records[-1].append(f'# {name} text: {v}')
                v = v.encode()
            if isinstance(v, int):
                self.records[-1].append(f'{name}: {v}')
            else:
                self.records[-1].append(f'{name} = {v.hex()}'.rstrip())
        return self

    def text(self):
        head = f'# count = {len(self.records)}\n# {self.title}\n'
        return head + ''.join('\n' + '\n'.join(r) + '\n' for r in self.records)
