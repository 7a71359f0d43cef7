"""The HTTP side of s3_stub.py: connections, requests as they come, answers, and the faults that are injected in them.

Each connection has a thread. HttpServer reads its requests one after the other and hands each to `_answer`, which a
subclass has. An answer that is an error is raised as Refusal; Disconnect ends the connection. Faults of the transfer
are played here; those of the store's own behaviour are given to its handlers. s3_stub.py has the table of faults.
"""

import os
import re
import select
import socket
import ssl
import struct
import threading
import time
import urllib.parse
from email.utils import formatdate
from xml.sax.saxutils import escape

from s3_objects import MemoryFile

HEADER_BYTES_MAX = 64 * 1024
RECEIVE_BYTES = 256 * 1024  # Of a body at a time.
REASONS = {200: "OK", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently", 304: "Not Modified",
           307: "Temporary Redirect", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
           412: "Precondition Failed", 416: "Range Not Satisfiable", 429: "Too Many Requests",
           500: "Internal Server Error", 501: "Not Implemented", 503: "Service Unavailable"}


class Request:
    """One request as it came, and how it was answered."""

    def __init__(self, method, target, headers, body):
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        path, _, self.query = target.partition("?")
        self.raw_path = path
        host = headers.get("host", "")
        name = re.match(r"(.+)\.localhost(:\d+)?$", host)
        decoded = urllib.parse.unquote_to_bytes(path).decode("utf-8", "replace")
        if name:
            self.bucket, self.key = name.group(1), decoded[1:]
        else:
            self.bucket, _, self.key = decoded[1:].partition("/")
        match = re.match(r"bytes=(\d+)-", headers.get("range", ""))
        self.range_start = int(match.group(1)) if match else None
        self.parameters = dict(urllib.parse.parse_qsl(self.query, keep_blank_values=True))
        self.part = int(self.parameters.get("partNumber", 0))
        self.status = None
        self.code = None

    @property
    def is_object_get(self):
        return self.method == "GET" and self.key != "" and not self.target.startswith("/latest/")

    @property
    def is_begin(self):
        return self.method == "POST" and "uploads" in self.parameters

    @property
    def is_part(self):
        return self.method == "PUT" and "uploadId" in self.parameters

    @property
    def is_completion(self):
        return self.method == "POST" and "uploadId" in self.parameters

    @property
    def is_abort(self):
        return self.method == "DELETE" and "uploadId" in self.parameters


class Refusal(Exception):
    """An answer that is an error. `extra` is XML for its document."""

    def __init__(self, status, code, message, extra="", headers=()):
        super().__init__(code)
        self.status, self.code, self.message, self.extra, self.headers = status, code, message, extra, dict(headers)


class Disconnect(Exception):
    """The connection ends here, without an answer or in the middle of one."""


class Fault:
    """What was injected; its parameters are its attributes."""

    def __init__(self, action, when, times, parameters):
        self.action, self.when, self.times, self.parameters = action, when, times, parameters

    def __getattr__(self, name):
        return self.parameters[name]


class HttpServer:
    """Listens on loopback while it is a context. A subclass has `_answer(connection, request)`."""

    def __init__(self, port=0, tls=None):
        """`tls`: (certificate file, key file), or None for plain http."""
        self.trusts_bodies = False   # Neither hashes what it receives nor gives ETags that are hashes: for benchmarks.
        self.receive_rate = 0        # Bytes a second that all bodies together come in at; 0: as fast as they are sent.
        self.clock_offset = 0        # Seconds the server's clock is ahead.
        self.requests = []
        self.connections = 0
        self._faults = []
        self._received_until = 0.0   # When the bytes received so far are due at `receive_rate`.
        self._lock = threading.Lock()
        self._tls = None
        if tls:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*tls)
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self._listener.settimeout(0.2)
        self.port = self._listener.getsockname()[1]
        self.url = "%s://127.0.0.1:%d" % ("https" if tls else "http", self.port)
        self._stopping = False
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping = True
        self._thread.join()
        self._listener.close()

    def now(self):
        return time.time() + self.clock_offset

    # Faults.

    def inject(self, action, times=1, when=None, **parameters):
        with self._lock:
            self._faults.append(Fault(action, when or (lambda request: request.is_object_get), times, parameters))

    def _take_fault(self, request, actions=None):
        with self._lock:
            for fault in self._faults:
                of_body = fault.action in ("cut_body", "stall_body")
                if fault.times > 0 and of_body == (actions is not None) and fault.when(request):
                    fault.times -= 1
                    return fault
        return None

    def _maybe_break_body(self, connection, request, received):
        fault = self._take_fault(request, ("cut_body", "stall_body"))
        if fault is None:
            return
        while received < fault.after:
            piece = connection.recv(min(65536, fault.after - received))
            if not piece:
                break
            received += len(piece)
        if fault.action == "stall_body":
            time.sleep(fault.seconds)
        self._reset(connection)

    @staticmethod
    def _play_instead_of_answer(connection, fault):
        """Raises when the fault is one that the store behind never hears of."""
        if fault.action == "status":
            parameters = fault.parameters
            raise Refusal(parameters["status"], parameters.get("code", ""), parameters.get("message", "injected"),
                          parameters.get("extra", ""), parameters.get("headers", {}))
        if fault.action == "garbage":
            connection.sendall(b"\x00\x01 this is not HTTP\r\n\r\n")
            raise Disconnect
        if fault.action == "hang":
            time.sleep(fault.seconds)
            raise Disconnect

    @staticmethod
    def _reset(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Disconnect

    # Connections and what comes in on them.

    def _accept(self):
        while not self._stopping:
            try:
                connection, _ = self._listener.accept()
            except socket.timeout:
                continue
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        connection.settimeout(60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.receive_rate:  # Or the socket's own buffer would take whole parts at once.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            buffer = b""
            while True:
                request, buffer = self._receive(connection, buffer)
                if request is None:
                    break
                with self._lock:
                    self.requests.append(request)
                self._answer(connection, request)
        except (Disconnect, OSError):
            pass
        finally:
            connection.close()

    def _receive(self, connection, buffer):
        while b"\r\n\r\n" not in buffer:
            piece = connection.recv(65536)
            if not piece or len(buffer) > HEADER_BYTES_MAX:
                return None, b""
            buffer += piece
        head, _, buffer = buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        if headers.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        length = int(headers.get("content-length", 0))
        if length:
            self._maybe_break_body(connection, Request(method, target, headers, b""), len(buffer))
        request = Request(method, target, headers, buffer[:length])
        if self.trusts_bodies and request.is_part:
            request.body = MemoryFile(request.body)
            whole = self._receive_body(connection, length - len(request.body), request.body.append)
        else:
            pieces = [request.body]
            whole = self._receive_body(connection, length - len(request.body),
                                       lambda piece: pieces.append(bytes(piece)))
            request.body = b"".join(pieces)
        return (request, buffer[length:]) if whole else (None, b"")

    def _receive_body(self, connection, missing, take):
        """Hands what is missing of a body to `take`, piece by piece; False when the connection ends before."""
        buffer = memoryview(bytearray(min(missing, RECEIVE_BYTES)))
        while missing > 0:
            count = connection.recv_into(buffer[:missing])
            if not count:
                return False
            take(buffer[:count])
            missing -= count
            self._pace(count)
        return True

    def _pace(self, count):
        """Returns when so many more bytes are due."""
        if not self.receive_rate:
            return
        with self._lock:
            now = time.monotonic()
            self._received_until = max(self._received_until, now) + count / self.receive_rate
            pause = self._received_until - now
        time.sleep(pause)

    # Answers.

    def _send(self, connection, request, status, headers=(), body=b"", announced=None):
        request.status = status
        lines = ["HTTP/1.1 %d %s" % (status, REASONS.get(status, "Status"))]
        values = {"Date": formatdate(self.now(), usegmt=True), "Server": "s3-stub", "x-amz-request-id": "0001",
                  "Content-Length": str(len(body) if announced is None else announced), **dict(headers)}
        lines += ["%s: %s" % item for item in values.items()]
        data = ("\r\n".join(lines) + "\r\n\r\n").encode()
        connection.sendall(data + (b"" if request.method == "HEAD" else body))

    def _send_refusal(self, connection, request, refusal):
        request.code = refusal.code
        body = ('<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>%s</Code><Message>%s</Message>%s'
                "<RequestId>0001</RequestId></Error>" % (refusal.code, escape(refusal.message), refusal.extra)).encode()
        self._send(connection, request, refusal.status, {"Content-Type": "application/xml", **refusal.headers}, body)

    def _send_body(self, connection, request, status, headers, stored, start, length, fault):
        action = fault.action if fault else ""
        if action == "short":
            length -= fault.missing
        if action == "long":
            length += fault.extra
        self._send(connection, request, status, headers, announced=length)
        if action in ("reset", "close", "stall"):
            self._send_file(connection, stored, start, min(fault.after, length))
            if action == "stall":
                time.sleep(fault.seconds)
            if action == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise Disconnect
        if action == "slow":
            piece = max(1, fault.bytes_per_second // 20)
            for offset in range(0, length, piece):
                self._send_file(connection, stored, start + offset, min(piece, length - offset))
                time.sleep(0.05)
            return
        self._send_file(connection, stored, start, length)

    def _send_file(self, connection, stored, start, length):
        if self._tls or start + length > stored.size:
            data = stored.read(start, length)
            return connection.sendall(data + b"\0" * (length - len(data)))
        for piece in stored.pieces(start, length):
            self._send_piece(connection.fileno(), *piece)

    @staticmethod
    def _send_piece(fd, file, start, length):
        while length > 0:
            try:
                sent = os.sendfile(fd, file, start, length)
            except BlockingIOError:
                # The socket has a timeout, so it is non-blocking underneath.
                if not select.select([], [fd], [], 60)[1]:
                    raise Disconnect from None
                continue
            if sent == 0:
                raise Disconnect
            start += sent
            length -= sent
