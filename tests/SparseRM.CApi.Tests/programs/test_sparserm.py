"""Tests of the Python package: test_sparserm.py MODEL REWARD SAE PAIRS."""

import asyncio
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings
from pathlib import Path

import sparserm
import sparserm.trl
from sparserm import Ids, Rendered, SparseRM, SparseRMError, _calls, _native, _rewards

MODEL, REWARD, SAE, PAIRS = sys.argv[1:5]
PROMPT, ANSWERS = "What is six minus three?", ["Three.", "Seventeen."]
DIALOGUE = [{"role": "user", "content": PROMPT}, {"role": "assistant", "content": "Three."}]


class Scores(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.reward = SparseRM(MODEL, REWARD, threads=2)
        cls.alone = [cls.reward.score(PROMPT, answer) for answer in ANSWERS]

    @classmethod
    def tearDownClass(cls):
        cls.reward.close()
        cls.reward.close()
        assert sparserm.open_handles() == 0, "a handle leaked"

    def fails(self, kind, part, call):
        with self.assertRaises(SparseRMError) as caught:
            call()
        self.assertEqual(kind, caught.exception.kind)
        self.assertIn(part, str(caught.exception))

    def test_every_form_of_an_input_has_the_same_bits(self):
        ids, answer = self.reward.backbone.encode((PROMPT, "Three."))
        self.assertLess(answer[0], answer[1])
        inputs = [(PROMPT, "Three."), DIALOGUE, {"messages": DIALOGUE}, {"prompt": PROMPT, "response": "Three."}, Ids(ids, answer), Ids(ids)]
        self.assertEqual([self.alone[0]] * len(inputs), self.reward.score_batch(inputs))
        self.assertEqual(self.alone, self.reward.score(PROMPT, ANSWERS))
        self.assertEqual(self.alone, self.reward.score(DIALOGUE[:1], ANSWERS, deadline=60))
        self.assertTrue(math.isfinite(self.reward.score_batch([Rendered("a text")])[0]))
        self.assertEqual([], self.reward.score_batch([]))
        self.assertEqual([], self.reward.score(PROMPT, []))

    def test_a_failure_is_an_error_and_never_a_score(self):
        found = self.reward.score_batch([(PROMPT, "Three."), Ids([-1]), {"prompt": "a"}], errors="return")
        self.assertEqual(self.alone[0], found[0])
        self.assertEqual(["data", "data"], [error.kind for error in found[1:]])
        self.fails("data", "input 1: token id -1", lambda: self.reward.score_batch([(PROMPT, "Three."), Ids([-1])]))
        self.fails("model", "/nowhere", lambda: SparseRM("/nowhere", REWARD))
        self.fails("deadline", "no result within", lambda: self.reward.score_batch([(PROMPT, "a")] * 2, deadline=1e-9))
        self.fails("deadline", "no result within", lambda: self.reward.score_batch([(PROMPT, "a")] * 2, deadline=0))
        self.fails("deadline", "no result within", lambda: self.reward.score(PROMPT, "a", deadline=0))
        self.fails("deadline", "no result within", lambda: self.reward.score_tokens((PROMPT, "a"), deadline=0))
        self.fails("deadline", "no result within", lambda: self.reward.explain((PROMPT, "a"), deadline=0))
        self.assertRaises(TypeError, lambda: self.reward.score_batch(["a text alone"]))
        self.assertRaises(TypeError, lambda: self.reward.score_batch([[{"role": "user", "content": 3}]]))
        self.assertRaises(TypeError, lambda: SparseRM(MODEL, REWARD, thread=2))
        self.assertRaises(UnicodeEncodeError, lambda: self.reward.score("\ud800", "a"))

    def test_what_nobody_said_has_no_score(self):
        asked = [{"role": "user", "content": PROMPT}]
        self.fails("data", "message 1 has no content", lambda: self.reward.score_batch([[*asked, {"role": "assistant", "content": None}]]))
        function = sparserm.trl.reward(MODEL, REWARD)
        self.addCleanup(function.close)
        self.assertRaisesRegex(ValueError, "completion 0 does not end with a message of the assistant", function, prompts=[asked], completions=[[]])
        self.assertRaisesRegex(ValueError, "completion 1 does not end", function, prompts=[asked] * 2, completions=["a", asked])
        self.assertRaisesRegex(TypeError, "completion 0 is NoneType", function, prompts=[asked], completions=[None])
        self.assertRaisesRegex(TypeError, "of a str each letter", function, prompts="ab", completions="cd")
        self.assertRaisesRegex(ValueError, "1 prompts and 2 completions", function, prompts=[asked], completions=["a", "b"])
        self.assertRaises(SparseRMError, function, prompts=[asked], completions=[[{"role": "assistant", "content": None}]])

    def test_messages_carry_every_field(self):
        tool = [*DIALOGUE[:1], {"role": "assistant", "content": None, "tool_calls": [{"name": "f"}]}, *DIALOGUE[1:]]
        value = self.reward.score_batch([tool], errors="return")[0]
        self.assertTrue(isinstance(value, SparseRMError) or math.isfinite(value))

    def test_tokens_explanations_states_and_latents(self):
        scores, positions = self.reward.score_tokens((PROMPT, "Three."))
        self.assertEqual(self.alone[0], scores[-1])
        self.assertEqual(list(range(positions[0], positions[0] + len(scores))), list(positions))
        explanation = self.reward.explain((PROMPT, "Three."), directions=3, tokens=2)
        directions = explanation["components"][0]["directions"]
        self.assertEqual((3, 2), (len(directions), len(directions[0]["tokens"])))
        self.assertEqual([3, 1], [len(self.reward.score_tokens((PROMPT, "It is so. Three."), each=each)[0]) for each in ("sentence", "step")])
        self.assertRaises(ValueError, lambda: self.reward.score_tokens((PROMPT, "Three."), each="word"))
        with self.reward.backbone as backbone, backbone.open_sae(SAE) as sae:
            self.assertEqual(192, backbone.describe()["d_model"])
            self.assertGreater(backbone.counts()["sequences"], 0)
            states = backbone.hidden_states((PROMPT, "Three."), 4)
            dense = sae.encode(states)
            starts, latents, values = sae.encode_sparse(states)
            self.assertEqual((len(states), sae.d_sae, 4), (len(dense), len(dense[0]), sae.layer))
            for row in range(len(states)):
                active = {int(i): float(v) for i, v in zip(latents[starts[row] : starts[row + 1]], values[starts[row] : starts[row + 1]])}
                self.assertEqual(active, {i: float(v) for i, v in enumerate(dense[row]) if v != 0})
            self.assertRaises(ValueError, lambda: sae.encode([[1.0, 2.0]]))

    def test_a_session_grows_and_forks(self):
        with self.reward.session(PROMPT) as session:
            self.assertRaises(SparseRMError, session.score)
            self.fails("usage", "prompt of messages", lambda: session.append([5]))
            session.set_answer("Seventeen.")
            self.assertEqual(self.alone[1], session.score())
            with session.fork() as fork:
                fork.set_answer("Three.")
                self.assertEqual(self.alone, [fork.score(), session.score()])
        ids, _ = self.reward.backbone.encode((PROMPT, "Three."))
        with self.reward.session(Ids(ids[:5])) as session:
            for i in ids[5:]:
                session.append([i])
            self.assertEqual((len(ids), self.alone[0]), (len(session), session.score()))

    def test_attached_rewards_share_the_model(self):
        with self.reward.backbone as backbone, backbone.attach(REWARD) as second:
            self.assertEqual(self.alone[0], second.score(PROMPT, "Three."))
            self.assertEqual(4, second.describe()["layer"])

    def test_async_scores_and_cancelling(self):
        async def several():
            many = await asyncio.gather(*(self.reward.score_async(PROMPT, ANSWERS) for _ in range(20)), self.reward.score_async(PROMPT, "Three."))
            self.assertEqual([self.alone] * 20 + [self.alone[0]], many)
            with self.assertRaises(SparseRMError) as caught:
                await self.reward.score_batch_async([Ids([-1])])
            self.assertIn("token id -1", str(caught.exception))
            with self.assertRaises(SparseRMError) as caught:
                await self.reward.score_async(PROMPT, "a", deadline=0)
            self.assertEqual("deadline", caught.exception.kind)
            before = sparserm.open_handles(), len(_rewards._pending)
            with self.assertRaises(TypeError):
                await self.reward.score_batch_async(["a text alone"])
            with self.assertRaises(TypeError):
                await self.reward.score_batch_async([(PROMPT, "a")], deadline="soon")
            self.assertEqual(before, (sparserm.open_handles(), len(_rewards._pending)))
            task = asyncio.create_task(self.reward.score_batch_async([(PROMPT, f"{i}") for i in range(3000)]))
            await asyncio.sleep(0.01)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task

        asyncio.run(several())

    def test_what_progress_raises_ends_the_call(self):
        class Mine(Exception):
            pass

        def progress(stage, done, total):
            raise Mine

        self.assertRaises(Mine, lambda: self.reward.score_batch([(PROMPT, "a")] * 600, progress=progress))
        self.assertRaises(Mine, lambda: SparseRM(MODEL, REWARD, threads=1, progress=progress))
        with self.reward.backbone as backbone, self.reward.session(PROMPT) as session:
            session.set_answer("Three.")
            states = backbone.hidden_states((PROMPT, "Three."), 4)
            for call in (
                lambda: self.reward.score_tokens((PROMPT, "Three."), progress=progress),
                lambda: self.reward.explain((PROMPT, "Three."), progress=progress),
                lambda: session.score(progress=progress),
                lambda: backbone.hidden_states((PROMPT, "Three."), 4, progress=progress),
                lambda: backbone.open_sae(SAE, progress=progress),
            ):
                self.assertRaises(Mine, call)
            self.assertEqual(self.alone[0], session.score())
            with backbone.open_sae(SAE) as sae:
                self.assertRaises(Mine, lambda: sae.encode(states, progress=progress))
                self.assertRaises(Mine, lambda: sae.encode_sparse(states, progress=progress))

    def test_a_call_that_outlives_its_caller_keeps_what_it_writes_to(self):
        import gc
        import weakref

        begun, go_on = threading.Event(), threading.Event()

        class Buffer:
            pass

        def abandoned():
            kept = Buffer()
            seen.append(weakref.ref(kept))

            def call(_):
                begun.set()
                go_on.wait()
                return kept

            _calls.interruptible(call)

        def interrupt_twice():
            begun.wait()
            for _ in range(2):
                signal.pthread_kill(main, signal.SIGINT)
                time.sleep(0.3)

        seen, main = [], threading.get_ident()
        self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))
        threading.Thread(target=interrupt_twice).start()
        self.assertRaises(KeyboardInterrupt, abandoned)
        gc.collect()
        self.assertIsNotNone(seen[0]())
        go_on.set()
        deadline = time.monotonic() + 20
        while seen[0]() is not None and time.monotonic() < deadline:
            time.sleep(0.01)
            gc.collect()
        self.assertIsNone(seen[0]())

    def test_threads(self):
        found = []
        threads = [threading.Thread(target=lambda: found.append(self.reward.score(PROMPT, ANSWERS))) for _ in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([self.alone] * 32, found)

    def test_control_c_cancels_a_long_call(self):
        main = threading.get_ident()
        # Whoever started this in the background had SIGINT ignored, and Python keeps that.
        self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))
        threading.Timer(0.3, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
        start = time.monotonic()
        with self.assertRaises(KeyboardInterrupt):
            for _ in range(1000):
                self.reward.score_batch([(PROMPT, f"{i}") for i in range(500)])
        self.assertLess(time.monotonic() - start, 20)
        self.assertEqual(self.alone, self.reward.score(PROMPT, ANSWERS))

    def test_a_child_of_a_fork_is_refused_with_one_sentence(self):
        reader, writer = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            try:
                self.reward.score(PROMPT, "Three.")
                said = "it scored"
            except RuntimeError as error:
                said = str(error)
            self.reward.close()
            os.write(writer, said.encode())
            os._exit(0)
        os.close(writer)
        said = os.read(reader, 4096).decode()
        os.close(reader)
        self.assertEqual(0, os.waitpid(child, 0)[1])
        self.assertIn("start workers with the method spawn or forkserver", said)
        self.assertEqual(self.alone, self.reward.score(PROMPT, ANSWERS))

    def test_trl(self):
        function = sparserm.trl.reward(MODEL, REWARD, threads=2)
        self.assertEqual("sparserm", function.__name__)
        self.assertEqual(self.alone, function(prompts=[PROMPT] * 2, completions=ANSWERS, completion_ids=[[1], [2]], trainer_state=None))
        turns = [[{"role": "assistant", "content": answer}] for answer in ANSWERS]
        self.assertEqual(self.alone, function(prompts=[DIALOGUE[:1]] * 2, completions=turns))
        self.assertRaises(ValueError, lambda: function(prompts=[PROMPT], completions=ANSWERS))
        function.close()

    def test_structs_are_as_large_as_the_library_says(self):
        import ctypes

        sizes = [ctypes.sizeof(struct) for struct in _native.STRUCTS]
        self.assertEqual([_native.library().srm_struct_size(i) for i in range(len(sizes))], sizes)


class Fits(unittest.TestCase):
    def test_a_fit_scores(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "reward.safetensors"
            seen = set()
            result = sparserm.fit(
                MODEL, PAIRS, path, sae=SAE, k=8, pairs=100, max_epochs=5, hidden_units=32, threads=2, progress=lambda stage, *_: seen.add(stage))
            self.assertEqual(100, result.pairs)
            self.assertIn("training the head", seen)
            with SparseRM(MODEL, path, threads=2) as reward:
                self.assertGreater(reward.score(PROMPT, "Three."), reward.score(PROMPT, "Seventeen."))
            sparserm.fit(MODEL, PAIRS, path, sae=SAE, k=8, pairs=100, max_epochs=5, hidden_units=32, threads=2, heads=3)
            with SparseRM(MODEL, path, threads=2) as reward:
                mean, lowest = (reward.evaluate([(PROMPT, "Three.")], doubt=True, novelty=True, aggregate=name)[0] for name in ("mean", "min"))
                self.assertLess(lowest.score, mean.score)
                self.assertGreater(mean.standard_deviation, 0)
                self.assertTrue(0 <= mean.novelty <= 1)
                self.assertEqual([mean.score], list(mean.components.values()))
                self.assertIsNone(reward.evaluate([(PROMPT, "Three.")])[0].novelty)
            bad = Path(folder) / "bad.jsonl"
            bad.write_text(json.dumps({"prompt": "a", "chosen": "b", "rejected": "c"}) + "\n{\n")
            with self.assertRaises(SparseRMError) as caught:
                sparserm.fit(MODEL, bad, path, sae=SAE)
            self.assertIn("line 2", str(caught.exception))

    def test_a_full_disk_is_an_error_and_leaves_what_was_there(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "reward.safetensors"
            path.write_bytes(b"before")
            code = (
                "import resource, signal, sys, sparserm\n"
                "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
                "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
                "try: sparserm.fit(*sys.argv[1:4], sae=sys.argv[4], k=8, pairs=50, max_epochs=2, hidden_units=16, threads=1)\n"
                "except sparserm.SparseRMError as error: print(error.kind, error)\n"
            )
            said = subprocess.run([sys.executable, "-c", code, MODEL, PAIRS, str(path), SAE], capture_output=True, text=True, check=True).stdout
            self.assertIn("data ", said)
            self.assertEqual(b"before", path.read_bytes())
            self.assertEqual([path.name], os.listdir(folder))


class Engines(unittest.TestCase):
    """The adapters of Ray and Spark. Neither engine is here: small stand-ins call the adapters with the signatures that the engines document."""

    ROWS = [
        {"prompt": PROMPT, "response": "Three."}, {"prompt": PROMPT, "response": None}, {"prompt": PROMPT, "response": "Seventeen."},
        {"prompt": PROMPT, "response": ""}, {"prompt": [{"role": "user", "content": PROMPT}], "response": "Three."}, {"prompt": 7, "response": "Three."},
        {"prompt": PROMPT, "response": "x " * 5000},
    ]

    @classmethod
    def setUpClass(cls):
        with SparseRM(MODEL, REWARD, threads=2) as reward:
            cls.alone = [reward.score(PROMPT, answer) for answer in ANSWERS]

    def check(self, scores, errors):
        right, wrong = self.alone
        self.assertEqual([right, None, wrong, None, right, None, None], scores)
        for score, error in zip(scores, errors):
            self.assertEqual(score is None, isinstance(error, str) and len(error) > 0)
        self.assertIn("field 'response' must be text", errors[1])

    def test_a_row_that_means_nothing_or_two_things_is_an_error_of_its_own(self):
        from sparserm._rows import scores_of
        good = self.ROWS[0]
        bad = [
            {}, {"text": PROMPT, "response": "Three."}, {"prompt": PROMPT, "text": PROMPT, "response": "Three."}, {"messages": [{"content": PROMPT}]},
            {"messages": 7}, {"prompt": "\ud800", "response": "Three."}, {"ids": [1.9]}, {"ids": [2**32 + 5]}, {"prompt": PROMPT, "response": b"Three."},
        ]
        with SparseRM(MODEL, REWARD, threads=1) as reward:
            scores, errors = scores_of(reward, [good, *bad, good])
            self.assertEqual([self.alone[0], *[None] * len(bad), self.alone[0]], scores)
            for row, error in zip(bad, errors[1:-1]):
                self.assertTrue(error, row)
            for ids in ([2**32 + 5], [-2**31 - 1], [1.5]):
                with self.assertRaises((ValueError, TypeError)):
                    reward.score_batch([Ids(ids)])
                with self.assertRaises((ValueError, TypeError)):
                    reward.session(Ids(ids))

    def test_ray_calls_the_actor_with_batches_of_columns(self):
        import sparserm.ray
        made = {}

        def map_batches(fn, *, fn_constructor_kwargs, batches):  # Dataset.map_batches(fn, *, fn_constructor_kwargs, batch_size, concurrency, ..)
            actor = made["actor"] = fn(**fn_constructor_kwargs)
            return [actor(batch) for batch in batches]

        def batch(rows):
            return {"question": [row["prompt"] for row in rows], "response": [row["response"] for row in rows], "id": list(range(len(rows)))}

        options = {"model": MODEL, "reward": REWARD, "threads": 1, "columns": {"prompt": "question"}}
        found = map_batches(sparserm.ray.Scorer, fn_constructor_kwargs=options, batches=[batch(self.ROWS[:3]), batch(self.ROWS[3:])])
        self.assertEqual([0, 1, 2], found[0]["id"])
        self.check([None if math.isnan(score) else float(score) for part in found for score in part["score"]], [error for part in found for error in part["error"]])
        empty = made["actor"]({"question": [], "response": []})
        self.assertEqual(0, len(empty["score"]))
        made["actor"]._reward.close()

    def test_spark_maps_record_batches(self):
        import types
        import sparserm.spark

        class Field:
            def __init__(self, name, kind=None, nullable=True):
                self.name, self.kind, self.nullable = name, kind, nullable

        class Struct:
            def __init__(self, fields):
                self.fields = fields

        class Batch:
            def __init__(self, columns, names):
                self.columns, self.schema = columns, types.SimpleNamespace(names=names)

            def to_pylist(self):
                return [dict(zip(self.schema.names, values)) for values in zip(*self.columns)]

            @staticmethod
            def from_arrays(arrays, names):
                return Batch(arrays, names)

        class Frame:
            columns, schema = ["prompt", "response"], Struct([Field("prompt"), Field("response")])

            def mapInArrow(self, func, schema):  # DataFrame.mapInArrow(func: Iterator[RecordBatch] -> Iterator[RecordBatch], schema)
                self.made = schema
                parts = [Engines.ROWS[:4], [], Engines.ROWS[4:]]
                return list(func(Batch([[row[name] for row in part] for name in self.columns], self.columns) for part in parts))

        kinds = types.SimpleNamespace(FloatType=lambda: "float", StringType=lambda: "string", StructField=Field, StructType=Struct)
        arrow = types.SimpleNamespace(RecordBatch=Batch, array=lambda values, type: list(values), float32=lambda: None, string=lambda: None)
        modules = {"pyspark": types.ModuleType("pyspark"), "pyspark.sql": types.ModuleType("pyspark.sql"), "pyspark.sql.types": kinds, "pyarrow": arrow}
        sys.modules.update(modules)
        try:
            frame = Frame()
            batches = sparserm.spark.score(frame, MODEL, REWARD, threads=1)
            self.assertEqual([("prompt", None), ("response", None), ("score", "float"), ("error", "string")], [(field.name, field.kind) for field in frame.made.fields])
            rows = [row for batch in batches for row in batch.to_pylist()]
            self.assertEqual([row["prompt"] for row in self.ROWS], [row["prompt"] for row in rows])
            self.check([row["score"] for row in rows], [row["error"] for row in rows])
            frame.columns = ["prompt", "score"]
            with self.assertRaisesRegex(ValueError, "has a column score already"):
                sparserm.spark.score(frame, MODEL, REWARD)
        finally:
            for name in modules:
                del sys.modules[name]
            while sparserm.spark._opened:
                sparserm.spark._opened.popitem()[1].close()


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
