"""Plan folders are whole or refused, and leave other people's files alone."""

from __future__ import annotations

import hashlib
import json
import os

import numpy as np
import pytest

from chargeplan.errors import InputError, PlanFolderError
from chargeplan.io import plan_folder
from chargeplan.io.plan_folder import check_target, dump_plan, read_folder, write_folder

STAGE = ".chargeplan-writing"
FIRST = {"sites.geojson": b"first sites", "map.png": b"first map"}
STEPS = 13  # changes of the file system in replacing FIRST by SECOND
SECOND = {"sites.geojson": b"second sites", "uncoverable.geojson": b"second uncoverable"}


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


class Killed(BaseException):
    """Ends a writer as a kill would: no handler of the writer's own catches it."""


def kill_at(monkeypatch, step: int) -> None:
    """Let the writer die just before its `step`-th change of the file system."""
    left = [step]

    def counted(change):
        def call(*args, **kwargs):
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return change(*args, **kwargs)

        return call

    path = type(plan_folder.Path())
    for name in ("mkdir", "unlink", "replace"):
        monkeypatch.setattr(path, name, counted(getattr(path, name)))
    monkeypatch.setattr(plan_folder, "_write", counted(plan_folder._write))
    monkeypatch.setattr(plan_folder.shutil, "rmtree", counted(plan_folder.shutil.rmtree))


def test_written_and_read_back(tmp_path) -> None:
    """`plan.json` names every file with its SHA-256, and the folder holds nothing else."""
    folder = tmp_path / "deep" / "plan"
    write_folder(folder, FIRST, {"schema": 1, "status": "optimal"})
    plan, paths = read_folder(folder)
    assert plan["status"] == "optimal"
    assert plan["files"] == {name: hashlib.sha256(FIRST[name]).hexdigest() for name in sorted(FIRST)}
    assert {name: path.read_bytes() for name, path in paths.items()} == FIRST
    assert {path.name for path in folder.iterdir()} == {"plan.json", *FIRST}


def test_replaced(tmp_path) -> None:
    """A new plan takes the place of the old one; what only the old one had is removed, foreign files stay."""
    write_folder(tmp_path, FIRST, {"n": 1})
    (tmp_path / "notes.txt").write_bytes(b"mine")
    (tmp_path / "more").mkdir()
    write_folder(tmp_path, SECOND, {"n": 2})
    plan, paths = read_folder(tmp_path)
    assert plan["n"] == 2
    assert {name: path.read_bytes() for name, path in paths.items()} == SECOND
    assert {path.name for path in tmp_path.iterdir()} == {"plan.json", "notes.txt", "more", *SECOND}


@pytest.mark.parametrize("foreign", ["sites.geojson", "plan.json", STAGE])
def test_foreign_files_in_the_way(tmp_path, foreign) -> None:
    """A file that no plan names is never overwritten: an error before anything is written."""
    (tmp_path / foreign).write_bytes(b"{}")
    with pytest.raises(InputError, match=r"stands where the plan must be written") as error:
        write_folder(tmp_path, FIRST, {})
    assert error.value.faults[0].file == str(tmp_path / foreign)
    assert contents(tmp_path) == {foreign: b"{}"}
    with pytest.raises(InputError, match="stands where"):
        check_target(tmp_path, FIRST)


def test_foreign_file_beside_an_old_plan(tmp_path) -> None:
    """The same where the new plan has a file more than the old one; the old plan stays whole."""
    write_folder(tmp_path, FIRST, {"n": 1})
    (tmp_path / "uncoverable.geojson").write_bytes(b"mine")
    with pytest.raises(InputError, match="stands where"):
        write_folder(tmp_path, SECOND, {"n": 2})
    assert read_folder(tmp_path)[0]["n"] == 1
    assert (tmp_path / "uncoverable.geojson").read_bytes() == b"mine"


def test_links_are_replaced_not_followed(tmp_path) -> None:
    """A file of the old plan that became a link to its content is replaced; what it points to stays."""
    folder, elsewhere = tmp_path / "plan", tmp_path / "elsewhere"
    write_folder(folder, FIRST, {})
    (folder / "map.png").rename(elsewhere)
    (folder / "map.png").symlink_to(elsewhere)
    write_folder(folder, {**FIRST, "map.png": b"second map"}, {})
    assert elsewhere.read_bytes() == FIRST["map.png"]
    assert not (folder / "map.png").is_symlink()


def test_a_named_file_that_was_changed_is_not_ours(tmp_path) -> None:
    """A name in `plan.json` proves nothing: content of another SHA-256 is neither replaced nor removed."""
    write_folder(tmp_path, FIRST, {"n": 1})
    (tmp_path / "map.png").write_bytes(b"mine")
    before = contents(tmp_path)
    for call in (lambda: check_target(tmp_path, FIRST), lambda: write_folder(tmp_path, FIRST, {"n": 2})):
        with pytest.raises(InputError, match="stands where the plan must be written") as error:
            call()
        assert [fault.file for fault in error.value.faults] == [str(tmp_path / "map.png")]
    assert contents(tmp_path) == before
    write_folder(tmp_path, SECOND, {"n": 3})  # has no map
    assert read_folder(tmp_path)[0]["n"] == 3
    assert (tmp_path / "map.png").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "journal", [b"[1, 2]", b'{"map.png": 1}', b'{"map.png": [1]}', b"7", b"[" * 100_000, b"\xff"]
)
def test_a_journal_that_is_none_claims_nothing(tmp_path, journal) -> None:
    """Whatever stands in the journal's place, a foreign file stays and an empty folder can be written."""
    (tmp_path / STAGE).mkdir()
    (tmp_path / STAGE / "journal.json").write_bytes(journal)
    (tmp_path / "map.png").write_bytes(b"mine")
    with pytest.raises(InputError, match="stands where"):
        write_folder(tmp_path, FIRST, {})
    assert (tmp_path / "map.png").read_bytes() == b"mine"
    (tmp_path / "map.png").unlink()
    write_folder(tmp_path, FIRST, {"n": 1})
    assert read_folder(tmp_path)[0]["n"] == 1


def test_changed_and_missing_files_are_refused(tmp_path) -> None:
    """A reader names every file that is not what `plan.json` says."""
    write_folder(tmp_path, FIRST, {})
    (tmp_path / "map.png").unlink()
    (tmp_path / "sites.geojson").write_bytes(b"first sitez")
    with pytest.raises(PlanFolderError) as error:
        read_folder(tmp_path)
    assert [(fault.file, fault.message.split(":")[0]) for fault in error.value.faults] == [
        (str(tmp_path / "map.png"), "is missing or cannot be read"),
        (str(tmp_path / "sites.geojson"), "is not what plan.json names"),
    ]


@pytest.mark.parametrize(
    "plan",
    [
        b"",
        b"[]",
        b'{"schema": 1}',
        b'{"schema": 1, "files": {"../secret": "' + b"0" * 64 + b'"}}',
        b'{"schema": 1, "files": {"/etc/passwd": "' + b"0" * 64 + b'"}}',
        b'{"schema": 1, "files": {"a": 3}}',
        b'{"files": {}}',
        b"[" * 100_000,
    ],
)
def test_no_plans(tmp_path, plan) -> None:
    """What is not a plan of ours, or points out of its folder, is refused."""
    (tmp_path / "plan.json").write_bytes(plan)
    with pytest.raises(PlanFolderError, match="is not a plan of chargeplan"):
        read_folder(tmp_path)


def test_no_plan_at_all(tmp_path) -> None:
    """An empty or absent folder has no plan."""
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(PlanFolderError, match="there is no plan here"):
            read_folder(folder)


@pytest.mark.parametrize("step", range(STEPS + 1))
def test_killed_at_every_step(tmp_path, monkeypatch, step) -> None:
    """Whatever step a writer dies before, the folder is the old plan, the new one or refused.

    A foreign file stays throughout, and the next writer mends the folder.
    """
    write_folder(tmp_path, FIRST, {"n": 1})
    (tmp_path / "notes.txt").write_bytes(b"mine")
    with monkeypatch.context() as patch:
        kill_at(patch, step)
        try:
            write_folder(tmp_path, SECOND, {"n": 2})
            finished = True
        except Killed:
            finished = False
    try:
        plan, paths = read_folder(tmp_path)
        expected = {1: FIRST, 2: SECOND}[plan["n"]]
        assert {name: path.read_bytes() for name, path in paths.items()} == expected
    except PlanFolderError:
        assert not finished
        assert not (tmp_path / "plan.json").exists()
    assert (tmp_path / "notes.txt").read_bytes() == b"mine"
    write_folder(tmp_path, FIRST, {"n": 3})
    assert read_folder(tmp_path)[0]["n"] == 3
    assert {path.name for path in tmp_path.iterdir()} == {"plan.json", "notes.txt", *FIRST}
    assert finished == (step == STEPS)


@pytest.mark.parametrize("step", [8, 9, 10])
def test_foreign_file_after_a_kill(tmp_path, monkeypatch, step) -> None:
    """After a kill, a file that somebody else put where ours was to be is recognised and left alone."""
    write_folder(tmp_path, FIRST, {"n": 1})
    with monkeypatch.context() as patch:
        kill_at(patch, step)
        with pytest.raises(Killed):
            write_folder(tmp_path, SECOND, {"n": 2})
    assert not (tmp_path / "plan.json").exists()
    (tmp_path / "uncoverable.geojson").unlink(missing_ok=True)
    (tmp_path / "uncoverable.geojson").write_bytes(b"mine")
    with pytest.raises(InputError, match="stands where"):
        write_folder(tmp_path, SECOND, {"n": 2})
    assert (tmp_path / "uncoverable.geojson").read_bytes() == b"mine"


def test_a_failed_write_leaves_the_old_plan(tmp_path, monkeypatch) -> None:
    """Where the disk is full, the message says so, the old plan stays whole, nothing half-written is left."""
    write_folder(tmp_path, FIRST, {"n": 1})

    def full(path, content) -> None:
        path.write_bytes(content[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(plan_folder, "_write", full)
    with pytest.raises(InputError, match="No space left on device"):
        write_folder(tmp_path, SECOND, {"n": 2})
    assert read_folder(tmp_path)[0]["n"] == 1
    assert not list((tmp_path / STAGE).iterdir())


@pytest.mark.skipif(os.name != "posix", reason="folders cannot be locked on Windows")
def test_one_writer_at_a_time(tmp_path) -> None:
    """A second writer is told that the first is at work, and changes nothing."""
    write_folder(tmp_path, FIRST, {"n": 1})
    with plan_folder._alone(tmp_path), pytest.raises(InputError, match="another process is writing"):
        write_folder(tmp_path, SECOND, {"n": 2})
    assert read_folder(tmp_path)[0]["n"] == 1
    write_folder(tmp_path, SECOND, {"n": 2})


def test_target_that_is_no_folder(tmp_path) -> None:
    """A file where the folder should be is named, before any work and when writing."""
    (tmp_path / "plan").write_bytes(b"")
    for call in (
        lambda: check_target(tmp_path / "plan", FIRST),
        lambda: write_folder(tmp_path / "plan", FIRST, {}),
    ):
        with pytest.raises(InputError, match="written"):
            call()
    check_target(tmp_path / "new" / "deep", FIRST)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "nowhere", "file/plan"])
def test_target_that_can_never_be(tmp_path, name) -> None:
    """A name too long or impossible, a link that leads nowhere, a folder in a file: known before the work."""
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    (tmp_path / "file").write_bytes(b"")
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(InputError, match="written"):
        check_target(tmp_path / name, FIRST)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_names_are_plain() -> None:
    """A caller that names a path, or `plan.json`, has made a mistake."""
    for name in ("../x", "a/b", "plan.json", ".hidden", ""):
        with pytest.raises(ValueError, match="plain file names"):
            write_folder("plan", {name: b""}, {})


def test_plan_is_deterministic_json() -> None:
    """The same plan gives the same bytes in its own order; what JSON cannot say becomes null or plain."""
    plan = {
        "b": np.float64(1.5),
        "a": [float("nan"), np.int32(3), (1, "长沙")],
        "c": {"x": float("inf"), "y": np.True_},
    }
    content = dump_plan(plan)
    assert content == dump_plan(dict(plan))
    assert json.loads(content) == {"b": 1.5, "a": [None, 3, [1, "长沙"]], "c": {"x": None, "y": True}}
    assert list(json.loads(content)) == ["b", "a", "c"]
    assert "长沙".encode() in content
