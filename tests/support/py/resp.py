"""A small RESP2/RESP3 client for test programs: it shows replies as they came over the wire, type bytes included.

A reply is a Reply: `kind` is the RESP type byte ('+', '-', ':', '$', '*', '_', '#', ',', '(', '=', '%', '~', '>', '|'),
`value` the bytes of a scalar, None for a null, or the list of Replies of an aggregate (a map's is keys and values in
turn). Nothing is converted, so that a test sees exactly what a server sent.
"""

import socket


class Reply:
    __slots__ = ("kind", "value")

    def __init__(self, kind, value):
        self.kind = kind
        self.value = value

    def lines(self, indent=""):
        """The reply as the lines that a transcript shows; tests/conformance/README.md describes them."""
        if isinstance(self.value, list):
            count = len(self.value) // 2 if self.kind in "%|" else len(self.value)
            result = ["%s%s%d" % (indent, self.kind, count)]
            for item in self.value:
                result += item.lines(indent + "  ")
            return result
        return [indent + self.scalar()]

    def scalar(self):
        if self.value is None:
            return "_" if self.kind == "_" else self.kind + "-1"
        if self.kind == "$":
            return quote(self.value)
        if self.kind == "=":
            return "=" + quote(self.value)
        text = self.kind + quote(self.value)[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        # Editors strip spaces at the end of a line, and some error texts have one.
        return text[:-1] + "\\x20" if text.endswith(" ") else text

    def __repr__(self):
        return "\n".join(self.lines())


ESCAPES = {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x22: '\\"', 0x5C: "\\\\"}


def quote(data):
    """Bytes as a quoted string of printable ASCII; unquote() in transcripts reads it back."""
    return '"' + "".join(
        ESCAPES.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else "\\x%02x" % byte) for byte in data) + '"'


class Closed(Exception):
    """The server closed the connection, or was silent for the whole time limit."""


class Connection:
    """One client connection. `address` is a path (Unix socket) or a (host, port) pair."""

    def __init__(self, address, timeout=10.0):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self.buffer = b""

    def close(self):
        self.socket.close()

    def send_raw(self, data):
        self.socket.sendall(data)

    def send(self, args):
        """Sends one command, a list of bytes."""
        self.send_raw(b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(arg), arg) for arg in args))

    def call(self, *args):
        self.send([arg if isinstance(arg, bytes) else str(arg).encode() for arg in args])
        return self.read()

    def fill(self):
        try:
            data = self.socket.recv(65536)
        except socket.timeout:
            raise Closed("no reply within %.0f s" % self.socket.gettimeout()) from None
        except OSError as error:
            raise Closed("connection lost: %s" % error) from None
        if not data:
            raise Closed("connection closed")
        self.buffer += data

    def line(self):
        while b"\r\n" not in self.buffer:
            self.fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def exactly(self, size):
        while len(self.buffer) < size:
            self.fill()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def read(self):
        """The next reply or push."""
        line = self.line()
        kind, rest = chr(line[0]) if line else "", line[1:]
        if kind in ("+", "-", ":", ",", "(", "#"):
            return Reply(kind, rest)
        if kind == "_":
            return Reply(kind, None)
        if kind in ("$", "="):
            size = int(rest)
            if size < 0:
                return Reply(kind, None)
            data = self.exactly(size + 2)
            if not data.endswith(b"\r\n"):
                raise Closed("a bulk string of %d bytes does not end with CRLF" % size)
            return Reply(kind, data[:-2])
        if kind in ("*", "~", ">", "%", "|"):
            count = int(rest)
            if count < 0:
                return Reply(kind, None)
            return Reply(kind, [self.read() for _ in range(count * 2 if kind in "%|" else count)])
        raise Closed("not a reply: %r" % line)

    def at_end(self):
        """Whether the server has closed the connection and nothing is left to read."""
        if self.buffer:
            return False
        try:
            self.fill()
        except Closed as closed:
            return "no reply" not in str(closed)
        return False
