"""Backbones and SAEs. Both are context managers, and may be used from any thread."""

from __future__ import annotations

import os
from ctypes import byref, c_int32, c_int64
from typing import TYPE_CHECKING, Any, Mapping, Optional, Tuple, Union

from . import _arrays as arrays
from . import _native as native
from ._calls import Handle, Pace, Progress, described, run
from ._inputs import Input, inputs, size

if TYPE_CHECKING:
    from ._rewards import SparseRM

Path = Union[str, "os.PathLike[str]"]


def path_of(value: Optional[Path]) -> Optional[bytes]:
    return None if value is None else os.fsencode(value)


def optional(value: Optional[str]) -> Optional[bytes]:
    return None if value is None else value.encode("utf-8")


def backbone_options(model: Path, **options: Any) -> native.BackboneOptions:
    truncation = {"refuse": 0, "left": 1, "right": 2}
    given = {name: value for name, value in options.items() if value is not None}
    unknown = set(given) - {name for name, *_ in native.BackboneOptions._fields_}
    if unknown:
        raise TypeError(f"unknown options {', '.join(sorted(unknown))}")
    if "truncation" in given:
        if given["truncation"] not in truncation:
            raise ValueError(f"truncation is {given['truncation']!r}; give refuse, left or right")
        given["truncation"] = truncation[given["truncation"]]
    if isinstance(given.get("variants"), Mapping):
        given["variants"] = ",".join(f"{op}={variant}" for op, variant in given["variants"].items())
    return native.BackboneOptions(model=path_of(model), **{name: optional(value) if isinstance(value, str) else value for name, value in given.items()})


class Backbone(Handle):
    """A model up to a layer. Options: backend, variants, compute, chat_template, threads, truncation, ids_only, max_batch_tokens, .. (see sparserm.h)."""

    _close = "srm_backbone_close"

    def __init__(self, model: Path, *, layer: int = 0, progress: Optional[Progress] = None, **options: Any) -> None:
        super().__init__()
        self._pace = Pace()
        given = backbone_options(model, layer=layer, **options)
        run(given, progress, lambda: native.library().srm_backbone_open(byref(given), byref(self._handle)))

    def attach(self, reward: Path, *, sae: Optional[Path] = None, progress: Optional[Progress] = None) -> "SparseRM":
        """Attaches a reward file: it shares every forward pass."""
        from ._rewards import SparseRM

        return SparseRM._attached(self, reward, sae, progress)

    def describe(self) -> dict[str, Any]:
        """Backend, device, sizes, chat template, and the kernel variant of each op."""
        return described(native.library().srm_backbone_describe, self._handle)

    def counts(self) -> dict[str, int]:
        """What waits and what went through it so far: requests, tokens, batches, sequences, bytes of known prefixes."""
        counts = native.Counts()
        native.check(native.library().srm_backbone_counts(self._handle, byref(counts)))
        return {name: getattr(counts, name) for name, _ in native.Counts._fields_[1:]}

    def encode(self, value: Input) -> Tuple[list[int], Tuple[int, int]]:
        """Token ids, and the place of the answer's among them (start == end where it is not known)."""
        given, count, start, end, room = inputs([value]), c_int64(), c_int64(), c_int64(), 1024
        while True:
            ids = (c_int32 * room)()
            status = native.library().srm_encode(self._handle, given, ids, room, byref(count), byref(start), byref(end))
            if status != native.BUFFER or count.value <= room:
                native.check(status)
                return list(ids[: count.value]), (start.value, end.value)
            room = count.value

    def hidden_states(self, value: Input, layer: int, *, progress: Optional[Progress] = None) -> Any:
        """The residual stream after a block at every token, [tokens, d_model]: a numpy array, or lists."""
        given, room = inputs([value]), 0
        while True:
            call, states, rows, columns = native.Call(), arrays.empty("f", room), c_int64(), c_int64()

            def attempt() -> int:
                return native.library().srm_hidden_states(
                    self._handle, given, layer, byref(call), arrays.pointer(states), room, byref(rows), byref(columns))

            # Where there is no room nothing is computed.
            if run(call, progress, attempt, pace=self._pace, length=room and size(value), may_lack_room=True) == 0:
                return arrays.matrix(states, rows.value, columns.value)
            room = rows.value * columns.value

    def open_sae(self, path: Path, *, progress: Optional[Progress] = None) -> "Sae":
        """Loads an SAE's encoder."""
        return Sae(self, path, progress=progress)


class Sae(Handle):
    """An SAE's encoder on a backbone."""

    _close = "srm_sae_close"

    def __init__(self, backbone: Backbone, path: Path, *, progress: Optional[Progress] = None) -> None:
        super().__init__()
        self._pace = Pace()
        call = native.Call()
        run(call, progress, lambda: native.library().srm_sae_open(backbone._handle, path_of(path), byref(call), byref(self._handle)))
        d_in, d_sae, layer = c_int64(), c_int64(), c_int32()
        native.check(native.library().srm_sae_width(self._handle, byref(d_in), byref(d_sae), byref(layer)))
        self.d_in, self.d_sae, self.layer = d_in.value, d_sae.value, layer.value if layer.value >= 0 else None

    def encode(self, states: Any, *, progress: Optional[Progress] = None) -> Any:
        """Activations of states [rows, d_in], as [rows, d_sae]."""
        given, rows = self._rows(states)
        call, activations = native.Call(), arrays.empty("f", rows * self.d_sae)
        run(call, progress, lambda: native.library().srm_sae_encode_dense(
            self._handle, arrays.pointer(given), rows, byref(call), arrays.pointer(activations), rows * self.d_sae), pace=self._pace, length=rows)
        return arrays.matrix(activations, rows, self.d_sae)

    def encode_sparse(self, states: Any, *, progress: Optional[Progress] = None) -> Tuple[Any, Any, Any]:
        """Active latents: (row_starts, latents, values); those of row r are at row_starts[r] to row_starts[r + 1]."""
        given, rows = self._rows(states)
        room = 64 * rows
        while True:
            call, count, starts = native.Call(), c_int64(), arrays.empty("q", rows + 1)
            latents, values = arrays.empty("i", room), arrays.empty("f", room)

            def attempt() -> int:
                return native.library().srm_sae_encode_sparse(
                    self._handle, arrays.pointer(given), rows, byref(call), arrays.pointer(starts), arrays.pointer(latents), arrays.pointer(values), room, byref(count))

            if run(call, progress, attempt, pace=self._pace, length=rows, may_lack_room=True) == 0:
                return arrays.vector(starts, rows + 1), arrays.vector(latents, count.value), arrays.vector(values, count.value)
            room = count.value

    def _rows(self, states: Any) -> Tuple[Any, int]:
        given, rows, columns = arrays.given(states)
        if columns != self.d_in:
            raise ValueError(f"the states are {columns} wide, the SAE reads {self.d_in}")
        return given, rows
