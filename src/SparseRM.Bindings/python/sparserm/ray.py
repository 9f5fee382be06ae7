"""Scores of a Ray dataset, by an actor a model: ``dataset.map_batches(sparserm.ray.Scorer, ..)``."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from ._models import Path
from ._rewards import SparseRM
from ._rows import scores_of


class Scorer:
    """An actor for Ray Data's ``map_batches``, which opens the model once and scores batch after batch::

        dataset.map_batches(sparserm.ray.Scorer, batch_size=1024, concurrency=4, num_cpus=8,
            fn_constructor_kwargs={"model": "model", "reward": "reward.safetensors", "threads": 8})

    A batch is a dict of columns, numpy arrays or lists (``batch_format="numpy"``, Ray's own default): ``prompt`` and ``response``, or ``messages``, ``text`` or
    ``ids``; ``columns={"prompt": "question"}`` says what a column is called. It comes back in its order with ``score``, NaN where there is none, and ``error``,
    None where there is a score. An empty answer is an error here. Each row's bits are those of the row alone.
    """

    def __init__(
        self, model: Path, reward: Path, *, sae: Optional[Path] = None, columns: Optional[Mapping[str, str]] = None, **options: Any
    ) -> None:
        self._columns = dict(columns or {})
        self._reward = SparseRM(model, reward, sae=sae, **options)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        for name in ("score", "error"):
            if name in batch:
                raise ValueError(f"the dataset has a column {name} already; rename it, or drop it")
        named = {ours: batch[theirs] for ours, theirs in self._columns.items()}
        for name in ("prompt", "response", "messages", "text", "ids"):
            if name in batch:
                named.setdefault(name, batch[name])
        count = len(next(iter(batch.values()))) if batch else 0
        rows = [{name: _plain(column[i]) for name, column in named.items()} for i in range(count)]
        scores, errors = scores_of(self._reward, rows)
        return {**batch, "score": _column([float("nan") if score is None else score for score in scores], "float32"), "error": _column(errors, object)}


def _plain(value: Any) -> Any:
    """A numpy scalar or array as the Python value that it holds."""
    return value.tolist() if hasattr(value, "tolist") else value


def _column(values: list[Any], kind: Any) -> Any:
    try:
        import numpy
    except ImportError:
        return values
    made = numpy.empty(len(values), dtype=kind)
    made[:] = values
    return made
