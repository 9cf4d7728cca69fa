#!/usr/bin/env python3
"""wire.py plain IF...          end the offloads of these ends, so that frames leave whole
wire.py NAME=IF:IF...         be the wires: what comes in at one end goes out at the other

Commands come on stdin, one a line: NAME pass | drop | up | down | delay MS. `drop` swallows both
ways, `up` and `down` what enters at the second and at the first end only; nobody is told. Answered
with the line itself. Neither netem nor a packet filter is needed, and every kernel has both ends.
"""
import array
import fcntl
import heapq
import os
import select
import socket
import struct
import sys
import time

SIOCETHTOOL = 0x8946
OFFLOADS = (0x17, 0x19, 0x1F, 0x24)  # checksums, scatter-gather, TSO, GSO
OUTGOING = 4


def plain(name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for command in OFFLOADS:
            value = array.array("B", struct.pack("II", command, 0))
            request = struct.pack("16sP", name.encode(), value.buffer_info()[0])
            try:
                fcntl.ioctl(s, SIOCETHTOOL, request)
            except OSError as error:
                print(f"{name}: {command:#x}: {error}", file=sys.stderr)


class Wire:
    def __init__(self, ends):
        self.ends = [open_end(end) for end in ends]
        self.swallows = [False, False]  # what entered at this end
        self.delay = 0.0

    def set(self, words):
        self.swallows = [words[0] in ("drop", "down"), words[0] in ("drop", "up")]
        self.delay = int(words[1]) / 1000 if words[0] == "delay" else 0.0


def open_end(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((name, 0))
    s.setblocking(False)
    return s


class Bench:
    def __init__(self, wires):
        self.wires = wires
        self.late = []  # (due, order, socket, frame)
        self.order = 0
        self.by_fd = {e.fileno(): (w, i) for w in wires.values() for i, e in enumerate(w.ends)}

    def frames(self, fd):
        wire, i = self.by_fd[fd]
        while True:
            try:
                frame, address = wire.ends[i].recvfrom(65536)
            except BlockingIOError:
                return
            if address[2] == OUTGOING or wire.swallows[i]:
                continue
            to = wire.ends[1 - i]
            if wire.delay == 0:
                self.send(to, frame)
            else:
                self.order += 1
                heapq.heappush(self.late, (time.monotonic() + wire.delay, self.order, to, frame))

    @staticmethod
    def send(to, frame):
        try:
            to.send(frame)
        except OSError:
            pass  # a full queue loses frames, as queues do

    def run(self):
        sources = [*self.by_fd, 0]
        while True:
            wait = max(0.0, self.late[0][0] - time.monotonic()) if self.late else None
            for fd in select.select(sources, [], [], wait)[0]:
                if fd != 0:
                    self.frames(fd)
                    continue
                said = os.read(0, 4096).decode()
                if not said:
                    return
                for line in said.splitlines():
                    name, *words = line.split()
                    self.wires[name].set(words)
                    print(line, flush=True)
            while self.late and self.late[0][0] <= time.monotonic():
                _, _, to, frame = heapq.heappop(self.late)
                self.send(to, frame)


if sys.argv[1] == "plain":
    for end in sys.argv[2:]:
        plain(end)
else:
    pairs = (word.split("=") for word in sys.argv[1:])
    Bench({name: Wire(ends.split(":")) for name, ends in pairs}).run()
