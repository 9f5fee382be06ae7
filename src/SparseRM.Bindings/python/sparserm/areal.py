"""AReaL's reward function: ``from sparserm.areal import reward_fn``, given to ``RLVRWorkflow(reward_fn=...)``.

The server is the environment's SPARSERM_URL, its reward model SPARSERM_MODEL. AReaL makes the reward 0 of a call that takes longer than its own time-out
(15 s), which trains against long answers: the call is over before that, and a failure gives NaN, which no trainer takes for a score.
"""

from __future__ import annotations

import logging
import os
from typing import Any, Optional, Sequence

from sparserm.server import RewardServer, ServerError

TIMEOUT = 12.0

_log = logging.getLogger(__name__)
_servers: list[RewardServer] = []


def reward_fn(
    prompt: Any, completions: Any, prompt_ids: Optional[Sequence[int]] = None, completion_ids: Optional[Sequence[int]] = None, **_: Any
) -> float:
    """The score of a completion: of its ids where they are given, which are those that the policy wrote, else of the texts."""
    try:
        if not _servers:
            _servers.append(RewardServer(model=os.environ.get("SPARSERM_MODEL"), timeout=TIMEOUT))
        return _servers[0].score_all([_given(prompt, completions, prompt_ids, completion_ids)])[0]
    except (ServerError, TypeError, ValueError) as error:
        _log.warning("no reward: %s", error)
        return float("nan")


def _given(prompt: Any, completions: Any, prompt_ids: Optional[Sequence[int]], completion_ids: Optional[Sequence[int]]) -> dict[str, Any]:
    if prompt_ids and completion_ids:
        ids = [*map(int, prompt_ids), *map(int, completion_ids)]
        return {"ids": ids, "answer": [len(prompt_ids), len(ids)]}
    if not isinstance(completions, str):
        raise TypeError(f"the completion is {type(completions).__name__}, expected a text")
    return {"text": prompt + completions} if isinstance(prompt, str) else {"prompt": list(prompt), "response": completions}
