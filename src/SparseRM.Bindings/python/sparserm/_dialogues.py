"""What TRL hands to a reward function, as dialogues."""

from __future__ import annotations

from typing import Any, Sequence


def dialogues(prompts: Sequence[Any], completions: Sequence[Any]) -> list[list[Any]]:
    """Prompts and completions, texts or lists of messages, as messages of which the last is the answer."""
    if isinstance(prompts, str) or isinstance(completions, str):
        raise TypeError("prompts and completions are lists of texts or of lists of messages; of a str each letter would be taken for one")
    if len(prompts) != len(completions):
        raise ValueError(f"there are {len(prompts)} prompts and {len(completions)} completions; give one prompt for each completion")
    return [[*_turns(prompt, "user"), *_answer(completion, place)] for place, (prompt, completion) in enumerate(zip(prompts, completions))]


def _turns(value: Any, role: str) -> list[Any]:
    return [{"role": role, "content": value}] if isinstance(value, str) else list(value)


def _answer(completion: Any, place: int) -> list[Any]:
    """A completion's turns. One that does not end with the assistant has no answer, and its prompt's score would be taken for it."""
    if not isinstance(completion, (str, list, tuple)):
        raise TypeError(f"completion {place} is {type(completion).__name__}, expected a str or a list of messages")
    turns = _turns(completion, "assistant")
    if not turns or turns[-1].get("role") != "assistant":
        raise ValueError(f"completion {place} does not end with a message of the assistant; add the answer")
    return turns
