"""Plan folders: written so that no reader ever believes half a plan, read only if whole.

A plan folder holds ``plan.json`` and the files that it names with their SHA-256. Whatever moment a writer is
killed at, a reader finds the old plan whole, the new plan whole, or no plan: `read_folder` refuses a folder
without ``plan.json`` and one whose files are not what it says.

How a folder is written:

1. Every new file is written beside its target, in the subfolder ``.chargeplan-writing``, and flushed to disk.
2. A journal there lists the files that are ours: those that the old plan names and those that are to come.
3. The old ``plan.json`` is removed. From here on there is no plan.
4. The new files are renamed into place; files of the old plan that the new one lacks are removed.
5. The new ``plan.json`` is renamed into place. The plan is whole. The subfolder is removed.

Only files that the old ``plan.json`` names, or the journal of a writer killed between steps 3 and 5, and
whose SHA-256 is the one stated there, are replaced or removed: a name alone proves nothing. Any other file
that stands where one must be written is an error, before anything changes.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import shutil
import sys
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chargeplan.errors import Fault, InputError, PlanFolderError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

if sys.platform != "win32":
    import fcntl

PLAN = "plan.json"
_STAGE = ".chargeplan-writing"
_JOURNAL = "journal.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_IN_THE_WAY = "stands where the plan must be written and is not as a plan left it: move it or write elsewhere"
_DIGEST = re.compile(r"[0-9a-f]{64}")


def write_folder(folder: str | os.PathLike[str], files: Mapping[str, bytes], plan: Mapping[str, Any]) -> None:
    """Write a plan folder, replacing the plan that is there.

    Parameters
    ----------
    folder
        Made if it is not there. Files in it that are no plan's are left alone.
    files
        Contents by plain file name.
    plan
        What ``plan.json`` says, JSON values throughout; NaN and infinities become null. ``files`` is added.

    Raises
    ------
    InputError
        A file that is no plan's stands where one must be written, another process is writing here, or the
        folder cannot be written to.
    """
    folder = Path(folder)
    if wrong := [name for name in files if name == PLAN or not _NAME.fullmatch(name)]:
        raise ValueError(f"no plain file names for a plan folder: {wrong}")
    digests = {name: _sha256(content) for name, content in sorted(files.items())}
    contents = {**files, PLAN: dump_plan({"schema": 1, **plan, "files": digests})}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            ours = _claim(folder, contents)
            _stage(folder / _STAGE, contents)
            _keep_journal(folder, ours, digests)
            _replace(folder, ours, digests)
    except OSError as error:
        raise InputError(Fault(f"cannot be written: {error}", file=str(folder))) from error


def read_folder(folder: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Path]]:
    """Read a plan folder, if it is whole.

    Returns
    -------
    dict
        What ``plan.json`` says.
    dict
        The path of every file that it names.

    Raises
    ------
    PlanFolderError
        There is no plan, or a file is missing or not what the plan says it is.
    """
    folder = Path(folder)
    plan = _read_plan(folder)
    if plan is None:
        raise PlanFolderError(Fault("there is no plan here, or one that was not finished", file=str(folder)))
    paths = {name: folder / name for name in plan["files"]}
    faults = [_compare(path, plan["files"][name]) for name, path in paths.items()]
    if any(faults):
        raise PlanFolderError(filter(None, faults))
    return plan, paths


def check_target(folder: str | os.PathLike[str], names: Iterable[str]) -> None:
    """Check that a plan may be written into a folder, before the work of making it is done.

    Parameters
    ----------
    folder
        As for `write_folder`.
    names
        The files that may be written, ``plan.json`` aside.

    Raises
    ------
    InputError
        `write_folder` would refuse; every file that stands in the way is named.
    """
    folder = Path(folder)
    there = _nearest(folder)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise InputError(Fault("is not a folder that can be written to", file=str(there)))
    if there == folder:
        _claim(folder, [*names, PLAN])


def _nearest(folder: Path) -> Path:
    """Find what stands at a path, a link that leads nowhere included, or at the nearest folder above it."""
    for path in (folder, *folder.absolute().parents):
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:  # a name too long, a folder that must not be looked into
            raise InputError(Fault(f"cannot be written: {error}", file=str(folder))) from None
        return path
    raise InputError(Fault("cannot be written: there is no such drive", file=str(folder)))


def dump_plan(plan: Mapping[str, Any]) -> bytes:
    """Write the content of a ``plan.json``: the same bytes for the same plan, in the plan's own order."""
    text = json.dumps(_plain(plan), indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def _plain(value: Any) -> Any:
    """Turn a value into what JSON can say; not a number and infinity are nothing."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


# --- reading ---------------------------------------------------------------------------------------------


def _read_plan(folder: Path) -> dict[str, Any] | None:
    """Read ``plan.json``; None where there is none.

    Raises
    ------
    PlanFolderError
        It is not one of ours, or names files outside its folder.
    """
    try:
        plan = json.loads(_content(folder / PLAN))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        plan = None
    if not _is_plan(plan):
        raise PlanFolderError(Fault("is not a plan of chargeplan", file=str(folder / PLAN)))
    return dict(plan)


def _is_plan(plan: Any) -> bool:
    files = plan.get("files") if isinstance(plan, dict) and isinstance(plan.get("schema"), int) else None
    return isinstance(files, dict) and all(
        _NAME.fullmatch(name) and name != PLAN and isinstance(digest, str) and _DIGEST.fullmatch(digest)
        for name, digest in files.items()
    )


def _compare(path: Path, digest: str) -> Fault | None:
    found = _digest_of(path)
    if found is None:
        return Fault("is missing or cannot be read", file=str(path))
    return (
        None if found == digest else Fault("is not what plan.json names: its SHA-256 differs", file=str(path))
    )


def _digest_of(path: Path) -> str | None:
    try:
        return _sha256(_content(path))
    except OSError:
        return None


def _content(path: Path) -> bytes:
    """Read a file; a pipe would be waited for."""
    if path.exists() and not path.is_file():
        raise IsADirectoryError(errno.EISDIR, "is not a file")
    return path.read_bytes()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# --- writing ---------------------------------------------------------------------------------------------


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other writers out; where folders cannot be locked, readers still refuse what two have mixed."""
    if sys.platform == "win32":
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        _lock(handle, folder)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(Fault("another process is writing a plan here", file=str(folder))) from None
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL):  # a file system without locks
            raise


def _claim(folder: Path, names: Iterable[str]) -> set[str]:
    """Find the files here that are ours to replace or remove.

    Raises
    ------
    InputError
        Files that are not ours stand where we must write.
    """
    ours = _owned(folder)
    foreign = [name for name in (*names, _STAGE) if os.path.lexists(folder / name) and name not in ours]
    if foreign:
        raise InputError(Fault(_IN_THE_WAY, file=str(folder / name)) for name in foreign)
    return ours - {_STAGE}


def _owned(folder: Path) -> set[str]:
    stage = {_STAGE} if (folder / _STAGE).is_dir() and not (folder / _STAGE).is_symlink() else set()
    try:
        plan = _read_plan(folder)
    except PlanFolderError:  # somebody else's plan.json
        plan = None
    if plan is not None:
        stage.add(PLAN)
        known = {name: [digest] for name, digest in plan["files"].items()}
    else:
        known = _read_journal(folder)
    return stage | {name for name, digests in known.items() if _digest_of(folder / name) in digests}


def _read_journal(folder: Path) -> dict[str, list[str]]:
    """Read which files a killed writer had replaced or was about to, with the contents they may have."""
    try:
        journal = json.loads(_content(folder / _STAGE / _JOURNAL))
    except (OSError, ValueError, RecursionError):
        return {}
    entries = journal.items() if isinstance(journal, dict) else ()
    return {name: digests for name, digests in entries if _NAME.fullmatch(name) and isinstance(digests, list)}


def _stage(stage: Path, contents: Mapping[str, bytes]) -> None:
    stage.mkdir(exist_ok=True)
    _clear(stage)
    try:
        for name, content in contents.items():
            _write(stage / name, content)
    except OSError:
        _clear(stage)  # a full disk is not left full
        raise


def _clear(stage: Path) -> None:
    """Remove what an earlier writer left, but not its journal, which is still needed."""
    for path in stage.iterdir():
        if path.name != _JOURNAL:
            path.unlink()


def _keep_journal(folder: Path, ours: set[str], digests: Mapping[str, str]) -> None:
    """Note durably which files are ours, for the writer after us if we are killed without a plan.json."""
    known = {name: [digest] for name in sorted(ours - {PLAN}) if (digest := _digest_of(folder / name))}
    for name, digest in digests.items():
        known.setdefault(name, []).append(digest)
    stage = folder / _STAGE
    _write(stage / f"{_JOURNAL}.new", json.dumps(known, indent=1).encode())
    (stage / f"{_JOURNAL}.new").replace(stage / _JOURNAL)
    _flush_folder(stage)
    _flush_folder(folder)


def _replace(folder: Path, ours: set[str], digests: Mapping[str, str]) -> None:
    (folder / PLAN).unlink(missing_ok=True)
    _flush_folder(folder)  # the old plan is gone before the first of its files changes
    for name in digests:
        (folder / _STAGE / name).replace(folder / name)
    for name in ours - {PLAN} - digests.keys():
        (folder / name).unlink(missing_ok=True)
    _flush_folder(folder)
    (folder / _STAGE / PLAN).replace(folder / PLAN)
    _flush_folder(folder)
    shutil.rmtree(folder / _STAGE)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Make renames and removals last; folders cannot be opened for that on Windows."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
