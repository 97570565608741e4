# SPDX-License-Identifier: ISC
"""How long a node takes to answer on its control socket, and another one, asked in turn with it, on
the same busy machine: turns.py SOCKET OTHER SECONDS prints "COUNT P50_US P99_US OTHER_P99_US". A turn
of the event loop that blocks delays the answer by as much."""
import socket
import sys
import time


class Node:
    def __init__(self, path):
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        self.f = s.makefile("rwb", buffering=0)
        self.took = []
        self.call(b"hello", b'{"client":"turns","version":"1"}')
        self.took.clear()

    def call(self, method, params):
        begun = time.monotonic()
        self.f.write(b'{"jsonrpc":"2.0","id":%d,"method":"%s","params":%s}\n'
                     % (len(self.took), method, params))
        self.f.readline()
        self.took.append(int((time.monotonic() - begun) * 1e6))

    def part(self, percent):
        return sorted(self.took)[len(self.took) * percent // 100]


one, other = Node(sys.argv[1]), Node(sys.argv[2])
end = time.monotonic() + float(sys.argv[3])
while time.monotonic() < end:
    one.call(b"identity.get", b"{}")
    other.call(b"identity.get", b"{}")
    time.sleep(0.002)
print(len(one.took), one.part(50), one.part(99), other.part(99))
