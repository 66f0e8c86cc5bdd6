"""Signs requests to an object store that a person typed the address of (AWS Signature Version 4).

botocore signs, and nothing else of it is used: its own connections would go to any address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from auditsaas.outgoing.request import Outgoing

SERVICE: Final = "s3"


@dataclass(frozen=True)
class Access:
    """A key of an object store."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"


def signed(outgoing: Outgoing, access: Access) -> Outgoing:
    """Return the request with the headers by which the store knows whose it is."""
    request: Any = AWSRequest(
        method=outgoing.method,
        url=outgoing.url,
        headers=dict(outgoing.headers),
        data=outgoing.body,
    )
    credentials = Credentials(access.access_key, access.secret_key)
    S3SigV4Auth(credentials, SERVICE, access.region).add_auth(request)
    headers: Mapping[str, str] = dict(request.headers.items())
    return replace(outgoing, headers=headers)
