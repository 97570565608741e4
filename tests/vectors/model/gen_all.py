# SPDX-License-Identifier: ISC
"""Writes tests/vectors/*.txt; with --check compares instead. Names of outputs may follow."""
import importlib
import os
import sys

FILES = ['kdf', 'address', 'record', 'link', 'rpc', 'tags', 'request', 'mbox', 'file', 'ratchet']
FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main(args):
    check = '--check' in args
    names = [a for a in args if a in FILES] or FILES
    bad = 0
    for name in names:
        text = importlib.import_module('gen_' + name).make()
        path = os.path.join(FOLDER, name + '.txt')
        if not check:
            with open(path, 'w', encoding='ascii', newline='\n') as f:
                f.write(text)
            continue
        with open(path, encoding='ascii', newline='') as f:
            if f.read() != text:
                print(f'{name}.txt differs from the model')
                bad = 1
    print(('checked' if check else 'wrote'), ' '.join(names), '' if not bad else 'FAILED')
    return bad


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
