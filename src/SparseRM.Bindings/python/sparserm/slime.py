"""slime's and miles' custom reward: ``--custom-rm-path sparserm.slime.reward``.

The server is the environment's SPARSERM_URL, its reward model SPARSERM_MODEL. Without this module, ``--rm-type remote_rm --rm-url http://HOST:8000/slime``
does the same over slime's own wire. A failure raises.
"""

from __future__ import annotations

import os
from typing import Any, Mapping

from sparserm.server import RewardServer, _score

_servers: list[RewardServer] = []


async def reward(args: Any, samples: Any, **_: Any) -> Any:
    """The score of a sample, or of each of a list of them."""
    if not _servers:
        _servers.append(RewardServer(model=os.environ.get("SPARSERM_MODEL")))
    several = isinstance(samples, (list, tuple))
    results = await _servers[0].rewards_async([_input(sample) for sample in (samples if several else [samples])])
    scores = [_score(result) for result in results]
    return scores if several else scores[0]


def _input(sample: Any) -> Mapping[str, Any]:
    # A prompt that is a text was rendered by slime: prompt and response are what the policy read and wrote.
    if isinstance(sample.prompt, str):
        return {"text": sample.prompt + sample.response}
    return {"prompt": list(sample.prompt), "response": sample.response}
