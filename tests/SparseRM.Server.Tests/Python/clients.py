"""Runs the trainers' own client code against a server, unchanged: clients.py WHICH URL TEXT_JSON. Prints one JSON object."""

import asyncio
import importlib.util
import json
import os
import socket
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


def trl_trainer():
    """GRPOTrainer's own way from reward functions to its matrix of rewards; of tensors there is as much as it touches."""
    import re

    stubs.stub("torch", "transformers", "accelerate", "datasets", "numpy", "pandas", "huggingface_hub", "peft", "jinja2", "requests", "pyarrow", "yaml", "tqdm", "rich", "vllm",
               "packaging", "mlflow", "wandb", "trackio", "deepspeed", "liger_kernel", "weave", "torchao", "triton", "comet_ml", "bitsandbytes")
    import accelerate
    import packaging.version
    import torch.autograd.graph
    import transformers.data.data_collator
    import transformers.utils

    class Version(tuple):
        base_version = property(lambda self: ".".join(map(str, self)))

        def __new__(cls, text):
            return super().__new__(cls, map(int, re.findall(r"\d+", text)[:3]))

    class Matrix(list):
        def __setitem__(self, index, column):
            for row, value in zip(self, column, strict=True):
                row[index[1]] = value

    packaging.version.Version = Version
    transformers.__version__, torch.__version__, accelerate.__version__ = "5.13.0", "2.9.0", "1.0.0"
    bases = [(transformers, "Trainer"), (transformers, "TrainingArguments"), (transformers, "TrainerCallback"), (transformers, "PreTrainedModel"), (torch.nn, "Module"),
             (torch.utils.data, "Sampler"), (torch.autograd, "Function"), (torch.autograd.graph, "saved_tensors_hooks"), (transformers.utils, "ModelOutput"),
             (transformers.data.data_collator, "DataCollatorMixin")]
    for module, name in bases:
        setattr(module, name, type(name, (), {"_VALID_DICT_FIELDS": []}))
    from trl.trainer import grpo_trainer

    grpo_trainer.gather = lambda rewards: rewards
    torch.nan = float("nan")
    torch.zeros = lambda rows, columns, device: Matrix([[0.0] * columns for _ in range(rows)])
    torch.tensor = lambda values, dtype, device: values
    torch.isnan = lambda rewards: stubs.Nowhere()

    def rewards_of(function, prompts, completions):
        trainer = object.__new__(grpo_trainer.GRPOTrainer)
        trainer.accelerator, trainer.args = types.SimpleNamespace(device="cpu", is_main_process=True), types.SimpleNamespace(report_to=[])
        trainer.state, trainer.environments = types.SimpleNamespace(global_step=0), None
        trainer.reward_funcs, trainer.reward_processing_classes, trainer.reward_func_names = [function], [None], ["sparserm"]
        trainer._log_completion_extra = trainer._log_metric = None
        inputs = [{"prompt": one, "answer": "a column of the data"} for one in prompts]
        return [row[0] for row in trainer._calculate_rewards(inputs, prompts, completions, [[4, 5]] * len(prompts))]

    from sparserm import server, trl

    client = server.RewardServer(url, model="true", timeout=30)
    turn, reply = [{"role": "user", "content": prompt}], [{"role": "assistant", "content": answer}]
    # The model in the trainer's process, for which the server stands in.
    trl.SparseRM = lambda *_, **__: types.SimpleNamespace(score_batch=lambda dialogues: client.score_all([{"messages": dialogue} for dialogue in dialogues]))
    scores = []
    for function in (client.trl(), trl.reward("model", "reward.safetensors")):
        scores += rewards_of(function, [prompt, prompt], [answer, answer]) + rewards_of(function, [turn, turn], [reply, reply])
    try:
        failure = rewards_of(client.trl(), [turn, turn], [reply, [{"role": "assistant", "content": "\ud800"}]])
    except server.ServerError as error:
        failure = error.kind
    return {"scores": scores, "failure": failure}


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
    from sparserm import areal, openrlhf as function, server, slime

    slime._servers.append(server.RewardServer(url, timeout=30))
    client = server.RewardServer(url, timeout=30)
    turn = [{"role": "user", "content": prompt}]
    bad = "\ud800"

    def of(call):
        try:
            return {"value": repr(call())}
        except server.ServerError as error:
            return {"kind": error.kind}
        except (TypeError, ValueError) as error:
            return {"type": str(error)}

    # Pauses of greatest length end behind the deadline; a listener that never accepts leaves the client waiting.
    server.random.random = lambda: 0.999
    nobody = server.RewardServer("http://127.0.0.1:9", timeout=1.0)
    listener = socket.create_server(("127.0.0.1", 0))
    silent = server.RewardServer(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.3)
    # Full at first, and no answer to the last try.
    full = server.RewardServer(url, timeout=1.0)
    tries = iter([server.ServerError("full", "full", 503), server.ServerError("late", "deadline", 504)])

    def refuse(*_):
        raise next(tries)

    full._try = refuse
    return {
        "bad": of(lambda: client.score(prompt, bad)), "group": of(lambda: client.score_group(turn, [answer, bad])), "trl": of(lambda: client.trl()([prompt], [bad])),
        "slime": of(lambda: asyncio.run(slime.reward(None, types.SimpleNamespace(prompt=turn, response=bad)))),
        "areal": of(lambda: areal.reward_fn(prompt=turn, completions=bad)), "nobody": of(lambda: nobody.score(prompt, answer)),
        "silent": of(lambda: silent.score(prompt, answer)), "full": of(lambda: full.score(prompt, answer)),
        "unanswered": of(lambda: client.trl()([turn], [[]])), "letters": of(lambda: function.reward_func("ab", "", [])),
    }


calls = {
    "openrlhf": lambda: openrlhf(f"{url}/get_reward"), "openrlhf_function": lambda: openrlhf(given["function"]), "verl_vllm": lambda: verl_loop("vllm"),
    "verl_sglang": lambda: verl_loop("sglang"), "verl_manager": verl_manager, "trl_trainer": trl_trainer, "openai": openai_embeddings, "own": own, "failures": failures,
}
result = calls[which]()
print(json.dumps({"result": result, "stubbed": sorted({name.split(".")[0] for name in stubs.STUBBED})}))
