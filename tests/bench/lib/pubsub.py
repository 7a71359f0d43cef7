"""Row `pubsub`: server CPU of one PUBLISH to many subscribers, beside the reference's."""

import selectors
import socket
import threading

from .context import Context
from .process import Server
from .report import median, paired_ratio

SUBSCRIBERS = 100
PAYLOAD_BYTES = 64
MESSAGES = {1: 1_000, 16: 4_000}  # By pipeline depth of the publisher.
READ_BYTES = 1 << 18
ALLOWED_RATIO = 0.8
CHANNEL = b"news"


def request(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


PAYLOAD = b"x" * PAYLOAD_BYTES
PUBLISH = request(b"PUBLISH", CHANNEL, PAYLOAD)
MESSAGE = request(b"message", CHANNEL, PAYLOAD)
CONFIRMATION = b"*3\r\n" + request(b"subscribe", CHANNEL)[4:] + b":1\r\n"
ANSWER = b":%d\r\n" % SUBSCRIBERS


def read_exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise RuntimeError("the server closed a connection")
        data += piece
    return data


class Audience:
    """Subscribers that read all that comes, on a thread of their own."""

    def __init__(self, port: int):
        self._selector = selectors.DefaultSelector()
        self._sockets = []
        for _ in range(SUBSCRIBERS):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.sendall(request(b"SUBSCRIBE", CHANNEL))
            if read_exactly(connection, len(CONFIRMATION)) != CONFIRMATION:
                raise RuntimeError("SUBSCRIBE is answered in another way")
            self._selector.register(connection, selectors.EVENT_READ)
            self._sockets.append(connection)

    def expect(self, messages: int) -> threading.Thread:
        """A thread that ends when every subscriber got so many messages, and not a byte more."""
        thread = threading.Thread(target=self._read, args=(messages * len(MESSAGE) * SUBSCRIBERS,))
        thread.start()
        return thread

    def _read(self, size: int) -> None:
        while size > 0:
            for key, _ in self._selector.select(60):
                piece = len(key.fileobj.recv(READ_BYTES))
                if piece == 0:
                    raise RuntimeError("the server closed a subscriber")
                size -= piece

    def close(self) -> None:
        self._selector.close()
        for connection in self._sockets:
            connection.close()


def publish(port: int, messages: int, depth: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(messages // depth):
            connection.sendall(PUBLISH * depth)
            if read_exactly(connection, len(ANSWER) * depth) != ANSWER * depth:
                raise RuntimeError("a subscriber is missing")


def cpu_us_per_message(server: Server, audience: Audience, depth: int) -> float:
    messages = MESSAGES[depth]
    reading = audience.expect(messages)
    before = server.cpu_ns()
    publish(server.port, messages, depth)
    reading.join()
    return (server.cpu_ns() - before) / messages / 1000


def run(context: Context) -> None:
    servers = {candidate.name: context.fleet.make(candidate, context.server_cpus, io_threads="1")
               for candidate in context.all}
    audiences = {}
    for name, server in servers.items():
        server.start()
        audiences[name] = Audience(server.port)
    rows = []
    for depth in MESSAGES:
        measured = {name: [] for name in servers}
        for _ in range(context.arguments.rounds):
            for name, server in servers.items():
                measured[name].append(cpu_us_per_message(server, audiences[name], depth))
        for name, values in measured.items():
            rows.append([f"-P {depth}", name, median(values)])
        ratio = paired_ratio(measured[context.ours.name], measured[context.reference.name])
        context.report.figure(f"PUBLISH to {SUBSCRIBERS}, -P {depth}: CPU against {context.reference.name}", ratio,
                              target=f"<= {ALLOWED_RATIO}")
    for audience in audiences.values():
        audience.close()
    context.report.table(f"pubsub: {PAYLOAD_BYTES}-byte messages to {SUBSCRIBERS} subscribers",
                         ["publisher", "server", "CPU us a message"], rows)
