"""Stands between clients and the broker, passes everything on, and keeps requests as seeds for fuzzing: a few of each API and version,
each from another library. Started by scripts/clients; told to end, it writes them down as they were on the wire, one after another."""

import re
import signal
import socket
import struct
import sys
import threading

# Larger requests are no good seeds.
FRAME_BYTES_MAX = 600
# Of each API and version.
FRAMES_MAX = 3


class Capture:
    """What was seen so far: for each API and version, by what the client calls itself."""

    def __init__(self):
        self.lock, self.frames = threading.Lock(), {}

    def offer(self, frame):
        api, version, _, length = struct.unpack_from(">hhih", frame, 4)
        name = frame[14:14 + max(length, 0)].decode(errors="replace")
        library = re.match("[^0-9]*", name).group()
        with self.lock:
            self.frames.setdefault((api, version), {}).setdefault(library, frame)

    def write(self, path):
        with self.lock, open(path, "wb") as out:
            for _, of_libraries in sorted(self.frames.items()):
                out.write(b"".join(frame for _, frame in sorted(of_libraries.items())[:FRAMES_MAX]))


class Frames:
    """Cuts what a client sends into frames."""

    def __init__(self, capture):
        self.capture, self.rest = capture, b""

    def take(self, data):
        data = self.rest + data
        while len(data) >= 4:
            size = 4 + struct.unpack_from(">i", data)[0]
            if len(data) < size:
                break
            if 14 <= size <= FRAME_BYTES_MAX:
                self.capture.offer(data[:size])
            data = data[size:]
        self.rest = data


def pump(source, sink, see):
    try:
        while data := source.recv(1 << 16):
            see(data)
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, sink):
            end.close()


def serve(listener, broker, capture):
    while True:
        client, _ = listener.accept()
        try:
            beyond = socket.create_connection(broker)
        except OSError:
            client.close()
            continue
        for end in (client, beyond):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for source, sink, see in ((client, beyond, Frames(capture).take), (beyond, client, lambda _: None)):
            threading.Thread(target=pump, args=(source, sink, see), daemon=True).start()


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def main():
    own, broker, path = sys.argv[1:]
    capture = Capture()
    listener = socket.create_server(address(own), backlog=128)
    threading.Thread(target=serve, args=(listener, address(broker), capture), daemon=True).start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    capture.write(path)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
