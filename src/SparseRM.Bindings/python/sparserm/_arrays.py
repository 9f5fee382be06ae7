"""Arrays that C writes into: numpy's where numpy is there, lists otherwise. numpy's are not copied."""

from __future__ import annotations

import ctypes
from typing import Any, Tuple

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

_TYPES: dict[str, Any] = {"f": ctypes.c_float, "i": ctypes.c_int32, "q": ctypes.c_int64}
_NAMES = {"f": "float32", "i": "int32", "q": "int64"}


def empty(code: str, count: int) -> Any:
    """An array of ``count`` elements of float32 (``f``), int32 (``i``) or int64 (``q``)."""
    return numpy.empty(count, _NAMES[code]) if numpy is not None else (_TYPES[code] * count)()


def pointer(array: Any) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data) if hasattr(array, "ctypes") else ctypes.cast(array, ctypes.c_void_p)


def given(values: Any) -> Tuple[Any, int, int]:
    """A matrix of floats that a caller has, with its rows and columns; one of numpy in float32 is used where it lies."""
    if numpy is not None:
        array = numpy.ascontiguousarray(values, "float32")
        if array.ndim != 2:
            raise ValueError(f"expected rows of numbers, found an array of {array.ndim} dimensions")
        return array, array.shape[0], array.shape[1]
    rows = [list(row) for row in values]
    columns = len(rows[0]) if rows else 0
    if any(len(row) != columns for row in rows):
        raise ValueError("the rows have different lengths")
    return (ctypes.c_float * (len(rows) * columns))(*(value for row in rows for value in row)), len(rows), columns


def vector(array: Any, count: int) -> Any:
    return array[:count] if numpy is not None else list(array[:count])


def matrix(array: Any, rows: int, columns: int) -> Any:
    if numpy is not None:
        return array[: rows * columns].reshape(rows, columns)
    return [list(array[row * columns : (row + 1) * columns]) for row in range(rows)]
