"""Backbones, reward models and SAEs. All are context managers, and may be used from any thread."""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import json
import os
from dataclasses import dataclass
from time import perf_counter
from ctypes import byref, c_float, c_int32, c_int64, c_void_p
from typing import Any, Callable, Mapping, Optional, Sequence, Tuple, TypeVar, Union, overload

from . import _arrays as arrays
from . import _native as native
from ._inputs import Dialogue, Ids, Input, inputs, messages, size, text

_ERROR_BYTES = 512
_SHORT = 0.02  # seconds; a thread beside the caller's, which hears Ctrl-C at once, would cost a millisecond or more
Path = Union[str, "os.PathLike[str]"]
Progress = Callable[[str, int, int], Any]


def _path(value: Optional[Path]) -> Optional[bytes]:
    return None if value is None else os.fsencode(value)


def _optional(value: Optional[str]) -> Optional[bytes]:
    return None if value is None else value.encode("utf-8")


_NO_PROGRESS = native.PROGRESS()  # type: ignore[call-overload]  # ctypes: a null function


def progress_of(progress: Optional[Progress]) -> Any:
    """A C callback; where the caller's raises, the call is cancelled and ``errors`` has what was raised."""
    errors: list[BaseException] = []
    if progress is None:
        return _NO_PROGRESS, errors
    tell = progress

    def told(_: Any, stage: bytes, done: int, total: int) -> int:
        try:
            tell(stage.decode(), done, total)
            return 0
        except BaseException as error:
            errors.append(error)
            return 1

    return native.PROGRESS(told), errors


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
    return native.BackboneOptions(model=_path(model), **{name: _optional(value) if isinstance(value, str) else value for name, value in given.items()})


def with_progress(options: Any, progress: Optional[Progress], call: Callable[[], int], *, is_short: bool = False) -> None:
    """Runs a call that takes cancel and progress from its options' struct. A short one runs on this thread, and Ctrl-C is heard when it is over."""
    options.progress, errors = progress_of(progress)

    def run(cancel: Any) -> None:
        options.cancel = cancel
        native.check(call())

    try:
        run(None) if is_short else native.interruptible(run)
    except native.SparseRMError:
        if errors:
            raise errors[0] from None
        raise


def _written(call: Callable[..., int]) -> Any:
    """The JSON that a function writes into a buffer of ours, which grows where it must."""
    needed, size = c_int64(), 4096
    while True:
        buffer = ctypes.create_string_buffer(size)
        status = call(buffer, size, byref(needed))
        if status != 14 or needed.value <= size:
            native.check(status)
            return json.loads(buffer.value)
        size = needed.value


_H = TypeVar("_H", bound="_Handle")


class _Handle:
    """An open handle of the C library; closed by ``close``, ``with`` or the collector."""

    _close = ""

    def __init__(self) -> None:
        self._handle = c_void_p()

    def close(self) -> None:
        """Closes it; calls that run finish. Closing twice is no error."""
        handle, self._handle = self._handle, c_void_p()
        if handle.value and native.is_usable():
            native.check(getattr(native.library(), self._close)(handle))

    def __enter__(self: _H) -> _H:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None and self._handle.value and native.is_usable():
            getattr(native.library(), self._close)(self._handle)


class Backbone(_Handle):
    """A model up to a layer. Options: backend, variants, compute, chat_template, threads, truncation, ids_only, max_batch_tokens, .. (see sparserm.h)."""

    _close = "srm_backbone_close"

    def __init__(self, model: Path, *, layer: int = 0, progress: Optional[Progress] = None, **options: Any) -> None:
        super().__init__()
        given = backbone_options(model, layer=layer, **options)
        with_progress(given, progress, lambda: native.library().srm_backbone_open(byref(given), byref(self._handle)))

    def attach(self, reward: Path, *, sae: Optional[Path] = None) -> "SparseRM":
        """Attaches a reward file: it shares every forward pass."""
        return SparseRM._attached(self, reward, sae)

    def describe(self) -> dict[str, Any]:
        """Backend, device, sizes, chat template, and the kernel variant of each op."""
        return _written(lambda *out: native.library().srm_backbone_describe(self._handle, *out))

    def counts(self) -> dict[str, int]:
        """What waits and what went through it so far: requests, tokens, batches, sequences, bytes of known prefixes."""
        counts = native.Counts()
        native.check(native.library().srm_backbone_counts(self._handle, byref(counts)))
        return {name: getattr(counts, name) for name, _ in native.Counts._fields_[1:]}

    def encode(self, value: Input) -> Tuple[list[int], Tuple[int, int]]:
        """Token ids, and the place of the answer's among them (start == end where it is not known)."""
        given, count, start, end, size = inputs([value]), c_int64(), c_int64(), c_int64(), 1024
        while True:
            ids = (c_int32 * size)()
            status = native.library().srm_encode(self._handle, given, ids, size, byref(count), byref(start), byref(end))
            if status != 14 or count.value <= size:
                native.check(status)
                return list(ids[: count.value]), (start.value, end.value)
            size = count.value

    def hidden_states(self, value: Input, layer: int) -> Any:
        """The residual stream after a block at every token, [tokens, d_model]: a numpy array, or lists."""
        given, rows, columns, size = inputs([value]), c_int64(), c_int64(), 0
        while True:
            states = arrays.empty("f", size)
            status = native.library().srm_hidden_states(self._handle, given, layer, arrays.pointer(states), size, byref(rows), byref(columns))
            if status != 14 or rows.value * columns.value <= size:
                native.check(status)
                return arrays.matrix(states, rows.value, columns.value)
            size = rows.value * columns.value

    def open_sae(self, path: Path) -> "Sae":
        """Loads an SAE's encoder."""
        return Sae(self, path)


class Sae(_Handle):
    """An SAE's encoder on a backbone."""

    _close = "srm_sae_close"

    def __init__(self, backbone: Backbone, path: Path) -> None:
        super().__init__()
        native.check(native.library().srm_sae_open(backbone._handle, _path(path), byref(self._handle)))
        d_in, d_sae, layer = c_int64(), c_int64(), c_int32()
        native.check(native.library().srm_sae_width(self._handle, byref(d_in), byref(d_sae), byref(layer)))
        self.d_in, self.d_sae, self.layer = d_in.value, d_sae.value, layer.value if layer.value >= 0 else None

    def encode(self, states: Any) -> Any:
        """Activations of states [rows, d_in], as [rows, d_sae]."""
        given, rows = self._rows(states)
        activations = arrays.empty("f", rows * self.d_sae)
        native.check(native.library().srm_sae_encode_dense(self._handle, arrays.pointer(given), rows, arrays.pointer(activations), rows * self.d_sae))
        return arrays.matrix(activations, rows, self.d_sae)

    def encode_sparse(self, states: Any) -> Tuple[Any, Any, Any]:
        """Active latents: (row_starts, latents, values); those of row r are at row_starts[r] to row_starts[r + 1]."""
        given, rows = self._rows(states)
        count, size, starts = c_int64(), 64 * rows, arrays.empty("q", rows + 1)
        while True:
            latents, values = arrays.empty("i", size), arrays.empty("f", size)
            status = native.library().srm_sae_encode_sparse(
                self._handle, arrays.pointer(given), rows, arrays.pointer(starts), arrays.pointer(latents), arrays.pointer(values), size, byref(count))
            if status != 14 or count.value <= size:
                native.check(status)
                return arrays.vector(starts, rows + 1), arrays.vector(latents, count.value), arrays.vector(values, count.value)
            size = count.value

    def _rows(self, states: Any) -> Tuple[Any, int]:
        given, rows, columns = arrays.given(states)
        if columns != self.d_in:
            raise ValueError(f"the states are {columns} wide, the SAE reads {self.d_in}")
        return given, rows


class Session(_Handle):
    """A text that grows: each score costs what was added, and has the bits of the whole text alone. Forks share what is computed."""

    _close = "srm_session_close"

    def append(self, ids: Sequence[int]) -> None:
        """Adds token ids to the text of a session that was opened with ids."""
        native.check(native.library().srm_session_append(self._handle, (c_int32 * len(ids))(*ids), len(ids)))

    def set_answer(self, answer: str) -> None:
        """Makes a text the whole answer to the prompt of messages; what it has in common with the last one stays computed."""
        said = answer.encode("utf-8")
        native.check(native.library().srm_session_set_answer(self._handle, said, len(said)))

    def score(self) -> float:
        """The score of the text so far."""
        found = c_float()
        native.check(native.library().srm_session_score(self._handle, byref(found)))
        return found.value

    def fork(self) -> "Session":
        """A session with the same text: what is computed of it is shared, what either adds is its own."""
        made = Session()
        native.check(native.library().srm_session_fork(self._handle, byref(made._handle)))
        return made

    def __len__(self) -> int:
        length = c_int64()
        native.check(native.library().srm_session_length(self._handle, byref(length)))
        return length.value


@dataclass(frozen=True)
class Score:
    """A score and what was asked for beside it. ``components``: the components' scores by name, before their weights."""

    score: float
    tokens: int
    standard_deviation: Optional[float]
    novelty: Optional[float]
    components: Mapping[str, float]


class SparseRM(_Handle):
    """A reward model on the model that it was fitted with: ``SparseRM("model", "reward.safetensors").score(prompt, answers)``.

    Options are those of :class:`Backbone`. The same text has the same bits of score alone and in any batch.
    """

    _close = "srm_reward_close"
    _pace = 1.0  # seconds that a character took at last: so it is guessed which call is short

    def __init__(self, model: Path, reward: Path, *, sae: Optional[Path] = None, progress: Optional[Progress] = None, **options: Any) -> None:
        super().__init__()
        given = backbone_options(model, **options)
        with_progress(given, progress, lambda: native.library().srm_reward_open(_path(reward), _path(sae), byref(given), byref(self._handle)))

    @classmethod
    def _attached(cls, backbone: Backbone, reward: Path, sae: Optional[Path]) -> "SparseRM":
        made = cls.__new__(cls)
        _Handle.__init__(made)
        native.check(native.library().srm_reward_attach(backbone._handle, _path(reward), _path(sae), byref(made._handle)))
        return made

    @property
    def backbone(self) -> Backbone:
        """One more reference to its backbone; close it too."""
        made = Backbone.__new__(Backbone)
        _Handle.__init__(made)
        native.check(native.library().srm_reward_backbone(self._handle, byref(made._handle)))
        return made

    def describe(self) -> dict[str, Any]:
        """Layer, position, aggregate, and each component with its heads and fit."""
        return _written(lambda *out: native.library().srm_reward_describe(self._handle, *out))

    @overload  # type: ignore  # a str is a Sequence[str], too: the first overload takes it
    def score(self, prompt: Union[str, Dialogue], answers: str, *, deadline: Optional[float] = None) -> float: ...
    @overload
    def score(self, prompt: Union[str, Dialogue], answers: Sequence[str], *, deadline: Optional[float] = None) -> list[float]: ...

    def score(self, prompt: Any, answers: Any, *, deadline: Optional[float] = None) -> Any:
        """The score of an answer, or scores of many answers to one prompt (a text or messages), which is computed once.

        deadline: seconds that it may take, None for as long as it takes. An answer that cannot be scored raises :class:`SparseRMError`.
        """
        if isinstance(answers, str):
            length = len(prompt) + len(answers)
            if not isinstance(prompt, str) or deadline is not None or length * self._pace > _SHORT:
                return self.score(prompt, [answers], deadline=deadline)[0]
            asked, said, found, start = prompt.encode("utf-8"), answers.encode("utf-8"), c_float(), perf_counter()
            native.check(native.library().srm_score(self._handle, asked, len(asked), said, len(said), byref(found)))
            self._pace = (perf_counter() - start) / max(1, length)
            return found.value
        dialogue = messages([{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt)
        count = 1 if isinstance(prompt, str) else len(prompt)
        texts = (native.Text * max(1, len(answers)))(*(text(answer) for answer in answers))
        length = sum(map(len, answers)) + (len(prompt) if isinstance(prompt, str) else size(prompt))
        return self._run(len(answers), length, deadline, None, "raise", lambda options, results: native.library().srm_score_group(
            self._handle, dialogue, count, texts, len(answers), options, results))

    def score_batch(
        self, values: Sequence[Input], *, deadline: Optional[float] = None, progress: Optional[Progress] = None, errors: str = "raise"
    ) -> list[Any]:
        """Scores of inputs: (prompt, answer), messages, mappings as lines of a score file, :class:`Ids`, :class:`Rendered`.

        errors: ``"raise"`` raises the first; ``"return"`` gives a :class:`SparseRMError` in the place of a score.
        """
        given = inputs(values)
        return self._run(len(values), sum(map(size, values)), deadline, progress, errors, lambda options, results: native.library().srm_score_batch(
            self._handle, given, len(values), options, results))

    async def score_async(self, prompt: Union[str, Dialogue], answers: Union[str, Sequence[str]], *, deadline: Optional[float] = None) -> Any:
        """As :meth:`score`, without blocking the event loop; cancelling the task cancels the call."""
        many = [answers] if isinstance(answers, str) else answers
        asked: list[Any] = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
        scores = await self.score_batch_async([[*asked, {"role": "assistant", "content": answer}] for answer in many], deadline=deadline)
        return scores[0] if isinstance(answers, str) else scores

    async def score_batch_async(self, values: Sequence[Input], *, deadline: Optional[float] = None, errors: str = "raise") -> list[Any]:
        """As :meth:`score_batch`, without blocking the event loop."""
        loaded, cancel, given = native.library(), c_void_p(), inputs(values)
        options = native.ScoreOptions(priority=1, deadline_ms=_milliseconds(deadline))
        native.check(loaded.srm_cancel_create(byref(cancel)))
        options.cancel = cancel
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        number = next(_numbers)
        _pending[number] = (asyncio.get_running_loop(), future)
        try:
            status = loaded.srm_score_async(self._handle, given, len(values), byref(options), _done, number)
            if status != 0:
                del _pending[number]
                raise native.failure(status)
            try:
                return _chosen(await asyncio.shield(future), errors)
            except asyncio.CancelledError:
                loaded.srm_cancel(cancel)
                await asyncio.wait([future])
                future.exception()  # nobody else asks for it
                raise
        finally:
            loaded.srm_cancel_close(cancel)

    def score_tokens(self, value: Input, *, each: str = "token") -> Tuple[Any, Any]:
        """A score for each token, sentence or step (line) of the answer, and the positions of their last tokens."""
        units = {"token": 1, "sentence": 2, "step": 3}
        if each not in units:
            raise ValueError(f"each is {each!r}; give token, sentence or step")
        given, count, size = inputs([value]), c_int64(), 512
        while True:
            scores, positions = arrays.empty("f", size), arrays.empty("i", size)
            status = native.library().srm_score_tokens(
                self._handle, given, units[each], arrays.pointer(scores), arrays.pointer(positions), size, byref(count))
            if status != 14 or count.value <= size:
                native.check(status)
                return arrays.vector(scores, count.value), arrays.vector(positions, count.value)
            size = count.value

    def session(self, prompt: Union[str, Dialogue, Ids, None] = None) -> Session:
        """A text that grows, after a prompt of messages (then ``set_answer``) or of ids (then ``append``)."""
        made = Session()
        if prompt is None or isinstance(prompt, Ids):
            ids = list(prompt.ids) if prompt else []
            native.check(native.library().srm_session_open_ids(self._handle, (c_int32 * len(ids))(*ids), len(ids), byref(made._handle)))
        else:
            turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
            native.check(native.library().srm_session_open(self._handle, messages(turns), len(turns), byref(made._handle)))
        return made

    def evaluate(
        self, values: Sequence[Input], *, doubt: bool = False, novelty: bool = False, aggregate: Optional[str] = None, deadline: Optional[float] = None,
        progress: Optional[Progress] = None, errors: str = "raise",
    ) -> list[Any]:
        """As :meth:`score_batch`, with a :class:`Score` for each input: doubt needs several heads, novelty their training statistics."""
        names = [component["name"] for component in self.describe()["components"]]
        given = inputs(values)
        return self._run(
            len(values), sum(map(size, values)), deadline, progress, errors,
            lambda options, results: native.library().srm_score_batch(self._handle, given, len(values), options, results),
            names, doubt=int(doubt), novelty=int(novelty), aggregate=_optional(aggregate))

    def explain(self, value: Input, *, directions: int = 8, tokens: int = 5) -> dict[str, Any]:
        """Why an input got its score: the directions with the largest shares, and the tokens that push them most."""
        given = inputs([value])
        return _written(lambda *out: native.library().srm_explain(self._handle, given, directions, tokens, *out))

    def _run(
        self, count: int, length: int, deadline: Optional[float], progress: Optional[Progress], errors: str, call: Callable[[Any, Any], int],
        names: Optional[Sequence[str]] = None, **wanted: Any,
    ) -> list[Any]:
        results = (native.Result * max(1, count))()
        sentences = ctypes.create_string_buffer(max(1, count) * _ERROR_BYTES)
        parts = [(c_float * len(names))() for _ in range(count)] if names is not None else []
        for number, result in enumerate(results):
            result.struct_size = ctypes.sizeof(native.Result)
            result.error, result.error_capacity = ctypes.addressof(sentences) + number * _ERROR_BYTES, _ERROR_BYTES
            if number < len(parts):
                result.components, result.component_capacity = parts[number], len(parts[number])
        options = native.ScoreOptions(deadline_ms=_milliseconds(deadline), **wanted)
        start = perf_counter()
        with_progress(options, progress, lambda: call(byref(options), results), is_short=length * self._pace < _SHORT)
        self._pace = (perf_counter() - start) / max(1, length)

        def found(number: int) -> Any:
            result = results[number]
            if result.status != 0:
                return native.failure(result.status, ctypes.string_at(ctypes.addressof(sentences) + number * _ERROR_BYTES))
            if names is None:
                return result.score
            return Score(result.score, result.tokens, _known(result.standard_deviation), _known(result.novelty), dict(zip(names, parts[number])))

        return _chosen([found(number) for number in range(count)], errors)


def _milliseconds(deadline: Optional[float]) -> float:
    return 0 if deadline is None else 1000 * deadline or 1e-6  # C reads 0 as none; this much is over at once


def _known(value: float) -> Optional[float]:
    return None if value != value else value


def _chosen(found: list[Any], errors: str) -> list[Any]:
    if errors == "return":
        return found
    if errors != "raise":
        raise ValueError(f"errors is {errors!r}; give raise or return")
    for number, value in enumerate(found):
        if isinstance(value, native.SparseRMError):
            raise native.SparseRMError(value.status, value.kind, f"input {number}: {value}")
    return found


_numbers = itertools.count(1)
_pending: dict[int, Tuple[asyncio.AbstractEventLoop, "asyncio.Future[list[Any]]"]] = {}


@native.DONE
def _done(number: int, status: int, results: Any, count: int) -> None:
    loop, future = _pending.pop(number)
    if status != 0:
        value: Any = native.failure(status)
    else:
        value = [results[i].score if results[i].status == 0 else native.failure(results[i].status, ctypes.string_at(results[i].error)) for i in range(count)]

    def settle() -> None:
        if future.done():
            return
        if isinstance(value, native.SparseRMError):
            future.set_exception(value)
        else:
            future.set_result(value)

    try:
        loop.call_soon_threadsafe(settle)
    except RuntimeError:
        pass  # the event loop is closed: nobody waits
