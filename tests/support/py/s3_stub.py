"""An S3 store for tests, on loopback: it verifies Signature Version 4 and does whatever is asked to go wrong.

    with S3Stub() as stub:                     # http://127.0.0.1:<port>, stub.url
        stub.put("bucket", "key", data)
        stub.inject("reset", times=2, after=1000, when=lambda request: request.range_start == 0)
        ...
        stub.requests                          # what was asked, and how it was answered

It speaks HEAD, GET (ranges, If-Match, If-None-Match), PUT (If-None-Match), DELETE, ListObjectsV2 (pages, delimiter) and
multipart uploads with ListMultipartUploads, path style and virtual-host style (bucket.localhost), plain or TLS; and it
plays the credential services: instance metadata, container, STS. Objects lie in memory files and leave by sendfile, so
that it costs little beside the client under test.

This file holds the handlers of requests and the program; s3_http.py has connections and faults, s3_signature.py the
verifying, s3_objects.py what is stored.

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
import os
import re
import sys
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree
from email.utils import formatdate
from xml.sax.saxutils import escape

from s3_http import HttpServer, Refusal
from s3_objects import MemoryFile, StoredObject, Upload, md5_etag
from s3_signature import Key, verify_signature


def store_time(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


def listed_parts(body):
    """The numbers and ETags, without quotes, of the parts that a completion lists; clients order the fields as they
    like."""
    def field(part, name):
        return next((child.text or "" for child in part if child.tag.rpartition("}")[2] == name), "")

    try:
        parts = [part for part in ElementTree.fromstring(body) if part.tag.rpartition("}")[2] == "Part"]
        return [(int(field(part, "PartNumber")), field(part, "ETag").strip('"')) for part in parts]
    except (ElementTree.ParseError, ValueError):
        raise Refusal(400, "MalformedXML", "The XML you provided was not well-formed.") from None


class S3Stub(HttpServer):
    def __init__(self, region="us-east-1", port=0, tls=None):
        """`tls`: (certificate file, key file), or None for plain http."""
        super().__init__(port, tls)
        self.region = region
        self.keys = {"AKIDTEST": Key("secret/test+key")}
        self.public_buckets = set()
        self.buckets = set()         # That are there though empty.
        self.knows_conditions = True # If-None-Match on a completion; else 501.
        self.part_bytes_min = 5 << 20
        self.uploads = {}            # Those that have begun and not ended, by id.
        self.required_headers = {}   # Header -> value every object request must carry and sign.
        self.metadata = {}           # Path -> body or callable(request), of instance metadata and container services.
        self.metadata_token = "metadata-token"
        self.sts = None              # callable(parameters) -> (status, body).
        self.uploads_kept = 0        # Of multipart uploads into one folder, the newest that stay; 0: all.
        self._objects = {}

    # What tests call, beside `inject`.

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

    def has(self, bucket, key):
        return (bucket, key) in self._objects

    def object_requests(self, method="GET"):
        return [request for request in self.requests if request.method == method and request.key]

    def _answer(self, connection, request):
        try:
            fault = self._take_fault(request)
            if fault:
                self._play_instead_of_answer(connection, fault)
            if self._is_service(request):
                return self._answer_service(connection, request)
            if fault and fault.action == "corrupt":
                request.body = bytes([request.body[0] ^ 1]) + request.body[1:]
            verify_signature(request, self)
            self._answer_object(connection, request, fault)
        except Refusal as refusal:
            self._send_refusal(connection, request, refusal)

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

    def _check_free(self, request, bucket, key):
        """If-None-Match: *"""
        if "if-none-match" in request.headers:
            if not self.knows_conditions:
                raise Refusal(501, "NotImplemented",
                              "A header you provided implies functionality that is not implemented.")
            if self.has(bucket, key):
                raise Refusal(412, "PreconditionFailed",
                              "At least one of the pre-conditions you specified did not hold")

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

    # Multipart uploads.

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

    def _complete(self, connection, request, fault, upload):
        if fault and fault.action == "error_in_200":
            return self._send_upload_answer(connection, request, None, "Error",
                                            "<Code>%s</Code><Message>injected</Message>" % fault.code)
        self._check_free(request, *upload.place)
        listed = listed_parts(request.body)
        if not listed or [number for number, _ in listed] != sorted(number for number, _ in listed):
            raise Refusal(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
        if any(number not in upload.parts or upload.parts[number][1].strip('"') != etag for number, etag in listed):
            raise Refusal(400, "InvalidPart", "One or more of the specified parts could not be found.")
        files = [upload.parts[number][0] for number, _ in listed]
        if any(len(file) < self.part_bytes_min for file in files[:-1]):
            raise Refusal(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
        if fault and fault.action == "lose_bytes":
            files[-1].size -= fault.missing
        digests = b"".join(bytes.fromhex(etag) for _, etag in listed)
        stored = StoredObject(files, upload.headers, '"%s-%d"' % (hashlib.md5(digests).hexdigest(), len(listed)))
        with self._lock:
            self._objects[upload.place] = stored
            self._forget_old_uploads(*upload.place)
        del self.uploads[request.parameters["uploadId"]]
        return self._send_upload_answer(connection, request, fault, "CompleteMultipartUploadResult",
                                        "<ETag>%s</ETag>" % escape(self.etag(*upload.place)))

    def _forget_old_uploads(self, bucket, key):
        """Of the multipart uploads in the key's folder, whose ETags have a dash, keeps the newest `uploads_kept`."""
        folder = bucket, key.rpartition("/")[0]
        uploads = [place for place, stored in self._objects.items()
                   if (place[0], place[1].rpartition("/")[0]) == folder and "-" in stored.etag]
        for place in uploads[:-self.uploads_kept] if self.uploads_kept else ():
            del self._objects[place]

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
    parser.add_argument("--keep-uploads", type=int, default=0, metavar="N",
                        help="of a folder, keep the newest N multipart uploads only: their memory is used again")
    parser.add_argument("--receive-rate", type=int, default=0, metavar="N", help="take N bytes of uploads a second")
    parser.add_argument("objects", nargs="+", help="bucket/key=file, or a bucket")
    options = parser.parse_args()
    stub = S3Stub(region=options.region, port=options.port)
    key_id, _, secret = options.key.partition(":")
    stub.keys = {key_id: Key(secret)}
    stub.trusts_bodies, stub.receive_rate = options.trust_bodies, options.receive_rate
    stub.uploads_kept = options.keep_uploads
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
