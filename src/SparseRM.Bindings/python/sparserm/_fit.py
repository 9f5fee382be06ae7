"""Fitting a reward model from a preference file."""

from __future__ import annotations

from ctypes import byref, pointer
from dataclasses import dataclass
from typing import Any, Optional

from . import _native as native
from ._calls import Progress, run
from ._models import Path, backbone_options, optional, path_of


@dataclass(frozen=True)
class FitResult:
    """What came of a fit. ``held_out_accuracy`` is None where nothing was held out."""

    pairs: int
    held_out_pairs: int
    skipped_rows: int
    training_accuracy: float
    held_out_accuracy: Optional[float]


def fit(
    model: Path, data: Path, output: Path, *, sae: Optional[Path] = None, layer: Optional[int] = None, k: int = 128, position: str = "last",
    input: str = "projection", loss: str = "margin", margin: float = 1.0, hidden_units: int = 512, max_epochs: int = 60, seeds: int = 1, seed: int = 1,
    held_out_fraction: float = 0.1, pairs: Optional[int] = None, skip_bad: bool = False, cache: Optional[Path] = None,
    heads: int = 1, aggregate: str = "mean", progress: Optional[Progress] = None, **options: Any,
) -> FitResult:
    """Fits a reward model on a preference file and writes it to ``output``. Options are those of a backbone.

    The file is jsonl, json or csv, or parquet where ParquetSharpNative.so lies beside the C library (the error says where it comes from).
    """
    backbone = backbone_options(model, **options)
    given = native.FitOptions(
        backbone=pointer(backbone), sae=path_of(sae), data=path_of(data), output=path_of(output), cache=path_of(cache), position=optional(position),
        input=optional(input), loss=optional(loss), aggregate=optional(aggregate), heads=heads, layer=-1 if layer is None else layer, k=k, hidden_units=hidden_units, max_epochs=max_epochs,
        seeds=seeds, skip_bad=int(skip_bad), margin=margin, held_out_fraction=held_out_fraction, seed=seed, pairs=pairs or 0,
    )
    result = native.FitResult()
    run(given, progress, lambda: native.library().srm_fit(byref(given), byref(result)))
    held_out = result.held_out_accuracy
    return FitResult(result.pairs, result.held_out_pairs, result.skipped_rows, result.training_accuracy, held_out if held_out == held_out else None)
