"""Preflight: every fault gets plain words and a remedy; minutes follow from the measurements."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from damunet_book import preflight
from packaging.specifiers import SpecifierSet

from book.tools.build import book_pages
from book.tools.chapter_times import describe
from damunet_lite import data

ROOT = Path(__file__).resolve().parents[1]
MEASURED = {"device": "cpu:0", "backend": "tensorflow", "precision": "float32", "loss": 0.7}
MEASURED |= {"step_seconds": 0.1, "reference": {"plain": 0.5, "network": 4.0}}


def stand_in(monkeypatch, name, status="ok", *words):
    check = preflight.Check(name, status, *(words or ["as it should be"]))
    monkeypatch.setattr(preflight, f"check_{name}", lambda: check)


@pytest.fixture
def good_machine(monkeypatch):
    """A computer without fault, and without the process that takes seconds."""
    monkeypatch.setattr(preflight, "_measure_in_a_process", lambda real: dict(MEASURED))
    for name in ("packages", "jupyter", "memory", "disk", "data"):
        stand_in(monkeypatch, name)


# --- the report -------------------------------------------------------------------------


def test_a_good_machine_is_ready_and_exits_with_0(good_machine, capsys):
    assert preflight.main([]) == 0
    printed = capsys.readouterr().out
    words = ("Ready.", "FAILED", "training step")
    assert [printed.count(word) for word in words] == [1, 0, 1]


def test_json_is_one_line_with_every_check_and_chapter(good_machine, capsys):
    assert preflight.main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ready"] is True
    names = ",".join(check["name"] for check in found["checks"])
    assert names == "Python,packages,jupyter,memory,disk,data,device,training step"
    assert all(chapter["minutes"] > 0 for chapter in found["chapters"])


def test_a_failure_exits_with_1_and_names_its_remedy(good_machine, monkeypatch, capsys):
    stand_in(monkeypatch, "memory", "failed", "0.3 GB free", "close other programs")
    assert preflight.main([]) == 1
    printed = capsys.readouterr().out
    for words in ("FAILED  memory", "what to do: close other programs", "1 to mend first"):
        assert words in printed


def test_without_packages_nothing_is_trained(monkeypatch):
    monkeypatch.setattr(preflight, "_measure_in_a_process", None)  # must not be reached
    stand_in(monkeypatch, "packages", "failed", "keras missing", "python -m pip install keras")
    report = preflight.run()
    assert not report.ready
    assert report.chapters == ()


def test_the_real_stack_is_trained_on_where_it_is_whole(good_machine, monkeypatch, capsys):
    asked = []

    def measure(real):
        asked.append(real)
        return dict(MEASURED)

    monkeypatch.setattr(preflight, "_measure_in_a_process", measure)
    for status in ("ok", "failed"):
        stand_in(monkeypatch, "data", status)
        preflight.run()
    monkeypatch.setattr(preflight, "measure", measure)
    for words in ("real", "drawn"):
        assert preflight.main(["--measure", words]) == 0
    assert asked == [True, False, True, False]
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == MEASURED


def test_in_a_notebook_the_last_line_shows_the_report():
    report = preflight.Report((preflight.Check("disk", "ok", "9 GB"),), (), 2.0)
    assert repr(report) == "ok      disk            9 GB\n\nReady. (2 seconds)"


# --- faults -----------------------------------------------------------------------------


@pytest.mark.parametrize(("minor", "good"), [(10, False), (11, True), (13, True), (14, False)])
def test_python_is_bounded_as_in_pyproject(minor, good):
    assert preflight.check_python((3, minor)).status == ("ok" if good else "failed")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert SpecifierSet(project["requires-python"]).contains(f"3.{minor}") == good


def test_packages_in_a_wrong_version_or_missing_are_named_with_the_command():
    check = preflight.check_packages(["numpy>=99", "no-such-package", "scipy>=1.0"])
    assert check.status == "failed"
    assert re.fullmatch(r"numpy \S.*no-such-package missing.*", check.found)
    assert check.remedy == 'python -m pip install "numpy>=99" "no-such-package"'


def test_extras_and_other_platforms_are_not_asked_for():
    lines = ['no-such-package>=1; extra == "test"', 'no-such-package; sys_platform == "nowhere"']
    assert preflight.check_packages(lines).status == "ok"


def test_a_version_before_its_release_counts(monkeypatch):
    monkeypatch.setattr(preflight, "_version", lambda name: "3.0rc1")
    assert preflight.check_packages(["numpy>=2"]).status == "ok"


def test_before_the_long_wait_somebody_says_so(monkeypatch):
    said = []

    def measure(real):
        said.append("measuring")
        return {"error": "crashed", "remedy": "try again"}

    monkeypatch.setattr(preflight, "_measure_in_a_process", measure)
    report = preflight.run(said.append)
    before = said[said.index("measuring") - 1]
    assert "wait" in before
    assert said[-1].startswith("FAILED  training step   crashed")
    assert len(said) == len(report.checks) + 2


def test_a_full_disk_is_told_from_a_folder_of_somebody_else(monkeypatch, tmp_path):
    def refused(dir):
        raise PermissionError(13, "Permission denied")

    monkeypatch.chdir(tmp_path)
    full = shutil.disk_usage(tmp_path)._replace(free=0)
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _: full)
    check = preflight.check_disk()
    assert (check.status, check.remedy) == ("failed", "make room there")
    monkeypatch.setattr(preflight.tempfile, "TemporaryFile", refused)
    check = preflight.check_disk()
    assert check.status == "failed"
    assert "cannot be written" in check.found


@pytest.mark.parametrize(
    ("check", "least", "good"), [(preflight.check_memory, 1.5, 4), (preflight.check_disk, 0.2, 2)]
)
def test_gigabytes_that_are_wanted(check, least, good):
    found = [check(free).status for free in (least - 0.01, least, good - 0.01, good)]
    assert found == ["failed", "note", "note", "ok"]


@pytest.mark.parametrize(
    ("limit", "used", "cached", "free"),
    [
        (3 * 2**30, 2**30, 2**29, 2.5),  # what only caches files is given up on demand
        (2**30, 2**31, 0, 0.0),
        ("max", 2**30, 0, 64.0),
        (2**40, 2**30, 0, 64.0),  # allowed more than the computer has
        (None, None, None, 64.0),
    ],
)
def test_memory_of_a_container_counts(tmp_path, monkeypatch, limit, used, cached, free):
    computer = SimpleNamespace(available=64 * 2**30)
    monkeypatch.setattr(preflight.psutil, "virtual_memory", lambda: computer)
    if limit is not None:
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        (tmp_path / "memory.current").write_text(f"{used}\n")
        (tmp_path / "memory.stat").write_text(f"anon 7\ninactive_file {cached}\n")
    assert preflight.free_memory(tmp_path) == pytest.approx(free)


@pytest.mark.parametrize(
    ("variable", "remedy"),
    [("DAMUNET_CACHE", "python -m damunet_lite data "), ("DAMUNET_DATA", "DAMUNET_DATA")],
)
def test_data_that_are_not_there_say_where_and_how_to_have_them(
    monkeypatch, tmp_path, variable, remedy
):
    monkeypatch.delenv("DAMUNET_DATA", raising=False)
    monkeypatch.setenv(variable, str(tmp_path / "none"))
    check = preflight.check_data()
    assert check.status == "failed"
    assert remedy in check.remedy
    assert variable == "DAMUNET_CACHE" or str(tmp_path / "none") in check.found


def test_one_changed_byte_is_found(monkeypatch, tmp_path):
    if "DAMUNET_DATA" not in os.environ:
        pytest.skip("the real stack is not here (DAMUNET_DATA)")
    for name in data._part_files("train"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(os.environ["DAMUNET_DATA"]) / name, tmp_path / name)
    monkeypatch.setenv("DAMUNET_DATA", str(tmp_path))
    assert preflight.check_data().status == "ok"
    damaged = tmp_path / "train" / "image" / "7.png"
    content = bytearray(damaged.read_bytes())
    content[-20] ^= 1
    damaged.write_bytes(content)
    check = preflight.check_data()
    assert check.status == "failed"
    assert str(damaged) in check.found


@pytest.mark.parametrize(
    ("code", "errors", "said", "remedy"),
    [
        (-9, "", "for want of memory", "close other programs"),
        (-4, "", "AVX", "Colab"),
        (-11, "Segmentation fault", "crashed (signal 11)", "--force-reinstall"),
        (1, "Traceback ...\nModuleNotFoundError: No module named 'keras'", "'keras'", "reinstall"),
        (1, "Traceback ...\nImportError: libcuda.so", "libcuda.so", "reinstall"),
        (1, "Traceback ...\nRuntimeError: training does not train: loss nan", "loss nan", "Colab"),
        (1, "", "no message", "Colab"),
    ],
)
def test_ends_of_the_process_in_plain_words(code, errors, said, remedy):
    found = preflight.explain_failure(code, errors)
    assert said in found["error"]
    assert remedy in found["remedy"]
    assert "Traceback" not in found["error"]


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for Python")
@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'Traceback (most recent call last):' >&2; echo 'OSError: bad' >&2; exit 1", "bad"),
        ("kill -KILL $$", "for want of memory"),
        ("sleep 20", "no end after 0.5 seconds"),
    ],
)
def test_a_process_that_ends_badly_never_shows_a_trace(tmp_path, monkeypatch, script, said):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o700)
    monkeypatch.setattr(preflight.sys, "executable", str(python))
    measured = preflight._measure_in_a_process(real=False, limit=0.5)
    check = preflight._network_checks(measured)[-1]
    assert (check.status, bool(check.remedy)) == ("failed", True)
    assert said in check.found
    assert "Traceback" not in str(check)


# --- minutes ----------------------------------------------------------------------------


def test_minutes_scale_part_by_part():
    times = {
        "reference": {"plain": 0.5, "network": 4.0},
        "chapters": [{"chapter": 3, "title": "Three", "plain": 28.0, "network": 60.0}],
    }
    (same,) = preflight.predict_minutes({"plain": 0.5, "network": 4.0}, times)
    assert same.minutes == pytest.approx(1.5)
    (other,) = preflight.predict_minutes({"plain": 1.0, "network": 1.0}, times)
    assert other.minutes == pytest.approx((30 * 2 + 60 / 4) / 60)


def test_times_on_file_are_those_of_the_chapters():
    known = {entry["chapter"]: entry for entry in preflight.read_times()["chapters"]}
    for page in (page for page in book_pages() if page.startswith("chapters/")):
        found = describe(ROOT / f"{page}.ipynb")
        entry = known.get(found["chapter"], {"title": "none"})
        assert entry["title"] == found["title"], f"python -m book.tools.chapter_times {page}.ipynb"
    assert all(entry["plain"] + entry["network"] > 0 for entry in known.values())


@pytest.mark.slow
def test_the_real_thing_trains_and_predicts(tmp_path):
    environment = {**os.environ, "DAMUNET_CACHE": str(tmp_path)}
    words = [sys.executable, "-m", "damunet_book.preflight", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    report = json.loads(done.stdout)
    checks = {check["name"]: check for check in report["checks"]}
    assert checks["training step"]["status"] == "ok", checks["training step"]
    assert done.returncode == (0 if report["ready"] else 1)
    assert done.stderr == ""
    assert len(report["chapters"]) == len(preflight.read_times()["chapters"])
