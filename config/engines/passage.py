"""Grants directory traversal to another account, by ACL or mode.

A data folder below ``/root`` or a private temporary folder is closed to every account but root's.
Opening it to everyone (``chmod o+x``) is more than is needed, so that is only the second choice.
"""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path

# The layout of system.posix_acl_access: linux/posix_acl_xattr.h.
_ATTRIBUTE = "system.posix_acl_access"
_VERSION = struct.pack("<I", 2)
_ENTRY = struct.Struct("<HHI")
_OWNER, _USER, _GROUP, _NAMED_GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_NO_ID = 0xFFFFFFFF
_SEARCH = 0o1

Entries = dict[tuple[int, int], int]


def let_through(folder: Path, uid: int, gid: int) -> None:
    """Add the right to search ``folder``, and no other, for the account; raise OSError."""
    status = folder.stat()
    if _may_search(status, uid, gid):
        return
    try:
        entries = _entries(folder, status.st_mode)
        entries[(_USER, uid)] = entries.get((_USER, uid), 0) | _SEARCH
        _write(folder, entries)
    except (
        OSError,
        AttributeError,
    ):  # a disk, or a system, without access control lists
        folder.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)


def _may_search(status: os.stat_result, uid: int, gid: int) -> bool:
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _entries(folder: Path, mode: int) -> Entries:
    try:
        packed = os.getxattr(folder, _ATTRIBUTE)
    except OSError:
        return {
            (_OWNER, _NO_ID): mode >> 6 & 7,
            (_GROUP, _NO_ID): mode >> 3 & 7,
            (_OTHER, _NO_ID): mode & 7,
        }
    return {(tag, who): rights for tag, rights, who in _ENTRY.iter_unpack(packed[4:])}


def _write(folder: Path, entries: Entries) -> None:
    # The mask bounds every named entry and the group, so it has to be the union of them.
    entries[(_MASK, _NO_ID)] = 0
    for (tag, _), rights in list(entries.items()):
        if tag in {_USER, _GROUP, _NAMED_GROUP}:
            entries[(_MASK, _NO_ID)] |= rights
    packed = b"".join(_ENTRY.pack(tag, entries[tag, who], who) for tag, who in sorted(entries))
    os.setxattr(folder, _ATTRIBUTE, _VERSION + packed)
