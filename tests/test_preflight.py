"""Preflight: every fault gets plain words and a remedy; minutes follow from the measurements."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from damunet_book import preflight

from book.tools.build import ROOT, book_pages
from book.tools.chapter_times import describe
from damunet_lite import data

MEASURED = {"device": "cpu:0", "backend": "tensorflow", "precision": "float32", "loss": 0.7}
MEASURED |= {"step_seconds": 0.1, "reference": {"plain": 0.5, "network": 4.0}}


def stand_in(monkeypatch, name, status="ok", *words):
    check = preflight.Check(name, status, *(words or ["as it should be"]))
    monkeypatch.setattr(preflight, f"check_{name}", lambda: check)


@pytest.fixture
def good_machine(monkeypatch):
    """A computer without fault, and without the process that takes seconds."""
    monkeypatch.setattr(preflight, "measure_in_a_process", lambda: MEASURED)
    for name in ("packages", "jupyter", "memory", "disk", "data"):
        stand_in(monkeypatch, name)


# --- the report -------------------------------------------------------------------------


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
    words = ("FAILED  memory", "what to do: close other programs", "1 to mend first", "training st")
    assert [printed.count(word) for word in (*words, "Minutes that the chapters")] == [1] * 5


def test_without_packages_nothing_is_trained(good_machine, monkeypatch):
    monkeypatch.setattr(preflight, "measure_in_a_process", None)  # must not be reached
    stand_in(monkeypatch, "packages", "failed", "keras missing", "python -m pip install keras")
    report = preflight.run()
    assert (report.ready, report.chapters) == (False, ())


def test_before_the_long_wait_somebody_says_so(good_machine, monkeypatch):
    said = []

    def measure():
        said.append("measuring")
        return {"error": "crashed", "remedy": "try again"}

    monkeypatch.setattr(preflight, "measure_in_a_process", measure)
    report = preflight.run(said.append)
    assert "wait" in said[said.index("measuring") - 1]
    assert said[-1].startswith("FAILED  training step   crashed")
    assert len(said) == len(report.checks) + 2


# --- faults -----------------------------------------------------------------------------


def test_packages_in_a_wrong_version_or_missing_are_named_with_the_command(monkeypatch):
    elsewhere = ['absent; extra == "test"', 'absent; sys_platform == "nowhere"']
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    asked = ["numpy>=99", "no-such-package", "tensorflow>=99", "scipy>=1.0", *elsewhere]
    check = preflight.check_packages(asked)
    assert check.status == "failed"
    assert re.fullmatch(r"numpy \S+, no-such-package missing, tensorflow \S+", check.found)
    assert check.remedy == 'python -m pip install "numpy>=99" "no-such-package" "tensorflow>=99"'
    monkeypatch.setenv("KERAS_BACKEND", "jax")  # and TensorFlow is no longer needed
    assert preflight.check_packages(asked).found.count(", ") == 1
    assert preflight.explain_failure(1, "ImportError: x")["remedy"].endswith("install jax keras")
    monkeypatch.setattr(preflight, "_version", lambda name: "3.0rc1")  # before its release
    assert preflight.check_packages(["numpy>=2", *elsewhere]).found == "1 of 1 needed; numpy 3.0rc1"


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
    assert (check.status, "cannot be written" in check.found) == ("failed", True)


@pytest.mark.parametrize(
    ("limit", "used", "cached", "free", "status"),
    [
        (3 * 2**30, 2**30, 2**29, 2.5, "note"),  # what only caches files is given up on demand
        (2**30, 2**31, 0, 0.0, "failed"),
        ("max", 2**30, 0, 4.0, "ok"),
        (2**40, 2**30, 0, 4.0, "ok"),  # allowed more than the computer has
        (None, None, None, 4.0, "ok"),
    ],
)
def test_memory_of_a_container_counts(tmp_path, monkeypatch, limit, used, cached, free, status):
    computer = SimpleNamespace(available=4 * 2**30)
    monkeypatch.setattr(preflight.psutil, "virtual_memory", lambda: computer)
    if limit is not None:
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        (tmp_path / "memory.current").write_text(f"{used}\n")
        (tmp_path / "memory.stat").write_text(f"anon 7\ninactive_file {cached}\n")
    found = preflight.free_memory(tmp_path)
    assert found == pytest.approx(free)
    monkeypatch.setattr(preflight, "free_memory", lambda: found)
    assert preflight.check_memory().status == status


@pytest.mark.parametrize(
    ("variable", "remedy"),
    [("DAMUNET_CACHE", "python -m damunet_lite data "), ("DAMUNET_DATA", "wanted a copy")],
)
def test_data_that_are_not_there_say_where_and_how_to_have_them(
    monkeypatch, tmp_path, variable, remedy
):
    monkeypatch.delenv("DAMUNET_DATA", raising=False)
    monkeypatch.setenv(variable, str(tmp_path / "none"))
    check = preflight.check_data()
    assert (check.status, str(tmp_path / "none") in check.found) == ("failed", True)
    assert check.remedy.startswith(remedy)


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
    assert (check.status, str(damaged) in check.found) == ("failed", True)


TRACE = "echo 'Traceback (most recent call last):' >&2; echo {} >&2; exit 1"


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for Python")
@pytest.mark.parametrize(
    ("script", "said", "remedy"),
    [
        (TRACE.format("OSError: bad"), "OSError: bad", "Colab"),
        (TRACE.format("ModuleNotFoundError: No module named keras"), "named keras", "reinstall"),
        (TRACE.format("ImportError: libcuda.so"), "libcuda.so", "reinstall"),
        (TRACE.format("MemoryError"), "for want of memory", "close other programs"),
        ("exit 1", "no message", "Colab"),
        ("kill -KILL $$", "for want of memory", "close other programs"),
        ("kill -ILL $$", "AVX", "Colab"),
        ("kill -SEGV $$", "crashed (signal 11)", "--force-reinstall"),
        ("sleep 20", "no end after 0.5 seconds", "close other programs"),
    ],
)
def test_a_process_that_ends_badly_is_told_in_plain_words(
    tmp_path, monkeypatch, script, said, remedy
):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o700)
    monkeypatch.setattr(preflight.sys, "executable", str(python))
    measured = preflight.measure_in_a_process(limit=0.5 if "sleep" in script else 60)
    (check,) = preflight._network_checks(measured)
    assert (check.status, "Traceback" in str(check)) == ("failed", False)
    assert said in check.found
    assert remedy in check.remedy


# --- minutes ----------------------------------------------------------------------------


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
