import errno
import hashlib
import io
from pathlib import Path
from typing import Any

import pytest

from auditsaas.storage.address import storage_at
from auditsaas.storage.base import FileMissing, StorageError, StorageFull
from auditsaas.storage.local import LocalStorage
from config.errors import SettingsError

KEY = "exports/1/1.csv"


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_file_is_read_as_it_was_written(storage: LocalStorage) -> None:
    with storage.write(KEY) as upload:
        upload.write(b"one,")
        upload.write(b"two")
    with storage.open(KEY) as file:
        assert file.read() == b"one,two"
    assert storage.size(KEY) == upload.size == 7
    assert upload.sha256 == hashlib.sha256(b"one,two").hexdigest()


def test_file_appears_under_its_key_only_when_complete(
    storage: LocalStorage, tmp_path: Path
) -> None:
    with storage.write(KEY) as upload:
        upload.write(b"half")
        assert files(tmp_path) == ["1.csv.part"]
        with pytest.raises(FileMissing):
            storage.open(KEY)
    assert files(tmp_path) == ["1.csv"]


def test_an_interrupted_write_leaves_nothing(storage: LocalStorage, tmp_path: Path) -> None:
    def interrupted() -> None:
        with storage.write(KEY) as upload:
            upload.write(b"half")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        interrupted()
    assert files(tmp_path) == []
    assert not (tmp_path / "exports" / "1").exists()


def test_stored_file_is_private_to_its_owner(storage: LocalStorage, tmp_path: Path) -> None:
    with storage.write(KEY) as upload:
        upload.write(b"x")
    assert (tmp_path / KEY).stat().st_mode & 0o077 == 0


def test_deleting_removes_the_file_and_what_an_interruption_left(
    storage: LocalStorage, tmp_path: Path
) -> None:
    with storage.write(KEY) as upload:
        upload.write(b"x")
    (tmp_path / f"{KEY}.part").write_bytes(b"left over")
    storage.delete(KEY)
    storage.delete(KEY)
    assert files(tmp_path) == []


@pytest.mark.parametrize("ask", ["open", "size"])
def test_missing_file_is_reported_as_missing(storage: LocalStorage, ask: str) -> None:
    with pytest.raises(FileMissing):
        getattr(storage, ask)(KEY)


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, StorageFull), (errno.EIO, StorageError)]
)
def test_a_refused_write_is_explained_and_leaves_nothing(
    storage: LocalStorage, tmp_path: Path, number: int, kind: type[StorageError]
) -> None:
    class Refusing(io.BytesIO):
        def write(self, _: Any) -> int:
            raise OSError(number, "refused")

    def refused() -> None:
        with storage.write(KEY) as upload:
            upload._file = Refusing()  # type: ignore[assignment]  # a disk that refuses
            upload.write(b"x")

    with pytest.raises(kind):
        refused()
    assert files(tmp_path) == []


def test_file_url_names_the_folder_of_local_storage(tmp_path: Path) -> None:
    with storage_at((tmp_path / "a b").as_uri()).write(KEY) as upload:
        upload.write(b"x")
    assert (tmp_path / "a b" / KEY).exists()


@pytest.mark.parametrize("url", ["ftp://host/x", "file://elsewhere/x", "files", ""])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        storage_at(url)
