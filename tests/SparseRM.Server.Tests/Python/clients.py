"""Runs the trainers' own client code against a server, unchanged: clients.py WHICH URL TEXT_JSON. Prints one JSON object."""

import asyncio
import importlib.util
import json
import os
import sys
import types

import stubs

which, url, given = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
os.environ["SPARSERM_URL"] = url
prompt, answer, rendered = given["prompt"], given["answer"], given["rendered"]
bos = "<bos>"


def site(path):
    """A file of an installed package, without importing the package."""
    for folder in sys.path:
        if os.path.exists(os.path.join(folder, path)):
            return os.path.join(folder, path)
    raise SystemExit(f"{path} is not installed")


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class Sampling:
    max_tokens, logprobs = 16, None


class Tokenizer:
    """Knows one text."""

    eos_token, bos_token = "<eos>", bos

    def __call__(self, text, **_):
        return {"input_ids": [stubs.Ids([1, 2, 3])]}

    def decode(self, ids, skip_special_tokens=False):
        return answer if given["decodes"] == "answer" else rendered

    def apply_chat_template(self, chat, **_):
        assert chat == [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}], chat
        return rendered


class Engine:
    async def generate(self, *_, **__):
        return types.SimpleNamespace(outputs=[types.SimpleNamespace(token_ids=[4, 5], finish_reason="stop", logprobs=None)])


class Data(list):
    def __getitem__(self, index):
        value = super().__getitem__(index)
        return Data(value) if isinstance(index, slice) else value


def sample():
    item = types.SimpleNamespace(
        non_tensor_batch={"raw_prompt": [{"role": "user", "content": prompt}]},
        batch={"responses": stubs.Ids([4, 5, 0]), "attention_mask": stubs.Ids([1, 1, 1, 1, 0])})
    return Data([item])


def openrlhf(endpoint):
    stubs.stub("torch", "ray", "vllm", "transformers", "openrlhf")
    agent = load("agent", site("openrlhf/utils/agent.py"))
    output = asyncio.run(agent.SingleTurnAgentExecutor(endpoint).execute(prompt, None, Sampling(), 64, Tokenizer(), Engine()))
    return {"reward": output["reward"], "scores": output["scores"], "extra_logs": output["extra_logs"]}


def verl_loop(engine):
    stubs.stub("ray", "omegaconf", "tensordict", "numpy", "torch", "transformers", "verl")
    package = types.ModuleType("reward_loop")
    package.__path__ = []
    sys.modules["reward_loop"] = package
    stubs.stub("reward_loop.reward_model")
    module = load("reward_loop.reward_loop", site("verl/experimental/reward_loop/reward_loop.py"))
    worker = object.__new__(module.RewardLoopWorker)
    worker.reward_router_address = url.removeprefix("http://")
    worker.input_tokenizer = worker.reward_model_tokenizer = Tokenizer()
    rollout = types.SimpleNamespace(name=engine)
    worker.config = types.SimpleNamespace(reward=types.SimpleNamespace(reward_model=types.SimpleNamespace(model_path="true", rollout=rollout)))
    return asyncio.run(worker.compute_score_disrm(sample()))


def verl_manager():
    stubs.stub("torch", "omegaconf", "transformers")
    for name in ("verl", "verl.experimental", "verl.experimental.reward_loop", "verl.experimental.reward_loop.reward_manager", "verl.utils"):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = []
    sys.modules["verl"].DataProto = object
    stubs.stub("verl.utils.ray_utils")
    load("verl.experimental.reward_loop.reward_manager.base", site("verl/experimental/reward_loop/reward_manager/base.py"))
    from sparserm.verl import RewardManager

    async def run():
        manager = RewardManager(types.SimpleNamespace(reward={"reward_kwargs": {"sparserm": {"url": url, "timeout": given.get("timeout", 30)}}}), Tokenizer())
        manager.loop = asyncio.get_running_loop()
        return await manager.run_single(sample())

    return asyncio.run(run())


def openai_embeddings():
    from openai import OpenAI

    found = OpenAI(base_url=f"{url}/v1", api_key="none").embeddings.create(model="true", input=[rendered, rendered[len(bos):]])
    return {"embeddings": [item.embedding for item in found.data], "tokens": found.usage.prompt_tokens}


def own():
    from sparserm import areal, server, slime

    client = server.RewardServer(url, model="true", timeout=given.get("timeout", 30))
    turn = [{"role": "user", "content": prompt}]
    samples = [types.SimpleNamespace(prompt=turn, response=answer, label=None), types.SimpleNamespace(prompt=rendered, response="", label=None)]
    return {
        "scores": [
            client.score(prompt, answer), *client.score_group(turn, [answer, answer]), *client.trl()([prompt, turn], [answer, [{"role": "assistant", "content": answer}]]),
            *asyncio.run(slime.reward(None, samples)), asyncio.run(slime.reward(None, samples[0])),
            areal.reward_fn(prompt=turn, completions=answer), areal.reward_fn(rendered, "", given["ids"][:4], given["ids"][4:], task=1),
        ]
    }


def failures():
    """What each client does where there is no score: it raises, or gives NaN where its trainer drops the sample."""
    from sparserm import areal, server, slime

    areal.TIMEOUT = 1.0
    slime._servers.append(server.RewardServer(url, timeout=1.0))
    client = server.RewardServer(url, timeout=1.0)
    turn = [{"role": "user", "content": prompt}]
    bad = "\ud800"

    def of(call):
        try:
            return {"value": repr(call())}
        except server.ServerError as error:
            return {"kind": error.kind}

    nobody = server.RewardServer("http://127.0.0.1:9", timeout=1.0)
    return {
        "bad": of(lambda: client.score(prompt, bad)), "group": of(lambda: client.score_group(turn, [answer, bad])), "trl": of(lambda: client.trl()([prompt], [bad])),
        "slime": of(lambda: asyncio.run(slime.reward(None, types.SimpleNamespace(prompt=turn, response=bad)))),
        "areal": of(lambda: areal.reward_fn(prompt=turn, completions=bad)), "nobody": of(lambda: nobody.score(prompt, answer)),
    }


calls = {
    "openrlhf": lambda: openrlhf(f"{url}/get_reward"), "openrlhf_function": lambda: openrlhf(given["function"]), "verl_vllm": lambda: verl_loop("vllm"),
    "verl_sglang": lambda: verl_loop("sglang"), "verl_manager": verl_manager, "openai": openai_embeddings, "own": own, "failures": failures,
}
result = calls[which]()
print(json.dumps({"result": result, "stubbed": sorted({name.split(".")[0] for name in stubs.STUBBED})}))
