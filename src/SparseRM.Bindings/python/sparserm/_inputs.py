"""Makes C structs of what Python programs have: pairs, dialogues, ids, rendered texts, JSON objects."""

from __future__ import annotations

import ctypes
import json
import operator
from dataclasses import dataclass
from typing import Any, Mapping, Optional, Sequence, Tuple, Union

from . import _native as native


@dataclass(frozen=True)
class Ids:
    """Token ids, used as they are; ``answer`` is the place of the answer's tokens (start, end), where it is known."""

    ids: Sequence[int]
    answer: Optional[Tuple[int, int]] = None


@dataclass(frozen=True)
class Rendered:
    """A text that was rendered already: marks in it are tokens."""

    text: str


Dialogue = Sequence[Mapping[str, Any]]
Input = Union[Tuple[str, str], Dialogue, Mapping[str, Any], Ids, Rendered]


def text(value: str) -> native.Text:
    data = value.encode("utf-8")
    return native.Text(data, len(data))


def messages(dialogue: Dialogue) -> "ctypes.Array[native.Message]":
    made = (native.Message * max(1, len(dialogue)))()
    for place, message in zip(made, dialogue):
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise TypeError(f"a message is a mapping with role and content, found {message!r}")
        content = message.get("content")
        if isinstance(content, str):
            place.content = text(content)
        elif content is not None:
            raise TypeError(f"a message's content is a str or None, found {type(content).__name__}")
        place.role = text(message["role"])
        other = {name: value for name, value in message.items() if name not in ("role", "content")}
        if content is None and "content" in message:
            other["content"] = None
        if other:
            place.fields = text(json.dumps(other))
    return made


def token_ids(values: Sequence[int]) -> "ctypes.Array[ctypes.c_int32]":
    """Token ids for C, which would cut greater numbers to others."""
    if isinstance(values, ctypes.Array) and values._type_ is ctypes.c_int32:
        return values
    numbers = [operator.index(value) for value in values]
    for number in numbers:
        if not -(1 << 31) <= number < 1 << 31:
            raise ValueError(f"a token id is a number of 32 bits, found {number}")
    return (ctypes.c_int32 * len(numbers))(*numbers)


def fill(place: native.Input, value: Input) -> None:
    """Writes an input into its struct, which keeps alive what it points to."""
    place.struct_size = ctypes.sizeof(native.Input)
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, str) for part in value):
        place.kind, place.prompt, place.text = 0, text(value[0]), text(value[1])
    elif isinstance(value, Rendered):
        place.kind, place.text = 3, text(value.text)
    elif isinstance(value, Ids):
        ids = token_ids(value.ids)
        place.kind, place.ids, place.id_count = 4, ids, len(ids)
        place.answer_start, place.answer_end = value.answer or (0, 0)
    elif isinstance(value, Mapping):
        place.kind, place.text = 2, text(json.dumps(value))
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        place.kind, place.messages, place.message_count = 1, messages(value), len(value)
    else:
        raise TypeError(f"an input is (prompt, answer), a list of messages, a mapping, Ids or Rendered; found {type(value).__name__}")


def size(value: Input) -> int:
    """About how much text an input is, in characters, to tell how long it takes; very large where only the C library can tell."""
    if isinstance(value, tuple):
        return sum(map(len, value))
    if isinstance(value, Rendered):
        return len(value.text)
    if isinstance(value, Ids):
        return 4 * len(value.ids)
    if isinstance(value, Mapping) or not all(isinstance(message, Mapping) for message in value):
        return 1 << 40
    return sum(len(message.get("content") or "") for message in value)


def inputs(values: Sequence[Input]) -> "ctypes.Array[native.Input]":
    made = (native.Input * max(1, len(values)))()
    for place, value in zip(made, values):
        fill(place, value)
    return made
