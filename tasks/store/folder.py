"""How keys become paths below one folder, and paths keys; nothing here may lead out of the folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from tasks.errors import StoreError
from tasks.store.content import byte_order

PARTIAL = ".curate-partial"  # folder of half-written files and of the lock, at the root of the store; never listed
LONGEST_NAME_BYTES = 255  # NAME_MAX of every file system in use


def resolved(root: Path) -> Path:
    """Give the real path of a store's folder.

    Raises
    ------
    StoreError
        If there is no such folder; none is made, since the address may be mistyped or the file system not mounted.
    """
    if not root.is_dir():
        raise StoreError(f"there is no folder {root}", next_step="make it, mount it, or correct the address")
    return root.resolve()


def path_of(root: Path, key: str) -> Path:
    """Give the path of a key.

    Raises
    ------
    StoreError
        If the key could lead out of the folder or to our own files, or if a symbolic link lies on the way.
    """
    names = key.split("/")
    if names[0] == PARTIAL or not all(map(_is_plain, names)):
        raise StoreError(
            f"a key cannot be a file in {root}: it has an empty, relative, reserved or too long part",
            next_step="use a store on S3, which takes any key, or rename the object",
        )
    path = resolved(root).joinpath(*names)
    if path.parent != path.parent.resolve():
        raise unfit(root, "a symbolic link")
    return path


def walk(root: Path, prefix: str) -> Iterator[str]:
    """Give the keys of all files under `prefix` in byte order, as they are met.

    A folder is sorted as its name with a slash, as in a Git tree: that is where its keys belong.
    """
    waiting = entries(root, prefix)[::-1]
    while waiting:
        key, is_folder = waiting.pop()
        if is_folder:
            waiting += entries(root, key)[::-1]
        else:
            yield key


def entries(root: Path, prefix: str) -> list[tuple[str, bool]]:
    """Give what lies directly under `prefix` in byte order: key (a folder's ends in ``/``) and whether it is a folder.

    Raises
    ------
    StoreError
        If there is a symbolic link, a special file, or a name that is not UTF-8.
    """
    folder = prefix.rpartition("/")[0]
    path = path_of(root, folder) if folder else resolved(root)
    before = f"{folder}/" if folder else ""
    found = [_entry(root, before, entry) for entry in _scan(path) if before or entry.name != PARTIAL]
    return sorted((entry for entry in found if entry[0].startswith(prefix)), key=lambda entry: byte_order(entry[0]))


def unfit(root: Path, what: str) -> StoreError:
    """Give the error of a folder that holds what no store can hold."""
    return StoreError(
        f"the folder {root} holds {what}, which is not taken for an object",
        next_step="put files in the place of links, remove special files, rename to UTF-8, then run again",
    )


def _entry(root: Path, before: str, entry: os.DirEntry[str]) -> tuple[str, bool]:
    if not _is_utf8(entry.name):
        raise unfit(root, "a name that is not UTF-8")
    if entry.is_dir(follow_symlinks=False):
        return f"{before}{entry.name}/", True
    if not entry.is_file(follow_symlinks=False):
        raise unfit(root, "a symbolic link or a special file")
    return f"{before}{entry.name}", False


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    """Give what lies in a folder; nothing if there is no such folder."""
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_plain(name: str) -> bool:
    """Tell whether a part of a key can be a file's name."""
    return name not in {"", ".", ".."} and "\0" not in name and len(os.fsencode(name)) <= LONGEST_NAME_BYTES


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
