"""A reward function for TRL's trainers (GRPO, RLOO, ..), which take any callable of prompts and completions."""

from __future__ import annotations

from typing import Any, Callable, Optional

from ._models import Path
from ._rewards import SparseRM


def reward(model: Path, reward: Path, *, name: str = "sparserm", sae: Optional[Path] = None, **options: Any) -> Callable[..., list[float]]:
    """``GRPOTrainer(..., reward_funcs=sparserm.trl.reward("model", "reward.safetensors"))``.

    Prompts and completions are texts or lists of messages, as TRL hands them over. The model opens at the first call, in the process that trains;
    the function's ``close()`` closes it.
    """
    opened: list[SparseRM] = []

    def sparserm_reward(prompts: list[Any], completions: list[Any], **_: Any) -> list[float]:
        if not opened:
            opened.append(SparseRM(model, reward, sae=sae, **options))
        if len(prompts) != len(completions):
            raise ValueError(f"there are {len(prompts)} prompts and {len(completions)} completions; give one prompt for each completion")
        dialogues = [[*_turns(prompt, "user"), *_answer(completion, place)] for place, (prompt, completion) in enumerate(zip(prompts, completions))]
        return opened[0].score_batch(dialogues)

    def close() -> None:
        while opened:
            opened.pop().close()

    sparserm_reward.__name__ = name
    sparserm_reward.close = close  # type: ignore[attr-defined]
    return sparserm_reward


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
