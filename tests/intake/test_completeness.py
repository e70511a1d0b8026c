"""Batches that are not all there."""

import pytest

from tasks.errors import BatchNotReadyError
from tasks.intake.completeness import require_complete, require_marked, require_name
from tasks.intake.declaration import Declared


@pytest.mark.parametrize("batch", ["b2026-01", "1", "A.b_c-d", "x" * 64])
def test_plain_names_name_a_batch(batch: str) -> None:
    require_name(batch)


@pytest.mark.parametrize("batch", ["", "..", "a/b", "Å", "a b", ".hidden", "x" * 65, "a\n"])
def test_other_names_are_refused_and_not_quoted(batch: str) -> None:
    with pytest.raises(BatchNotReadyError, match="no batch can have this name") as caught:
        require_name(batch)
    assert caught.value.exit_code == 5
    assert caught.value.next_step


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({}, "s01/b1 is empty or unknown"),
        ({"ZZCANARY": 1, "b": 2}, "half uploaded: 2 objects are there and the marker _COMPLETE is not"),
        ({"ZZCANARY/_COMPLETE": 1}, "the marker _COMPLETE is not"),
        ({"_COMPLETE": 0}, "nothing beside its marker"),
    ],
)
def test_a_batch_without_marker_or_content_is_refused(sizes: dict[str, int], message: str) -> None:
    with pytest.raises(BatchNotReadyError, match=message) as caught:
        require_marked(sizes, batch="s01/b1")
    assert "ZZCANARY" not in str(caught.value)
    assert caught.value.next_step


def test_a_marked_batch_without_declaration_is_complete() -> None:
    require_complete({"_COMPLETE": 0, "a": 1}, {}, batch="s01/b1")


def test_declared_files_must_be_there_with_their_size() -> None:
    declaration = {
        "a": Declared("a", 1),
        "b": Declared("b"),
        "ZZCANARY": Declared("ZZCANARY", 3),
        "c": Declared("c", 4),
    }
    require_complete({"_COMPLETE": 0, "a": 1, "b": 9, "ZZCANARY": 3, "c": 4}, declaration, batch="s01/b1")
    with pytest.raises(BatchNotReadyError, match="of 4 declared files 1 are missing and 1 have another size") as caught:
        require_complete({"_COMPLETE": 0, "a": 1, "b": 9, "c": 5}, declaration, batch="s01/b1")
    assert "ZZCANARY" not in str(caught.value)
