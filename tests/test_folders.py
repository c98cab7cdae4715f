"""Folders: work under another identity is never mixed in, and nothing is deleted."""

import json
import os
import platform
import subprocess
import sys

import pytest

from mgrd import folders, locks, tables
from mgrd.errors import InputError, MgrdError, SettingsError
from mgrd.progress import Story


def contents(folder):
    ours = (folders.MANIFEST, locks.LOCK)
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.name not in ours)


def test_a_new_folder_is_made_and_the_same_identity_reopens_it(tmp_path):
    out = tmp_path / "new" / "round-01"
    assert folders.open_stage(out, "generate", {"seed": 1, "range": (0.1, 0.9)}) is False
    assert folders.open_stage(out, "generate", {"seed": 1, "range": (0.1, 0.9)}) is True
    assert folders.read_manifest(out)["generate"]["identity"] == {"seed": 1, "range": [0.1, 0.9]}


def test_a_nested_tuple_is_the_list_that_json_gives_back(tmp_path):
    identity = {"checks": {"within_clip": {"words": ("a", "b")}}}
    folders.open_stage(tmp_path, "filter", identity)
    assert folders.open_stage(tmp_path, "filter", identity) is True


def test_settings_under_which_nothing_was_made_refuse_nothing(tmp_path):
    folders.open_stage(tmp_path, "generate", {"seed": 1})

    assert folders.open_stage(tmp_path, "generate", {"seed": 2}) is False
    assert folders.read_manifest(tmp_path)["generate"]["identity"] == {"seed": 2}


def test_another_identity_is_refused_with_the_settings_that_differ(tmp_path):
    folders.open_stage(tmp_path, "generate", {"seed": 1, "temperature": 1.0, "prompt": "x" * 100})
    (tmp_path / "traces").mkdir()
    with pytest.raises(SettingsError) as raised:
        folders.open_stage(tmp_path, "generate", {"seed": 2, "temperature": 1.0, "prompt": "y" * 100})
    assert f"(prompt {'x' * 37}... -> {'y' * 37}..., seed 1 -> 2)" in str(raised.value)
    assert "--overwrite" in str(raised.value)


def test_of_settings_in_a_table_only_those_that_differ_are_named(tmp_path):
    of = {"cites_sound": {"least": 1, "supported": 0}, "length": {"least": 3}}
    now = {"cites_sound": {"least": 1, "supported": 0}, "length": {"least": 40}}
    assert folders.differing({"options": of}, {"options": now}) == "options length least 3 -> 40"


def test_overwrite_sets_the_old_work_aside_and_keeps_other_stages(tmp_path):
    folders.open_stage(tmp_path, "generate", {"seed": 1})
    folders.open_stage(tmp_path, "filter", {"rules": "a"})
    for name in ("traces/part-0", "judged/part-0", "judged.old-1/part-0"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(name)
    assert folders.open_stage(tmp_path, "filter", {"rules": "b"}, overwrite=True) is False
    aside = ["judged.old-1", "judged.old-1/part-0", "judged.old-2", "judged.old-2/part-0"]
    assert contents(tmp_path) == [*aside, "traces", "traces/part-0"]
    assert (tmp_path / "judged.old-2" / "part-0").read_text() == "judged/part-0"
    manifest = folders.read_manifest(tmp_path)
    assert (manifest["generate"]["identity"], manifest["filter"]["identity"]) == ({"seed": 1}, {"rules": "b"})


def test_overwrite_under_the_same_identity_goes_on(tmp_path):
    """A scheduler requeues the same command line: it must not set aside its own progress."""
    folders.open_stage(tmp_path, "generate", {"seed": 1}, overwrite=True)
    (tmp_path / "traces").mkdir()
    assert folders.open_stage(tmp_path, "generate", {"seed": 1}, overwrite=True) is True
    assert contents(tmp_path) == ["traces"]


def test_work_without_a_manifest_is_refused(tmp_path):
    (tmp_path / "traces").mkdir()
    with pytest.raises(SettingsError, match=r"traces exists, but .*manifest.json does not say how it was made"):
        folders.open_stage(tmp_path, "generate", {"seed": 1})


def test_a_part_is_found_from_a_run_a_round_and_a_stage_and_of_a_run_it_is_the_last(tmp_path):
    for name in ("round-01/judged", "round-02/judged", "round-02/model", "round-99/judged", "round-100/judged"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("round-100.old-1/judged", "round-1000x/judged", "round-0/judged"):
        (tmp_path / name).mkdir(parents=True)
    assert folders.rounds_of(tmp_path) == [1, 2, 99, 100]
    assert folders.find(tmp_path, "judged") == tmp_path / "round-100" / "judged"
    assert folders.find(tmp_path, "model") == tmp_path / "round-02" / "model"
    assert folders.find(tmp_path / "round-01", "judged") == tmp_path / "round-01" / "judged"
    assert folders.find(tmp_path / "round-01" / "judged", "judged") == tmp_path / "round-01" / "judged"
    (tmp_path / "mine.parquet").touch()
    assert folders.find(tmp_path / "mine.parquet", "judged") == tmp_path / "mine.parquet"


def test_a_part_that_is_nowhere_is_an_error_that_says_what_to_give(tmp_path):
    with pytest.raises(InputError, match="holds no judged; give a run, a round or a stage's folder"):
        folders.find(tmp_path, "judged")
    with pytest.raises(InputError, match="no such file or folder"):
        folders.find(tmp_path / "absent", "judged")


def test_a_broken_manifest_is_an_error_and_not_a_new_folder(tmp_path):
    (tmp_path / folders.MANIFEST).write_text("{")
    with pytest.raises(InputError, match=r"manifest.json: is not JSON"):
        folders.open_stage(tmp_path, "generate", {})


def test_the_manifest_keeps_versions_command_and_notes(tmp_path):
    folders.open_stage(tmp_path, "generate", {"seed": 1}, notes={"audio_root": "clips"})
    entry = json.loads((tmp_path / folders.MANIFEST).read_text())["generate"]
    assert sorted(entry) == ["audio_root", "command", "identity", "versions"]
    assert entry["audio_root"] == "clips"
    assert "python" in entry["versions"]


def test_what_another_stage_recorded_stays(tmp_path):
    tables.write_json({"stages": {"round-01/filter": {"done": True}}}, tmp_path / folders.MANIFEST)
    folders.open_stage(tmp_path, "run", {"seed": 1})
    assert folders.read_manifest(tmp_path)["stages"] == {"round-01/filter": {"done": True}}


OPEN = "import sys, pathlib, mgrd.folders as f; f.open_stage(pathlib.Path(sys.argv[1]), sys.argv[2], {})"


def open_elsewhere(folder, stage):
    """Open a stage in another process; the error that it ends with, or nothing."""
    done = subprocess.run([sys.executable, "-c", OPEN, folder, stage], capture_output=True, text=True, check=False)
    return done.stderr.strip().rpartition("\n")[2]


def test_a_folder_in_which_a_stage_works_is_refused_to_every_other_process(tmp_path):
    """Two that sample into one folder would make every sample twice."""
    folders.open_stage(tmp_path / "out", "generate", {})
    folders.open_stage(tmp_path / "out", "filter", {})  # the same process goes on, as `mgrd eval` does
    me = f"{platform.node()}, process {os.getpid()}"
    refused = (
        f"mgrd.errors.MgrdError: {tmp_path / 'out'}: another mgrd ({me}) works in this folder; wait for it or stop it"
    )
    for stage in ("generate", "filter", "distill"):
        assert open_elsewhere(tmp_path / "out", stage) == refused
    assert sorted(folders.read_manifest(tmp_path / "out")) == ["filter", "generate"]


def test_a_stage_works_in_a_round_of_a_run_that_has_its_own_folder(tmp_path):
    with locks.lock(tmp_path):
        assert open_elsewhere(tmp_path / "round-01", "generate") == ""


def test_a_folder_is_free_when_the_process_that_worked_there_has_ended(tmp_path):
    assert open_elsewhere(tmp_path, "generate") == ""
    folders.open_stage(tmp_path, "generate", {})


def test_a_folder_that_was_only_locked_is_gone_when_it_is_released_and_nothing_else_is(tmp_path):
    (tmp_path / "mine").mkdir()
    for folder in (tmp_path / "a" / "b", tmp_path / "mine", tmp_path / "used" / "c"):
        held = locks.lock(folder)
        if folder.name == "c":
            (folder / "part").touch()
        locks.release(held)
    names = ["mine", "used", "used/c", "used/c/.lock", "used/c/part"]
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == names


def test_who_waited_for_a_folder_that_is_removed_gets_one_that_is_there(tmp_path):
    held = locks.lock(tmp_path / "out")
    waiting = subprocess.Popen(
        [sys.executable, "-c", WAIT, tmp_path / "out"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert "waiting up to 20 s" in waiting.stderr.readline()
    locks.release(held)
    assert waiting.communicate()[0] == "['.lock']\n"


WAIT = """
import os, pathlib, sys
from mgrd import locks
from mgrd.progress import Story
folder = pathlib.Path(sys.argv[1])
handle = locks.lock(folder, 20, Story())
print(os.listdir(folder))
"""


def test_what_is_set_aside_is_told(tmp_path, capsys):
    (tmp_path / "traces").mkdir()
    folders.open_stage(tmp_path, "generate", {"seed": 1}, overwrite=True, story=Story())
    assert capsys.readouterr().err == f"Set aside: {tmp_path / 'traces'}, as traces.old-1\n"


def test_waiting_for_a_folder_is_said_once_and_at_once(tmp_path, capsys):
    with locks.lock(tmp_path), pytest.raises(MgrdError, match="works in this folder"):
        locks.lock(tmp_path, 0.3, Story())
    said = f"{tmp_path}: another mgrd works in this folder; waiting up to 0.3 s for it to end\n"
    assert capsys.readouterr().err == said
    locks.lock(tmp_path).close()
