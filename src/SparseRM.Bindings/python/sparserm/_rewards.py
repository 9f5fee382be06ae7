"""Reward models and sessions. All are context managers, and may be used from any thread."""

from __future__ import annotations

import asyncio
import ctypes
from ctypes import byref, c_float, c_int64
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Callable, Mapping, Optional, Sequence, Tuple, Union, overload

from . import _arrays as arrays
from . import _native as native
from ._calls import Canceller, Handle, Pace, Progress, Results, calls_back, described, numbers, run, written
from ._inputs import Dialogue, Ids, Input, inputs, messages, size, text, token_ids
from ._models import Backbone, Path, backbone_options, optional, path_of


class Session(Handle):
    """A text that grows: each score costs what was added, and has the bits of the whole text alone. Forks share what is computed."""

    _close = "srm_session_close"

    def __init__(self) -> None:
        super().__init__()
        self._pace, self._added = Pace(), 0  # about as much text as was added since the last score

    def append(self, ids: Sequence[int]) -> None:
        """Adds token ids to the text of a session that was opened with ids."""
        native.check(native.library().srm_session_append(self._handle, token_ids(ids), len(ids)))
        self._added += size(Ids(ids))

    def set_answer(self, answer: str) -> None:
        """Makes a text the whole answer to the prompt of messages; what it has in common with the last one stays computed."""
        said = answer.encode("utf-8")
        native.check(native.library().srm_session_set_answer(self._handle, said, len(said)))
        self._added += len(answer)

    def score(self, *, deadline: Optional[float] = None, progress: Optional[Progress] = None) -> float:
        """The score of the text so far. A call that was interrupted, or missed its deadline, may be made again."""
        options, found = native.ScoreOptions(priority=1, deadline_ms=_milliseconds(deadline)), c_float()
        run(options, progress, lambda: native.library().srm_session_score(self._handle, byref(options), byref(found)), pace=self._pace, length=self._added)
        self._added = 0
        return found.value

    def fork(self) -> "Session":
        """A session with the same text: what is computed of it is shared, what either adds is its own."""
        made = Session()
        made._pace.seconds, made._added = self._pace.seconds, self._added
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


class SparseRM(Handle):
    """A reward model on the model that it was fitted with: ``SparseRM("model", "reward.safetensors").score(prompt, answers)``.

    Options are those of :class:`Backbone`. The same text has the same bits of score alone and in any batch.
    """

    _close = "srm_reward_close"

    def __init__(self, model: Path, reward: Path, *, sae: Optional[Path] = None, progress: Optional[Progress] = None, **options: Any) -> None:
        super().__init__()
        self._pace = Pace()
        given = backbone_options(model, **options)
        run(given, progress, lambda: native.library().srm_reward_open(path_of(reward), path_of(sae), byref(given), byref(self._handle)))

    @classmethod
    def _attached(cls, backbone: Backbone, reward: Path, sae: Optional[Path], progress: Optional[Progress]) -> "SparseRM":
        made, call = cls.__new__(cls), native.Call()
        Handle.__init__(made)
        made._pace = Pace()
        run(call, progress, lambda: native.library().srm_reward_attach(backbone._handle, path_of(reward), path_of(sae), byref(call), byref(made._handle)))
        return made

    @property
    def backbone(self) -> Backbone:
        """One more reference to its backbone; close it too."""
        made = Backbone.__new__(Backbone)
        Handle.__init__(made)
        made._pace = Pace()
        native.check(native.library().srm_reward_backbone(self._handle, byref(made._handle)))
        return made

    def describe(self) -> dict[str, Any]:
        """Layer, position, aggregate, and each component with its heads and fit."""
        return described(native.library().srm_reward_describe, self._handle)

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
            if not isinstance(prompt, str) or deadline is not None or not self._pace.is_short(length):
                return self.score(prompt, [answers], deadline=deadline)[0]
            asked, said, found, start = prompt.encode("utf-8"), answers.encode("utf-8"), c_float(), perf_counter()
            native.check(native.library().srm_score(self._handle, asked, len(asked), said, len(said), byref(found)))
            self._pace.learn(length, start)
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
        given, options, canceller = inputs(values), native.ScoreOptions(priority=1, deadline_ms=_milliseconds(deadline)), Canceller()
        options.cancel = canceller.given
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        number = next(numbers)
        calls_back.begin(number, canceller.given)
        _pending[number] = (asyncio.get_running_loop(), future)
        with canceller:
            status = native.library().srm_score_async(self._handle, given, len(values), byref(options), _done, number)
            if status != 0:
                calls_back.end(number)
                del _pending[number]
                raise native.failure(status)
            try:
                return _chosen(await asyncio.shield(future), errors)
            except asyncio.CancelledError:
                canceller.cancel()
                await asyncio.wait([future])
                future.exception()  # nobody else asks for it
                raise

    def score_tokens(
        self, value: Input, *, each: str = "token", aggregate: Optional[str] = None, deadline: Optional[float] = None, progress: Optional[Progress] = None
    ) -> Tuple[Any, Any]:
        """A score for each token, sentence or step (line) of the answer, and the positions of their last tokens."""
        units = {"token": 1, "sentence": 2, "step": 3}
        if each not in units:
            raise ValueError(f"each is {each!r}; give token, sentence or step")
        given, options, room = inputs([value]), native.ScoreOptions(deadline_ms=_milliseconds(deadline), aggregate=optional(aggregate)), 512
        while True:
            scores, positions, count = arrays.empty("f", room), arrays.empty("i", room), c_int64()

            def attempt() -> int:
                return native.library().srm_score_tokens(
                    self._handle, given, units[each], byref(options), arrays.pointer(scores), arrays.pointer(positions), room, byref(count))

            if run(options, progress, attempt, pace=self._pace, length=size(value), may_lack_room=True) == 0:
                return arrays.vector(scores, count.value), arrays.vector(positions, count.value)
            room = count.value

    def session(self, prompt: Union[str, Dialogue, Ids, None] = None) -> Session:
        """A text that grows, after a prompt of messages (then ``set_answer``) or of ids (then ``append``)."""
        made = Session()
        if prompt is None or isinstance(prompt, Ids):
            ids = list(prompt.ids) if prompt else []
            native.check(native.library().srm_session_open_ids(self._handle, token_ids(ids), len(ids), byref(made._handle)))
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
            names, doubt=int(doubt), novelty=int(novelty), aggregate=optional(aggregate))

    def explain(
        self, value: Input, *, directions: int = 8, tokens: int = 5, aggregate: Optional[str] = None, deadline: Optional[float] = None,
        progress: Optional[Progress] = None,
    ) -> dict[str, Any]:
        """Why an input got its score: the directions with the largest shares, and the tokens that push them most."""
        given, options = inputs([value]), native.ScoreOptions(deadline_ms=_milliseconds(deadline), aggregate=optional(aggregate))

        def attempt(to: Any, room: int, needed: c_int64) -> int:
            return run(options, progress, lambda: native.library().srm_explain(
                self._handle, given, directions, tokens, byref(options), to, room, byref(needed)), pace=self._pace, length=size(value), may_lack_room=True)

        return written(attempt)

    def _run(
        self, count: int, length: int, deadline: Optional[float], progress: Optional[Progress], errors: str, call: Callable[[Any, Any], int],
        names: Optional[Sequence[str]] = None, **wanted: Any,
    ) -> list[Any]:
        results = Results(count, len(names or ()))
        options = native.ScoreOptions(deadline_ms=_milliseconds(deadline), **wanted)
        run(options, progress, lambda: call(options, results.structs), pace=self._pace, length=length)

        def found(number: int) -> Any:
            error, result = results.error(number), results.structs[number]
            if error is not None or names is None:
                return error or result.score
            return Score(result.score, result.tokens, _known(result.standard_deviation), _known(result.novelty), dict(zip(names, results.parts(number))))

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


_pending: dict[int, Tuple[asyncio.AbstractEventLoop, "asyncio.Future[list[Any]]"]] = {}


@native.DONE
def _done(number: int, status: int, results: Any, count: int) -> None:
    try:
        _complete(number, status, results, count)
    finally:
        calls_back.end(number)


def _complete(number: int, status: int, results: Any, count: int) -> None:
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
