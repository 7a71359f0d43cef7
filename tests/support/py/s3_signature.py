"""Signature Version 4 as the store of s3_stub.py verifies it: the access keys and `verify_signature`.

Checked are, in this order, the credential scope and the clock, the access key, the signed headers, the signature, the
body's SHA-256, the session token, and the headers that the store requires.
"""

import calendar
import hashlib
import hmac
import re
import time
import urllib.parse

from s3_http import Refusal

SKEW_SECONDS_MAX = 15 * 60


class Key:
    """An access key. With a `token` it is temporary; `expired` makes the store refuse it."""

    def __init__(self, secret, token=None, expired=False):
        self.secret = secret
        self.token = token
        self.expired = expired


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


def verify_signature(request, store):
    """Raises Refusal unless one of the keys of `store`, an S3Stub, has signed the request, or its bucket is public."""
    headers = request.headers
    authorization = headers.get("authorization")
    if authorization is None:
        if request.bucket in store.public_buckets:
            return
        raise Refusal(403, "AccessDenied", "Access Denied")
    match = re.match(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]*)/([^/]+)/aws4_request, ?"
                     r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$", authorization)
    if not match:
        raise Refusal(400, "AuthorizationHeaderMalformed", "The authorization header is malformed")
    key_id, date, region, service, signed, signature = match.groups()
    _verify_scope(headers, store, date, region, service)
    key = store.keys.get(key_id)
    if key is None:
        raise Refusal(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
    names = signed.split(";")
    _verify_signed_names(headers, names)
    payload = headers.get("x-amz-content-sha256")
    if payload is None:
        raise Refusal(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    text = _string_to_sign(request, names, payload, "%s/%s/%s/aws4_request" % (date, region, service))
    signing_key = ("AWS4" + key.secret).encode()
    for part in (date, region, service, "aws4_request"):
        signing_key = hmac_sha256(signing_key, part)
    if not hmac.compare_digest(hmac_sha256(signing_key, text).hex(), signature):
        raise Refusal(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the "
                      "signature you provided. Check your key and signing method.")
    if not store.trusts_bodies and payload not in ("UNSIGNED-PAYLOAD", hashlib.sha256(request.body).hexdigest()):
        raise Refusal(400, "XAmzContentSHA256Mismatch", "The provided header does not match what was computed.")
    _verify_token(headers, key)
    for name, value in store.required_headers.items():
        if headers.get(name) != value:
            raise Refusal(403, "AccessDenied", "Access Denied")


def _verify_scope(headers, store, date, region, service):
    stamp = headers.get("x-amz-date", "")
    try:
        when = time.strptime(stamp, "%Y%m%dT%H%M%SZ")
    except ValueError:
        raise Refusal(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") from None
    if abs(calendar.timegm(when) - store.now()) > SKEW_SECONDS_MAX:
        raise Refusal(403, "RequestTimeTooSkewed",
                      "The difference between the request time and the current time is too large.")
    if stamp[:8] != date or service != "s3":
        raise Refusal(400, "AuthorizationHeaderMalformed", "The authorization header is malformed")
    if region != store.region:
        raise Refusal(400, "AuthorizationHeaderMalformed",
                      "The authorization header is malformed; the region '%s' is wrong; expecting '%s'"
                      % (region, store.region), "<Region>%s</Region>" % store.region,
                      {"x-amz-bucket-region": store.region})


def _verify_signed_names(headers, names):
    if names != sorted(names) or any(name not in headers for name in names):
        raise Refusal(403, "SignatureDoesNotMatch", "SignedHeaders names a header that was not sent, or unsorted")
    must = ["host"] + [name for name in headers if name.startswith("x-amz-")]
    missing = [name for name in must if name not in names]
    if missing:
        raise Refusal(403, "AccessDenied",
                      "There were headers present in the request which were not signed: %s" % ", ".join(missing))


def _verify_token(headers, key):
    token = headers.get("x-amz-security-token")
    if key.expired:
        raise Refusal(400, "ExpiredToken", "The provided token has expired.")
    if token != key.token:
        raise Refusal(403, "InvalidToken", "The provided token is malformed or otherwise invalid.")


def _string_to_sign(request, names, payload, scope):
    lines = [request.method, request.raw_path, canonical_query(request.query)]
    lines += ["%s:%s" % (name, " ".join(request.headers[name].split())) for name in names]
    lines += ["", ";".join(names), payload]
    digest = hashlib.sha256("\n".join(lines).encode("latin-1")).hexdigest()
    return "\n".join(["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, digest])
