"""What the adapters of data engines share: rows in, scores and errors out, in the same order."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Sequence, Tuple

from ._inputs import Ids, Rendered
from ._models import SparseRM
from ._native import SparseRMError


def scores_of(reward: SparseRM, rows: Sequence[Mapping[str, Any]]) -> Tuple[list[Optional[float]], list[Optional[str]]]:
    """A score and no error, or no score and its error, for each row: prompt with response, messages, text or ids, one of these alone."""
    given: list[Any] = []
    errors: list[Optional[str]] = [None] * len(rows)
    places = []
    for place, row in enumerate(rows):
        try:
            given.append(_input(row))
            places.append(place)
        except (TypeError, ValueError) as error:
            errors[place] = str(error)
    scores: list[Optional[float]] = [None] * len(rows)
    for place, found in zip(places, reward.score_batch(given, errors="return") if given else []):
        if isinstance(found, SparseRMError):
            errors[place] = str(found)
        else:
            scores[place] = float(found)
    return scores, errors


def _input(row: Mapping[str, Any]) -> Any:
    kinds = [name for name in ("prompt", "messages", "text", "ids") if row.get(name) is not None]
    if len(kinds) != 1:
        raise ValueError(f"a row needs one of prompt (with response), messages, text or ids, found {' and '.join(kinds) or 'none of them'}")
    value = row[kinds[0]]
    if kinds[0] == "text":
        return Rendered(_text(value, "text"))
    if kinds[0] == "ids":
        return Ids([int(number) for number in value])
    if kinds[0] == "messages":
        return [dict(message) for message in value]
    if not isinstance(value, str):
        return [*(dict(message) for message in value), {"role": "assistant", "content": _text(row.get("response"), "response")}]
    return value, _text(row.get("response"), "response")


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"field '{name}' must be text that is not empty, found {type(value).__name__}")
    return value
