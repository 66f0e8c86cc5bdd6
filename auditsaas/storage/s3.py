"""Files in an object store that speaks S3. Credentials, region and endpoint are boto3's own:
``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL`` and so on, or what the machine provides."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, BinaryIO, Final, cast

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
)

from auditsaas.storage.base import (
    BucketMissing,
    CredentialsMissing,
    Elsewhere,
    FileMissing,
    StorageError,
    Upload,
)

PART_BYTES: Final = 8 << 20
"""At most 10,000 parts make a file (S3), which so may have 80 GB."""
READ_BYTES: Final = 1 << 18
LINK_SECONDS: Final = 60
"""So long a link opens a file; what began within goes on."""
MISSING: Final = frozenset({"404", "NoSuchKey", "NotFound"})
NO_CREDENTIALS: Final = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError)


class ObjectStorage:
    """A bucket, or what is below a prefix of it.

    With ``send``, the address at which browsers reach the store, they are led there by links.
    """

    def __init__(self, bucket: str, prefix: str, client: Any, send: str = "") -> None:
        self._send = send
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._client = client

    def write(self, key: str) -> ObjectUpload:
        return ObjectUpload(self._client, self._named(key))

    def open(self, key: str) -> BinaryIO:
        return cast(
            "BinaryIO",
            io.BufferedReader(
                _ObjectFile(self._client, self._named(key), self.size(key)), READ_BYTES
            ),
        )

    def size(self, key: str) -> int:
        with _explained():
            return int(self._client.head_object(**self._named(key))["ContentLength"])

    def elsewhere(self, key: str, *, disposition: str, content_type: str) -> Elsewhere | None:
        if not self._send:
            return None
        asked = {
            **self._named(key),
            "ResponseContentDisposition": disposition,
            "ResponseContentType": content_type,
            "ResponseCacheControl": "no-store",
        }
        with _explained():
            address = linking_client(os.getpid(), self._send).generate_presigned_url(
                "get_object", Params=asked, ExpiresIn=LINK_SECONDS
            )
        return Elsewhere("Location", str(address))

    def delete(self, key: str) -> None:
        with _explained():
            self._client.delete_object(**self._named(key))
            for name, upload_id in self._unfinished(key):
                if name == self._prefix + key:
                    self._client.abort_multipart_upload(**self._named(key), UploadId=upload_id)

    def keys(self, prefix: str) -> Iterator[str]:
        with _explained():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            for page in pages:
                for found in page.get("Contents", ()):
                    yield str(found["Key"]).removeprefix(self._prefix)
            for name, _ in self._unfinished(prefix):
                yield name.removeprefix(self._prefix)

    def _unfinished(self, prefix: str) -> Iterator[tuple[str, str]]:
        """List keys and ids of uploads that were begun and not completed."""
        pages = self._client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        for page in pages:
            for found in page.get("Uploads", ()):
                yield str(found["Key"]), str(found["UploadId"])

    def _named(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}


class ObjectUpload(Upload):
    """A multipart upload, or a single request where the file is small.

    An upload that is not completed never becomes a file; its parts are removed when it fails, and
    by ``delete`` when its process was killed.
    """

    def __init__(self, client: Any, named: dict[str, str]) -> None:
        super().__init__()
        self._client = client
        self._named = named
        self._upload_id: str | None = None
        self._parts: list[dict[str, Any]] = []
        self._waiting = bytearray()

    def _send(self, chunk: bytes) -> None:
        self._waiting += chunk
        while len(self._waiting) >= PART_BYTES:
            self._send_part(bytes(self._waiting[:PART_BYTES]))
            del self._waiting[:PART_BYTES]

    def _keep(self) -> None:
        with _explained():
            self._complete()

    def _discard(self) -> None:
        if self._upload_id is not None:
            with suppress(BotoCoreError, ClientError):
                self._client.abort_multipart_upload(**self._named, UploadId=self._upload_id)

    def _send_part(self, part: bytes) -> None:
        with _explained():
            if self._upload_id is None:
                begun = self._client.create_multipart_upload(**self._named)
                self._upload_id = begun["UploadId"]
            number = len(self._parts) + 1
            sent = self._client.upload_part(
                **self._named, UploadId=self._upload_id, PartNumber=number, Body=part
            )
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})

    def _complete(self) -> None:
        if self._upload_id is None:
            self._client.put_object(**self._named, Body=bytes(self._waiting))
            return
        if self._waiting:
            self._send_part(bytes(self._waiting))
        self._client.complete_multipart_upload(
            **self._named, UploadId=self._upload_id, MultipartUpload={"Parts": self._parts}
        )


class _ObjectFile(io.RawIOBase):
    """An object as a seekable file: what is read is asked for from where it is wanted."""

    def __init__(self, client: Any, named: dict[str, str], size: int) -> None:
        self._client = client
        self._named = named
        self._size = size
        self._at = 0
        self._body: Any = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset != self._at:
            self._let_go()
            self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._size:
            return 0
        with _explained():
            if self._body is None:
                asked = f"bytes={self._at}-"
                self._body = self._client.get_object(**self._named, Range=asked)["Body"]
            found = self._body.read(len(buffer))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)

    def close(self) -> None:
        self._let_go()
        super().close()

    def _let_go(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None


@lru_cache(maxsize=4)
def client_of(process: int) -> Any:
    """Return this process's client: connections must not be shared with one that forked it.

    Raises:
        StorageError: it cannot be made, as with half of the credentials.
    """
    del process
    with _explained():
        return _client()


def _client() -> Any:
    patient = Config(
        connect_timeout=5, read_timeout=30, retries={"mode": "standard", "max_attempts": 3}
    )
    made = boto3.client("s3", config=patient)
    if made.meta.endpoint_url.endswith("amazonaws.com"):
        return made
    # Other stores seldom answer to bucket.host, and some refuse the checksum headers of boto3 1.36.
    plain = Config(
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client("s3", config=patient.merge(plain))


@lru_cache(maxsize=4)
def linking_client(process: int, endpoint: str) -> Any:
    """Return the client that signs links to the store's address for browsers."""
    del process
    own = endpoint.endswith("amazonaws.com")
    style = {"addressing_style": "virtual" if own else "path"}
    return boto3.client(
        "s3", endpoint_url=endpoint, config=Config(signature_version="s3v4", s3=style)
    )


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        if code == "NoSuchBucket":
            raise BucketMissing("Storage has no such bucket. Nothing was kept.") from error
        if code in MISSING:
            raise FileMissing("The file is no longer in storage.") from error
        raise StorageError("Storage refused the file. Nothing was kept.") from error
    except NO_CREDENTIALS as error:
        raise CredentialsMissing("Storage is not told who asks. Nothing was kept.") from error
    except (BotoCoreError, ValueError) as error:
        raise StorageError("Storage does not answer. Nothing was kept.") from error
