"""What the adapters of data engines share: rows in, scores and errors out, in the same order."""

from __future__ import annotations

import json
from typing import Any, Mapping, Optional, Sequence, Tuple

from ._native import SparseRMError
from ._rewards import SparseRM


def scores_of(reward: SparseRM, rows: Sequence[Mapping[str, Any]]) -> Tuple[list[Optional[float]], list[Optional[str]]]:
    """A score and no error, or no score and its error, for each row: prompt with response, messages, text or ids, one of these alone, as lines of a file."""
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


def _input(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row as the line of a file that means the same: the library reads it as it reads those, and refuses what could mean two things."""
    line = {name: row[name] for name in ("prompt", "response", "messages", "text", "ids") if row.get(name) is not None}
    said = line.get("response")
    if ("prompt" in line or said is not None) and (not isinstance(said, str) or not said.strip()):
        raise ValueError(f"field 'response' must be text that is not empty, found {said!r:.40}")
    if line.keys() == {"prompt", "response"} and isinstance(line["prompt"], (list, tuple)):
        line = {"messages": [*line["prompt"], {"role": "assistant", "content": line["response"]}]}
    json.dumps(line)  # what no line of a file can hold is this row's error
    return line
