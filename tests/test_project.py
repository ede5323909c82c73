"""The project's own promises: versions, dependencies, addresses, what is in the package."""

import ast
import fnmatch
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import mutants
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import damunet_lite
from book.tools.set_address import configured_address, set_address, split_address, text_files

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"damunet_lite": ROOT / "damunet_lite", "damunet_book": ROOT / "book" / "damunet_book"}
MODULES = sorted(path for package in PACKAGES.values() for path in package.rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DEPENDENCIES = {
    canonicalize_name(requirement.name): requirement
    for requirement in map(Requirement, PROJECT["project"]["dependencies"])
}


def module_name(path: Path) -> str:
    """`damunet_lite.losses`, `damunet_book.checks`: a module's full name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[parts[0] == "book" :]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# Keras on another backend; the package names them, and does without.
# The last two come with jupyter-book, and slides say so where they are missing.
OPTIONAL_IMPORTS = {"jax", "torch", "markdown_it", "mdit_py_plugins"}
DISTRIBUTION = {"PIL": "pillow", "skimage": "scikit-image", "IPython": "ipython"}


def pins(path: Path) -> dict[str, str]:
    """Name -> exact version, from a file of requirements."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.split("#")[0].strip()
        if line and not line.startswith("-"):
            name, version = line.split("==")
            found[canonicalize_name(name)] = version
    return found


BOOK_PINS = pins(ROOT / "requirements.txt")
COLAB_PINS = pins(ROOT / "tests" / "colab_constraints.txt")


# --- versions ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(DEPENDENCIES))
def test_book_and_colab_versions_lie_inside_the_package_bounds(name):
    for where, versions in (("requirements.txt", BOOK_PINS), ("Colab", COLAB_PINS)):
        if where == "requirements.txt" or name in versions:
            specifier = DEPENDENCIES[name].specifier
            assert specifier.contains(versions[name]), f"{name} {versions[name]} of {where}"


def test_colab_installs_nothing_but_the_package():
    # What Colab's list does not name comes with the packages that it does name.
    assert set(DEPENDENCIES) - set(COLAB_PINS) <= {"packaging", "tifffile", "traitlets", "wrapt"}


def test_keras_release_that_misroutes_metrics_is_refused():
    assert not DEPENDENCIES["keras"].specifier.contains("3.14.0")


@pytest.mark.parametrize(
    ("version", "wanted"),
    [("3.10", False), ("3.11", True), ("3.12", True), ("3.13", True), ("3.14", False)],
)
def test_python_versions(version, wanted):
    assert SpecifierSet(PROJECT["project"]["requires-python"]).contains(version) is wanted


def test_version_is_said_once_and_repeated_rightly():
    version = damunet_lite.__version__
    assert importlib.metadata.version("damunet-lite") == version
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version
    assert f"Version {version}" in (ROOT / "book" / "cite.md").read_text(encoding="utf-8")


def test_requirements_end_with_the_package_and_name_no_index():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").split()
    assert lines[-2:] == ["-e", "."]
    options = [line for line in lines if line.startswith("-") or "://" in line]
    assert options == ["-e"]


# --- the package ------------------------------------------------------------------------


def top_level_imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - set(PACKAGES)


def test_every_import_is_a_declared_dependency_and_the_other_way_round():
    imported = set().union(*map(top_level_imports, MODULES)) - OPTIONAL_IMPORTS
    names = {DISTRIBUTION.get(name, name) for name in imported}
    assert names - set(DEPENDENCIES) == set()
    # TensorFlow is Keras's default backend: needed without being imported.
    assert set(DEPENDENCIES) - names <= {"tensorflow"}


def test_every_file_of_the_packages_is_shipped():
    shipped = PROJECT["tool"]["setuptools"]["package-data"]
    for package, folder in PACKAGES.items():
        for path in folder.rglob("*"):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and path.suffix not in {".py", ".pyc"}:
                assert any(fnmatch.fnmatch(name, pattern) for pattern in shipped[package]), name


def test_importing_the_package_its_data_and_its_scores_is_light():
    code = (
        "import sys, damunet_lite, damunet_lite.data, damunet_lite.augment, damunet_lite.metrics;"
        "print([m for m in ('keras', 'tensorflow', 'matplotlib', 'jax', 'torch')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[]\n", done.stderr


def public_functions(path: Path):
    """Functions and methods of a module whose name, and whose class's name, has no underscore."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        owned = node.body if isinstance(node, ast.ClassDef) else [node]
        if getattr(node, "name", "_").startswith("_"):
            continue
        for function in owned:
            if isinstance(function, ast.FunctionDef) and not function.name.startswith("_"):
                yield node, function


# Their signatures are Keras's or Python's, not ours.
KERAS_PROTOCOL = {"build", "call", "compute_output_shape", "compute_output_spec", "get_config"}
KERAS_PROTOCOL |= {"from_config", "compute_loss", "compute_metrics", "compile", "fit", "evaluate"}
KERAS_PROTOCOL |= {"predict", "train_step", "test_step", "predict_step", "build_from_config"}
KERAS_PROTOCOL |= {"get_compile_config", "update_state", "result", "reset_state"}
ARRAYS_OF_ANY_BACKEND = {"layers.py", "losses.py", "supervision.py"}


# What lies inside a subpackage is its own business (the checkers know the answers).
PUBLIC_MODULES = {
    name: path
    for path in MODULES
    if (name := module_name(path)).count(".") == 1 and not name.split(".")[1].startswith("_")
}


@pytest.mark.parametrize("path", PUBLIC_MODULES.values(), ids=module_name)
def test_public_functions_are_annotated(path):
    bare = []
    for owner, function in public_functions(path):
        if owner is not function and function.name in KERAS_PROTOCOL:
            continue
        arguments = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
        names = [a.arg for a in arguments if a.annotation is None and a.arg not in {"self", "cls"}]
        if path.name in ARRAYS_OF_ANY_BACKEND:
            continue
        if names or function.returns is None:
            bare.append(f"{function.name}: {names or 'return value'}")
    assert bare == []


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_public_modules_are_in_the_reference(name):
    page = (ROOT / "book" / "api.md").read_text(encoding="utf-8")
    assert f".. automodule:: {name}\n" in page


# --- the repository's address -----------------------------------------------------------

HOSTS = re.compile(
    r"(?:github\.com|colab\.research\.google\.com/github|mybinder\.org/v2/gh"
    r"|raw\.githubusercontent\.com|img\.shields\.io/github/[\w/]+?)/([\w.-]+/damunet[\w-]*)"
)
PAGES = re.compile(r"(?<![\w-])([\w-]{1,39})\.github\.io/(damunet[\w-]*)")


def addresses(root: Path) -> dict[str, set[str]]:
    """owner/name -> files that say so."""
    found: dict[str, set[str]] = {}
    for path in text_files(root):
        name = path.relative_to(root).as_posix()
        if name in {"tests/test_project.py", "CONTRIBUTING.md", "book/tools/set_address.py"}:
            continue  # they speak of addresses in general
        text = path.read_text(encoding="utf-8")
        for slug in HOSTS.findall(text):
            found.setdefault(slug.removesuffix(".git"), set()).add(name)
        for owner, repository in PAGES.findall(text):
            found.setdefault(f"{owner}/{repository}", set()).add(name)
    return found


def test_every_file_names_the_same_repository():
    slug = "/".join(split_address(configured_address()))
    found = addresses(ROOT)
    assert set(found) == {slug}, found
    assert {"_config.yml", "README.md", "CITATION.cff", "pyproject.toml"} <= found[slug]


def test_one_command_sets_the_address_everywhere(tmp_path):
    for path in text_files(ROOT):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    before = addresses(tmp_path)
    changed = set_address("https://github.com/another-one/tissue", tmp_path)
    assert configured_address(tmp_path) == "https://github.com/another-one/tissue"
    assert addresses(tmp_path) == {}  # the new name has no damunet in it: none of the old is left
    assert {path.relative_to(tmp_path).as_posix() for path in changed} >= set().union(
        *before.values()
    )
    assert set_address("https://github.com/another-one/tissue", tmp_path) == []
    set_address(configured_address(), tmp_path)
    assert addresses(tmp_path) == before


def test_an_address_that_colab_cannot_open_changes_nothing(tmp_path):
    (tmp_path / "_config.yml").write_text("  url: https://github.com/a/b\n", encoding="utf-8")
    with pytest.raises(ValueError, match="gitlab"):
        set_address("https://gitlab.com/a/b", tmp_path)
    assert configured_address(tmp_path) == "https://github.com/a/b"


# --- the tree ---------------------------------------------------------------------------

LOCAL_PATH = re.compile(
    r"(?<![\w.:/-])/(?:home|Users|root|work|farm)/\w|[A-Z]:\\Users\\|\bTO" r"DO\b|\bFIX" r"ME\b"
)


def test_no_file_speaks_of_one_computer_or_of_work_left():
    for path in text_files(ROOT):
        found = LOCAL_PATH.search(path.read_text(encoding="utf-8"))
        assert found is None, f"{path.relative_to(ROOT)}: {found[0]!r}"


def test_readme_gives_the_two_commands():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "python -m pip install -r requirements.txt && jupyter-book build ." in readme
    assert "python -m pip install -r requirements.txt && pytest" in readme


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission to execute")
def test_ci_command_can_be_run():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.parametrize("module", ["layers", "losses", "models", "supervision"])
def test_any_network_module_can_be_the_first_import(module):
    code = (
        f"from damunet_lite import {module}; import keras; names = 'CBAM', 'TverskyLoss', "
        "'SegmentationNetwork'; get = keras.saving.get_registered_object; "
        "assert all(get('damunet_lite>' + name) for name in names)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_mutants_are_programs_with_one_change():
    for name in ("augment", "metrics"):
        file = PACKAGES["damunet_lite"] / f"{name}.py"
        made = mutants.mutants_of(file)
        assert len(made) > 50
        for mutant in made:
            assert mutant.text != file.read_text(encoding="utf-8")
            ast.parse(mutant.text)
        assert mutants.drawn([file], 5, seed=1) == mutants.drawn([file], 5, seed=1)
    assert len(mutants.extra()) == len(mutants.EXTRA)
