"""What the store of s3_stub.py keeps: objects, whose bytes lie in memory files, and multipart uploads that have begun.

Nothing here knows a connection or a request's signature.
"""

import hashlib
import os
import time


def md5_etag(data):
    return '"%s"' % hashlib.md5(data).hexdigest()


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


class Upload:
    """A multipart upload that has begun."""

    def __init__(self, request):
        self.place = request.bucket, request.key
        self.headers = {name: value for name, value in request.headers.items()
                        if name.startswith(("x-amz-meta-", "x-amz-server-side-")) or name == "x-amz-storage-class"}
        self.parts = {}  # Number -> (memory file, ETag).
        self.initiated = time.time()
