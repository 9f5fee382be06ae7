"""verl's reward manager. In the configuration::

    reward:
      reward_manager: {source: importlib, name: RewardManager, module: {path: "pkg://sparserm.verl"}}

The server is the environment's SPARSERM_URL, its reward model SPARSERM_MODEL; or ``reward.reward_kwargs.sparserm`` with ``url`` and ``model``. A failure raises,
after the server was tried again for ``timeout`` seconds (600): a sample never trains with a score that it does not have.
"""

from __future__ import annotations

import os
from typing import Any

from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase

from sparserm.server import RewardServer, _score


class RewardManager(RewardManagerBase):
    """Scores the last response of each sample on a reward server."""

    def __init__(self, config: Any, tokenizer: Any, compute_score: Any = None, reward_router_address: Any = None, reward_model_tokenizer: Any = None):
        super().__init__(config, tokenizer, compute_score)
        own = _settings(config)
        self._server = RewardServer(own.get("url"), own.get("model") or os.environ.get("SPARSERM_MODEL"), timeout=float(own.get("timeout") or 600))

    async def run_single(self, data: Any) -> dict[str, Any]:
        """The reward of a sample, with the same extra information for each."""
        item = data[-1:][0]
        responses = item.batch["responses"]
        length = int(item.batch["attention_mask"][-responses.shape[-1]:].sum())
        response = await self.loop.run_in_executor(None, lambda: self.tokenizer.decode(responses[:length], skip_special_tokens=True))
        prompt = [dict(message) for message in item.non_tensor_batch["raw_prompt"]]
        result = (await self._server.rewards_async([{"prompt": prompt, "response": response}], novelty=True, doubt=True))[0]
        score = _score(result)
        return {
            "reward_score": score,
            "reward_extra_info": {
                "sparserm_score": score,
                "sparserm_tokens": result["tokens"],
                "sparserm_doubt": _known(result["standard_deviation"]),
                "sparserm_novelty": _known(result["novelty"]),
            },
        }


def _settings(config: Any) -> Any:
    kwargs = config.reward.get("reward_kwargs") if hasattr(config.reward, "get") else getattr(config.reward, "reward_kwargs", None)
    return (kwargs or {}).get("sparserm") or {}


def _known(value: Any) -> float:
    return float("nan") if value is None else float(value)
