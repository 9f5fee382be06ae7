"""Scores of a Spark data frame: ``sparserm.spark.score(frame, "model", "reward.safetensors")``."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Optional

from ._models import Path
from ._rewards import SparseRM
from ._rows import scores_of

_opened: dict[Any, SparseRM] = {}  # of this Python worker, which Spark uses for one partition after another


def score(
    frame: Any, model: Path, reward: Path, *, sae: Optional[Path] = None, columns: Optional[Mapping[str, str]] = None, **options: Any
) -> Any:
    """The frame with ``score`` (float, null where there is none) and ``error`` (text, null where there is a score), by ``DataFrame.mapInArrow``.

    Rows have ``prompt`` and ``response``, or ``messages``, ``text`` or ``ids``, and an empty answer is an error; ``columns={"prompt": "question"}`` says what a column is called. Order within
    a partition is kept, and each row's bits are those of the row alone. Model and reward file must lie under the same path on every machine. One Python
    worker opens the model once; with several cores an executor say ``threads=`` so that they do not take each other's.
    """
    from pyspark.sql.types import FloatType, StringType, StructField, StructType

    for name in ("score", "error"):
        if name in frame.columns:
            raise ValueError(f"the frame has a column {name} already; rename it, or drop it")
    schema = StructType([*frame.schema.fields, StructField("score", FloatType(), True), StructField("error", StringType(), True)])
    names = dict(columns or {})

    def scored(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow

        opened = _open(str(model), str(reward), None if sae is None else str(sae), options)
        for batch in batches:
            rows = [{**row, **{ours: row[theirs] for ours, theirs in names.items()}} for row in batch.to_pylist()]
            scores, errors = scores_of(opened, rows)
            yield pyarrow.RecordBatch.from_arrays(
                [*batch.columns, pyarrow.array(scores, type=pyarrow.float32()), pyarrow.array(errors, type=pyarrow.string())],
                names=[*batch.schema.names, "score", "error"])

    return frame.mapInArrow(scored, schema)


def _open(model: str, reward: str, sae: Optional[str], options: Mapping[str, Any]) -> SparseRM:
    key = (model, reward, sae, tuple(sorted((name, str(value)) for name, value in options.items())))
    if key not in _opened:
        _opened[key] = SparseRM(model, reward, sae=sae, **options)
    return _opened[key]
