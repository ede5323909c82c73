"""Colab's versions: the list, how it is refreshed, and that installing changes none of them."""

import os

import colab
import pytest

OLD = "# What Colab's image of 2026-01-02 has (Python 3.12), so\nkeras==3.1\nnumpy==2.0\n"
FREEZE = "absl-py==1.4.0\nnumpy==2.1.3\nKeras==3.13.2\nmore @ file:///somewhere\n"


def test_refreshing_takes_the_new_versions_of_the_same_names():
    new = colab.refreshed(OLD, FREEZE, "2026-08-19")
    assert colab.versions(new) == {"keras": "3.13.2", "numpy": "2.1.3"}
    assert "image of 2026-08-19 has (Python 3.12)" in new


def test_a_name_that_colab_dropped_is_told():
    with pytest.raises(ValueError, match="no keras$"):
        colab.refreshed(OLD, "numpy==2.1.3", "2026-08-19")


def test_the_list_is_in_the_form_that_refreshing_writes():
    text = colab.LIST.read_text(encoding="utf-8")
    date = text.split("image of ")[1][:10]
    same = "".join(f"{name}=={version}\n" for name, version in colab.versions(text).items())
    assert colab.refreshed(text, same, date) == text


@pytest.mark.slow
@pytest.mark.skipif(
    not os.environ.get("DAMUNET_COLAB"),
    reason="may download 0.7 GB of packages: DAMUNET_COLAB=1 asks for it, as does tests/colab.py",
)
def test_installing_the_package_changes_nothing_that_colab_has():
    assert set(colab.changes()) == {"damunet-lite"}
