"""A small blocking RESP2 client, for control and for probing latency; never the load itself."""

import socket


class ReplyError(Exception):
    """An error reply; the text is the server's."""


def encode(words) -> bytes:
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


class Client:
    """One connection. Not for concurrent use."""

    def __init__(self, port: int, timeout_s: float = 600):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def call(self, *words):
        """Sends one command and returns its reply: str, int, None or a list. Raises ReplyError."""
        self._socket.sendall(encode(words))
        return self._read()

    def pipeline(self, commands) -> list:
        """Sends them together and returns their replies."""
        self._socket.sendall(b"".join(encode(words) for words in commands))
        return [self._read() for _ in commands]

    def info(self, section: str = "all") -> dict[str, str]:
        lines = self.call("INFO", section).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))

    def _read(self):
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        mark, rest = line[:1], line[1:-2]
        if mark == b"+":
            return rest.decode()
        if mark == b"-":
            raise ReplyError(rest.decode())
        if mark == b":":
            return int(rest)
        count = int(rest)
        if count < 0:
            return None
        if mark == b"*":
            return [self._read() for _ in range(count)]
        return self._file.read(count + 2)[:-2].decode(errors="replace")
