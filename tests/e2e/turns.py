# SPDX-License-Identifier: ISC
"""How long a node takes to answer on its control socket: turns.py SOCKET SECONDS
prints "COUNT P50_US P99_US". A turn of the event loop that blocks delays the answer by as much."""
import socket
import sys
import time

s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile("rwb", buffering=0)


def call(number, method, params):
    f.write(b'{"jsonrpc":"2.0","id":%d,"method":"%s","params":%s}\n' % (number, method, params))
    return f.readline()


call(0, b"hello", b'{"client":"turns","version":"1"}')
took = []
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    begun = time.monotonic()
    call(len(took) + 1, b"identity.get", b"{}")
    took.append(int((time.monotonic() - begun) * 1e6))
    time.sleep(0.002)
took.sort()
print(len(took), took[len(took) // 2], took[len(took) * 99 // 100])
