"""An S3 store for tests, on loopback: it verifies Signature Version 4 and does whatever is asked to go wrong.

    with S3Stub() as stub:                     # http://127.0.0.1:<port>, stub.url
        stub.put("bucket", "key", data)
        stub.inject("reset", times=2, after=1000, when=lambda request: request.range_start == 0)
        ...
        stub.requests                          # what was asked, and how it was answered

It speaks HEAD, GET (ranges, If-Match, If-None-Match), PUT (If-None-Match), DELETE, ListObjectsV2 (pages, delimiter) and
multipart uploads with ListMultipartUploads, path style and virtual-host style (bucket.localhost), plain or TLS; and it plays the credential services: instance metadata, container, STS. Objects lie
in memory files and leave by sendfile, so that it costs little beside the client under test.

As a program: s3_stub.py [--port N] [--key ID:SECRET] [--region R] [--trust-bodies] [--receive-rate N]
              bucket/key=file... bucket...   (prints its address; a bucket alone is an empty one)

Faults (`inject`), each with `times` (default 1) and `when` (default any object GET):
    status         answer `status` with error `code`, `message`, extra `headers`
    reset, close   send `after` bytes of the body, then reset the connection, or close it in order
    stall          send `after` bytes, then nothing for `seconds`
    slow           send the body at `bytes_per_second`
    short          announce and send `missing` bytes less than asked for
    long           announce and send `extra` bytes more than asked for
    ignore_range   answer 200 with the whole object
    wrong_range    answer with a Content-Range that was not asked for
    replace        the object gets new content `data` before the request is answered
    replace_silently   the same, and If-Match is ignored
    garbage        answer something that is not HTTP
    hang           answer nothing for `seconds`
    cut_body       reset the connection after `after` bytes of the request's body
    stall_body     read `after` bytes of the request's body, then nothing for `seconds`
    corrupt        a byte of the request's body changes on its way
    lose_answer    do what is asked, then reset the connection instead of answering
    error_in_200   answer a completion with 200 and error `code` in the body
    no_etag        take a part and give it no ETag
    lose_bytes     complete an object without its last `missing` bytes
"""

import argparse
import hashlib
import hmac
import html
import os
import re
import socket
import struct
import ssl
import sys
import threading
import time
import urllib.parse
from email.utils import formatdate
from xml.sax.saxutils import escape

HEADER_BYTES_MAX = 64 * 1024
RECEIVE_BYTES = 256 * 1024  # Of a body at a time.
SKEW_SECONDS_MAX = 15 * 60
REASONS = {200: "OK", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently", 304: "Not Modified",
           307: "Temporary Redirect", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
           412: "Precondition Failed", 416: "Range Not Satisfiable", 429: "Too Many Requests",
           500: "Internal Server Error", 501: "Not Implemented", 503: "Service Unavailable"}


class Key:
    """An access key. With a `token` it is temporary; `expired` makes the store refuse it."""

    def __init__(self, secret, token=None, expired=False):
        self.secret = secret
        self.token = token
        self.expired = expired


class MemoryFile:
    """Bytes without a copy of their own in this process; gone with the last object that has them."""

    def __init__(self, data=b""):
        self.fd = os.memfd_create("s3-object")
        self.size = 0
        self.append(data)

    def __del__(self):
        os.close(self.fd)

    def __len__(self):
        return self.size

    def append(self, data):
        self.size += len(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self.fd, view):]


class StoredObject:
    def __init__(self, data, headers=(), etag=None):
        """`data`: bytes, or the memory files of its parts."""
        self.files = data if isinstance(data, list) else [MemoryFile(data)]
        self.size = sum(file.size for file in self.files)
        self.etag = etag or md5_etag(data)
        self.headers = dict(headers)
        self.modified = time.time()

    def pieces(self, start, length):
        """Where these bytes lie: (fd, offset, count)."""
        for file in self.files:
            count = min(length, file.size - start)
            if count > 0:
                yield file.fd, start, count
                length -= count
            start = max(0, start - file.size)

    def read(self, start, length):
        return b"".join(os.pread(fd, count, offset) for fd, offset, count in self.pieces(start, length))


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


class Upload:
    """A multipart upload that has begun."""

    def __init__(self, request):
        self.place = request.bucket, request.key
        self.headers = {name: value for name, value in request.headers.items()
                        if name.startswith("x-amz-meta-") or name.startswith("x-amz-server-side-") or name == "x-amz-storage-class"}
        self.parts = {}  # Number -> (memory file, ETag).
        self.initiated = time.time()


class Refusal(Exception):
    def __init__(self, status, code, message, extra="", headers=()):
        super().__init__(code)
        self.status, self.code, self.message, self.extra, self.headers = status, code, message, extra, dict(headers)


class Fault:
    def __init__(self, action, when, times, parameters):
        self.action, self.when, self.times, self.parameters = action, when, times, parameters

    def __getattr__(self, name):
        return self.parameters[name]


class Disconnect(Exception):
    pass


def md5_etag(data):
    return '"%s"' % hashlib.md5(data).hexdigest()


def store_time(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


def uri_encode(text, keep=""):
    return urllib.parse.quote(text, safe="-._~" + keep)


def canonical_query(query):
    pairs = []
    for piece in filter(None, query.split("&")):
        name, _, value = piece.partition("=")
        pairs.append((uri_encode(urllib.parse.unquote(name)), uri_encode(urllib.parse.unquote(value))))
    return "&".join("%s=%s" % pair for pair in sorted(pairs))


def hmac_sha256(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class S3Stub:
    def __init__(self, region="us-east-1", port=0, tls=None):
        """`tls`: (certificate file, key file), or None for plain http."""
        self.region = region
        self.keys = {"AKIDTEST": Key("secret/test+key")}
        self.public_buckets = set()
        self.buckets = set()         # That are there though empty.
        self.knows_conditions = True # If-None-Match on a completion; else 501.
        self.trusts_bodies = False   # Neither hashes what it receives nor gives ETags that are hashes: cheap, for benchmarks.
        self.receive_rate = 0        # Bytes a second that all bodies together come in at; 0: as fast as they are sent.
        self.part_bytes_min = 5 << 20
        self.uploads = {}            # Those that have begun and not ended, by id.
        self.required_headers = {}   # Header -> value every object request must carry and sign.
        self.clock_offset = 0        # Seconds the store's clock is ahead.
        self.metadata = {}           # Path -> body or callable(request) of the instance metadata and container services.
        self.metadata_token = "metadata-token"
        self.sts = None              # callable(parameters) -> (status, body).
        self.requests = []
        self.connections = 0
        self._objects = {}
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

    # What tests call.

    def put(self, bucket, key, data, headers=()):
        stored = StoredObject(data, headers, self._etag_of(data))
        with self._lock:
            self._objects[bucket, key] = stored

    def _etag_of(self, data):
        return '"%s"' % os.urandom(16).hex() if self.trusts_bodies else md5_etag(data)

    def etag(self, bucket, key):
        return self._objects[bucket, key].etag

    def data(self, bucket, key):
        stored = self._objects[bucket, key]
        return stored.read(0, stored.size)

    def inject(self, action, times=1, when=None, **parameters):
        with self._lock:
            self._faults.append(Fault(action, when or (lambda request: request.is_object_get), times, parameters))

    def has(self, bucket, key):
        return (bucket, key) in self._objects

    def object_requests(self, method="GET"):
        return [request for request in self.requests if request.method == method and request.key]

    # Connections.

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
            whole = self._receive_body(connection, length - len(request.body), lambda piece: pieces.append(bytes(piece)))
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
    def _reset(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Disconnect

    def _answer(self, connection, request):
        try:
            fault = self._take_fault(request)
            if fault and self._answer_before_request(connection, request, fault):
                return
            if self._is_service(request):
                return self._answer_service(connection, request)
            if fault and fault.action == "corrupt":
                request.body = bytes([request.body[0] ^ 1]) + request.body[1:]
            self._verify(request)
            self._answer_object(connection, request, fault)
        except Refusal as refusal:
            self._send_refusal(connection, request, refusal)

    def _take_fault(self, request, actions=None):
        with self._lock:
            for fault in self._faults:
                of_body = fault.action in ("cut_body", "stall_body")
                if fault.times > 0 and of_body == (actions is not None) and fault.when(request):
                    fault.times -= 1
                    return fault
        return None

    # Signatures.

    def _verify(self, request):
        headers = request.headers
        authorization = headers.get("authorization")
        if authorization is None:
            if request.bucket in self.public_buckets:
                return
            raise Refusal(403, "AccessDenied", "Access Denied")
        match = re.match(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]*)/([^/]+)/aws4_request, ?"
                         r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$", authorization)
        if not match:
            raise Refusal(400, "AuthorizationHeaderMalformed", "The authorization header is malformed")
        key_id, date, region, service, signed, signature = match.groups()
        self._verify_scope(headers, date, region, service)
        key = self.keys.get(key_id)
        if key is None:
            raise Refusal(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
        names = signed.split(";")
        self._verify_signed_names(headers, names)
        payload = headers.get("x-amz-content-sha256")
        if payload is None:
            raise Refusal(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
        text = self._string_to_sign(request, names, payload, "%s/%s/%s/aws4_request" % (date, region, service))
        signing_key = ("AWS4" + key.secret).encode()
        for part in (date, region, service, "aws4_request"):
            signing_key = hmac_sha256(signing_key, part)
        if not hmac.compare_digest(hmac_sha256(signing_key, text).hex(), signature):
            raise Refusal(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the "
                          "signature you provided. Check your key and signing method.")
        if not self.trusts_bodies and payload not in ("UNSIGNED-PAYLOAD", hashlib.sha256(request.body).hexdigest()):
            raise Refusal(400, "XAmzContentSHA256Mismatch", "The provided header does not match what was computed.")
        self._verify_token(headers, key)
        for name, value in self.required_headers.items():
            if headers.get(name) != value:
                raise Refusal(403, "AccessDenied", "Access Denied")

    def _verify_scope(self, headers, date, region, service):
        stamp = headers.get("x-amz-date", "")
        try:
            when = time.strptime(stamp, "%Y%m%dT%H%M%SZ")
        except ValueError:
            raise Refusal(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") from None
        import calendar
        if abs(calendar.timegm(when) - self._now()) > SKEW_SECONDS_MAX:
            raise Refusal(403, "RequestTimeTooSkewed",
                          "The difference between the request time and the current time is too large.")
        if stamp[:8] != date or service != "s3":
            raise Refusal(400, "AuthorizationHeaderMalformed", "The authorization header is malformed")
        if region != self.region:
            raise Refusal(400, "AuthorizationHeaderMalformed",
                          "The authorization header is malformed; the region '%s' is wrong; expecting '%s'"
                          % (region, self.region), "<Region>%s</Region>" % self.region,
                          {"x-amz-bucket-region": self.region})

    @staticmethod
    def _verify_signed_names(headers, names):
        if names != sorted(names) or any(name not in headers for name in names):
            raise Refusal(403, "SignatureDoesNotMatch", "SignedHeaders names a header that was not sent, or unsorted")
        must = ["host"] + [name for name in headers if name.startswith("x-amz-")]
        missing = [name for name in must if name not in names]
        if missing:
            raise Refusal(403, "AccessDenied",
                          "There were headers present in the request which were not signed: %s" % ", ".join(missing))

    @staticmethod
    def _verify_token(headers, key):
        token = headers.get("x-amz-security-token")
        if key.expired:
            raise Refusal(400, "ExpiredToken", "The provided token has expired.")
        if token != key.token:
            raise Refusal(403, "InvalidToken", "The provided token is malformed or otherwise invalid.")

    @staticmethod
    def _string_to_sign(request, names, payload, scope):
        lines = [request.method, request.raw_path, canonical_query(request.query)]
        lines += ["%s:%s" % (name, " ".join(request.headers[name].split())) for name in names]
        lines += ["", ";".join(names), payload]
        digest = hashlib.sha256("\n".join(lines).encode("latin-1")).hexdigest()
        return "\n".join(["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, digest])

    def _now(self):
        return time.time() + self.clock_offset

    # Objects.

    def _answer_object(self, connection, request, fault):
        if fault and fault.action in ("replace", "replace_silently"):
            self.put(request.bucket, request.key, fault.data)
        if request.method == "GET" and "uploads" in request.parameters:
            return self._list_uploads(connection, request)
        if request.is_begin or "uploadId" in request.parameters:
            return self._answer_upload(connection, request, fault)
        if request.method == "PUT" and request.key:
            self._check_free(request, request.bucket, request.key)
            self.put(request.bucket, request.key, request.body)
            if fault and fault.action == "lose_answer":
                self._reset(connection)
            return self._send(connection, request, 200, {"ETag": self.etag(request.bucket, request.key)})
        if request.method == "DELETE" and request.key:
            with self._lock:
                self._objects.pop((request.bucket, request.key), None)
            return self._send(connection, request, 204)
        if request.method not in ("GET", "HEAD"):
            raise Refusal(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
        if not request.key:
            return self._list(connection, request)
        return self._get(connection, request, fault)

    def _bucket_exists(self, bucket):
        return bucket in self.buckets or any(name == bucket for name, _ in self._objects)

    def _answer_upload(self, connection, request, fault):
        """Begins, feeds, completes or aborts a multipart upload."""
        if not self._bucket_exists(request.bucket):
            raise Refusal(404, "NoSuchBucket", "The specified bucket does not exist")
        if request.is_begin:
            with self._lock:
                name = "upload-%d" % (len(self.requests) + 1)
                self.uploads[name] = Upload(request)
            return self._send_upload_answer(connection, request, fault, "InitiateMultipartUploadResult",
                                            "<UploadId>%s</UploadId>" % name)
        upload = self.uploads.get(request.parameters["uploadId"])
        if upload is None or upload.place != (request.bucket, request.key):
            raise Refusal(404, "NoSuchUpload", "The specified multipart upload does not exist.")
        if request.is_abort:
            del self.uploads[request.parameters["uploadId"]]
            return self._send(connection, request, 204)
        if request.is_completion:
            return self._complete(connection, request, fault, upload)
        if not request.is_part or not 1 <= request.part <= 10000:
            raise Refusal(400, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
        etag = self._etag_of(request.body)
        file = request.body if isinstance(request.body, MemoryFile) else MemoryFile(request.body)
        upload.parts[request.part] = (file, etag)
        size, request.body, request.body_size = len(file), b"", len(file)
        if fault and fault.action == "lose_answer":
            self._reset(connection)
        bare = fault is not None and fault.action == "no_etag"
        return self._send(connection, request, 200, {} if bare else {"ETag": etag, "x-received": str(size)})

    def _send_upload_answer(self, connection, request, fault, element, fields):
        if fault and fault.action == "lose_answer":
            self._reset(connection)
        body = '<?xml version="1.0" encoding="UTF-8"?>\n<%s>%s</%s>' % (element, fields, element)
        return self._send(connection, request, 200, {"Content-Type": "application/xml"}, body.encode())

    def _check_free(self, request, bucket, key):
        """If-None-Match: *"""
        if "if-none-match" in request.headers:
            if not self.knows_conditions:
                raise Refusal(501, "NotImplemented", "A header you provided implies functionality that is not implemented.")
            if self.has(bucket, key):
                raise Refusal(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")

    def _complete(self, connection, request, fault, upload):
        if fault and fault.action == "error_in_200":
            return self._send_upload_answer(connection, request, None, "Error", "<Code>%s</Code><Message>injected</Message>"
                                            % fault.code)
        self._check_free(request, *upload.place)
        listed = [(int(number), html.unescape(etag)) for number, etag in
                  re.findall(r"<PartNumber>(\d+)</PartNumber><ETag>([^<]*)</ETag>", request.body.decode())]
        if not listed or [number for number, _ in listed] != sorted(number for number, _ in listed):
            raise Refusal(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
        if any(number not in upload.parts or upload.parts[number][1] != etag for number, etag in listed):
            raise Refusal(400, "InvalidPart", "One or more of the specified parts could not be found.")
        files = [upload.parts[number][0] for number, _ in listed]
        if any(len(file) < self.part_bytes_min for file in files[:-1]):
            raise Refusal(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
        if fault and fault.action == "lose_bytes":
            files[-1].size -= fault.missing
        digests = b"".join(bytes.fromhex(etag.strip('"')) for _, etag in listed)
        stored = StoredObject(files, upload.headers, '"%s-%d"' % (hashlib.md5(digests).hexdigest(), len(listed)))
        with self._lock:
            self._objects[upload.place] = stored
        del self.uploads[request.parameters["uploadId"]]
        return self._send_upload_answer(connection, request, fault, "CompleteMultipartUploadResult",
                                        "<ETag>%s</ETag>" % escape(self.etag(*upload.place)))

    def _list(self, connection, request):
        query = urllib.parse.parse_qs(request.query, keep_blank_values=True)
        prefix, delimiter = (query.get(name, [""])[0] for name in ("prefix", "delimiter"))
        if not self._bucket_exists(request.bucket):
            raise Refusal(404, "NoSuchBucket", "The specified bucket does not exist")
        with self._lock:
            objects = {key: stored for (bucket, key), stored in self._objects.items() if bucket == request.bucket}
        found = sorted(key for key in objects if key.startswith(prefix)
                       and not (delimiter and delimiter in key[len(prefix):]))
        page_keys = int(query.get("max-keys", ["1000"])[0])
        begin = int(query.get("continuation-token", ["0"])[0])
        page = found[begin:begin + page_keys]
        rows = "".join("<Contents><Key>%s</Key><LastModified>%s</LastModified><ETag>%s</ETag>"
                       "<Size>%d</Size><StorageClass>STANDARD</StorageClass></Contents>"
                       % (escape(key), store_time(objects[key].modified), escape(objects[key].etag, {'"': "&quot;"}),
                          objects[key].size) for key in page)
        more = begin + page_keys < len(found)
        token = "<NextContinuationToken>%d</NextContinuationToken>" % (begin + page_keys) if more else ""
        body = ('<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>%s</Name><Prefix>%s</Prefix>'
                "<KeyCount>%d</KeyCount><MaxKeys>%d</MaxKeys><IsTruncated>%s</IsTruncated>%s%s</ListBucketResult>"
                % (request.bucket, escape(prefix), len(page), page_keys, str(more).lower(), token, rows)).encode()
        self._send(connection, request, 200, {"Content-Type": "application/xml"}, body)

    def _list_uploads(self, connection, request):
        prefix = request.parameters.get("prefix", "")
        with self._lock:
            uploads = [(upload.place[1], name, upload.initiated) for name, upload in self.uploads.items()
                       if upload.place[0] == request.bucket and upload.place[1].startswith(prefix)]
        rows = "".join("<Upload><Key>%s</Key><UploadId>%s</UploadId><Initiated>%s</Initiated></Upload>"
                       % (escape(key), name, store_time(initiated)) for key, name, initiated in sorted(uploads))
        body = ('<?xml version="1.0" encoding="UTF-8"?><ListMultipartUploadsResult><Bucket>%s</Bucket>'
                "<IsTruncated>false</IsTruncated>%s</ListMultipartUploadsResult>" % (request.bucket, rows)).encode()
        self._send(connection, request, 200, {"Content-Type": "application/xml"}, body)

    def _get(self, connection, request, fault):
        stored = self._objects.get((request.bucket, request.key))
        if stored is None:
            if not self._bucket_exists(request.bucket):
                raise Refusal(404, "NoSuchBucket", "The specified bucket does not exist")
            raise Refusal(404, "NoSuchKey", "The specified key does not exist.")
        silently = fault is not None and fault.action == "replace_silently"
        if_match = request.headers.get("if-match")
        if if_match not in (None, stored.etag, "*") and not silently:
            raise Refusal(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
        headers = {"ETag": stored.etag, "Accept-Ranges": "bytes", "Content-Type": "binary/octet-stream",
                   "Last-Modified": formatdate(1700000000, usegmt=True), **stored.headers}
        if request.headers.get("if-none-match") == stored.etag:
            return self._send(connection, request, 304, headers)
        start, length, status = self._range(request, stored)
        if fault and fault.action == "ignore_range":
            start, length, status = 0, stored.size, 200
        if status == 206:
            shift = 1 if fault and fault.action == "wrong_range" else 0
            headers["Content-Range"] = "bytes %d-%d/%d" % (start + shift, start + length - 1 + shift, stored.size)
        if request.method == "HEAD":
            return self._send(connection, request, status, headers, announced=length)
        return self._send_body(connection, request, status, headers, stored, start, length, fault)

    @staticmethod
    def _range(request, stored):
        match = re.match(r"bytes=(\d*)-(\d*)$", request.headers.get("range", ""))
        if not match or match.groups() == ("", ""):
            return 0, stored.size, 200
        first, last = match.groups()
        if first == "":
            start = max(0, stored.size - int(last))
            return start, stored.size - start, 206
        start = int(first)
        end = min(int(last) if last else stored.size - 1, stored.size - 1)
        if start >= stored.size or end < start:
            raise Refusal(416, "InvalidRange", "The requested range is not satisfiable", "",
                          {"Content-Range": "bytes */%d" % stored.size})
        return start, end - start + 1, 206

    # Answers.

    def _send(self, connection, request, status, headers=(), body=b"", announced=None):
        request.status = status
        lines = ["HTTP/1.1 %d %s" % (status, REASONS.get(status, "Status"))]
        values = {"Date": formatdate(self._now(), usegmt=True), "Server": "s3-stub", "x-amz-request-id": "0001",
                  "Content-Length": str(len(body) if announced is None else announced), **dict(headers)}
        lines += ["%s: %s" % item for item in values.items()]
        data = ("\r\n".join(lines) + "\r\n\r\n").encode()
        connection.sendall(data + (b"" if request.method == "HEAD" else body))

    def _send_refusal(self, connection, request, refusal):
        request.code = refusal.code
        body = ('<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>%s</Code><Message>%s</Message>%s'
                "<RequestId>0001</RequestId></Error>" % (refusal.code, escape(refusal.message), refusal.extra)).encode()
        self._send(connection, request, refusal.status, {"Content-Type": "application/xml", **refusal.headers}, body)

    def _answer_before_request(self, connection, request, fault):
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
        return False

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
                import select
                if not select.select([], [fd], [], 60)[1]:
                    raise Disconnect from None
                continue
            if sent == 0:
                raise Disconnect
            start += sent
            length -= sent

    # Credential services.

    def _is_service(self, request):
        path = request.raw_path
        return path.startswith("/latest/") or path in self.metadata or (request.method == "POST" and path == "/")

    def _answer_service(self, connection, request):
        request.key = ""
        path = request.raw_path
        if request.method == "POST":
            parameters = {name: values[0] for name, values in urllib.parse.parse_qs(request.body.decode()).items()}
            status, body = self.sts(parameters) if self.sts else (404, "")
            return self._send(connection, request, status, {"Content-Type": "text/xml"}, body.encode())
        if path == "/latest/api/token":
            wanted = request.method == "PUT" and "x-aws-ec2-metadata-token-ttl-seconds" in request.headers
            if not wanted or not self.metadata:
                return self._send(connection, request, 404)
            return self._send(connection, request, 200, {}, self.metadata_token.encode())
        if path.startswith("/latest/") and request.headers.get("x-aws-ec2-metadata-token") != self.metadata_token:
            return self._send(connection, request, 401)
        body = self.metadata.get(path)
        if callable(body):
            body = body(request)
        if body is None:
            return self._send(connection, request, 404)
        return self._send(connection, request, 200, {"Content-Type": "text/plain"}, body.encode())


def main():
    parser = argparse.ArgumentParser(description="An S3 store for tests that verifies signatures.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default="AKIDTEST:secret/test+key", help="ID:SECRET")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--trust-bodies", action="store_true", help="do not hash what is uploaded")
    parser.add_argument("--receive-rate", type=int, default=0, metavar="N", help="take N bytes of uploads a second")
    parser.add_argument("objects", nargs="+", help="bucket/key=file, or a bucket")
    options = parser.parse_args()
    stub = S3Stub(region=options.region, port=options.port)
    key_id, _, secret = options.key.partition(":")
    stub.keys = {key_id: Key(secret)}
    stub.trusts_bodies, stub.receive_rate = options.trust_bodies, options.receive_rate
    for text in options.objects:
        name, _, path = text.partition("=")
        bucket, _, key = name.partition("/")
        stub.buckets.add(bucket)
        if key:
            with open(path, "rb") as file:
                stub.put(bucket, key, file.read())
    with stub:
        print(stub.url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.exit(0)


if __name__ == "__main__":
    main()
