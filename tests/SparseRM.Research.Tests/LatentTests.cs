using SparseRM.Data;
using SparseRM.Fitting;
using SparseRM.Research.Answers;
using SparseRM.Research.Latents;
using SparseRM.Research.Vocabulary;
using SparseRM.Sae;

namespace SparseRM.Research.Tests;

public sealed class LatentTests(World world) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string TopKSae => SharedData.MiniWorld("saes", "saelens-topk-layer-4");

    private static Explanations None => Explanations.Read(null, null, null);

    private LatentReport Study(PreferenceSet data, LatentOptions options, Explanations? explanations = null) => LatentStudy.Run(
        new LatentSources
        {
            Measured = (world.Trainer, data), Sae = world.Trainer.Sae, Model = (World.Backbone.Model, world.Trainer.Backbone.Tokenizer),
            Explanations = explanations ?? None
        }, options);

    [Fact]
    public void Every_part_is_told_of_the_latents_that_a_fit_chooses()
    {
        var data = World.Pairs("train", 100);
        var options = new LatentOptions { K = 4, Contexts = 3, Promoted = 5, Nearest = 2, Samples = 20 };
        var report = Study(data, options);
        var fit = world.Trainer.Fit(world.Trainer.ReadStates(data), new FitOptions { K = 4, Training = World.Training });
        Assert.Equal(fit.Reward.Input.Latents, report.Latents.Select(facts => facts.Latent));
        Assert.Equal((2048, data.Items.Select(item => item.Prompt[0].Content).Distinct().Count()), (report.Tested, report.Prompts));
        // MiniWorld's two latents (see its README): correct answers, and wrong ones.
        var (right, wrong) = (report.Latents.First(facts => facts.Latent.Sign > 0), report.Latents.First(facts => facts.Latent.Sign < 0));
        Assert.Equal((1892, 1924), (right.Latent.Latent, wrong.Latent.Latent));
        Assert.All([right, wrong], facts => Assert.InRange(facts.Adjusted!.Value, 0, 1e-9));
        Assert.All(report.Latents, facts => Assert.InRange(facts.P!.Value, 0, facts.Adjusted!.Value));
        Assert.Equal(1, right.Stability);
        Assert.Contains(right.Promoted, token => token.Token is " correct" or " Yes");
        Assert.All(report.Latents, facts => Assert.Equal((3, 5, 2), (facts.Contexts.Count, facts.Promoted.Count, facts.Nearest.Count)));
        Assert.All(report.Latents, facts => Assert.Equal(facts.Contexts.OrderByDescending(context => context.Activation), facts.Contexts));
        Assert.All(right.Contexts, context => Assert.True(context.IsChosen));
        Assert.Equal(System.Text.Json.JsonSerializer.Serialize(report), System.Text.Json.JsonSerializer.Serialize(Study(data, options)));
    }

    [Fact]
    public void A_study_takes_the_latents_of_the_trainer_which_encodes_once()
    {
        using var sae = TemporaryFolder.CopyOf(TopKSae);
        using var trainer = RewardTrainer.Open(new TrainerOptions { Backbone = World.Backbone, Sae = sae.Path });
        PreferenceSet data = World.Pairs("train", 20), others = World.Pairs("test", 10);
        trainer.ReadStates(others, withLatents: true);
        // Its encoder is loaded: a second one would find no file.
        foreach (string file in Directory.GetFiles(sae.Path)) File.Delete(file);
        var answers = AnswerSet.ReadWithLatents(trainer, data, null, default);
        var expected = LatentRows.Of(world.Trainer.Backbone, SaeFormatCatalog.Open(TopKSae), answers.States);
        Assert.Equal(40, answers.Count);
        var (found, same) = (new float[expected.DSae], new float[expected.DSae]);
        int[] all = [.. Enumerable.Range(0, expected.DSae)];
        for (int row = 0; row < answers.Count; row++)
        {
            answers.Latents!.Gather(row, all, found);
            expected.Gather(row, all, same);
            Assert.Contains(found, value => value != 0);
            TensorAssert.SameBits(same, found);
        }
    }

    [Fact]
    public void Where_nobody_asks_for_latents_none_is_encoded()
    {
        using var sae = TemporaryFolder.CopyOf(TopKSae);
        using var trainer = RewardTrainer.Open(new TrainerOptions { Backbone = World.Backbone, Sae = sae.Path });
        foreach (string file in Directory.GetFiles(sae.Path)) File.Delete(file);
        var states = trainer.ReadStates(World.Pairs("train", 10));
        Assert.Equal(states.Count, AnswerSet.Read(trainer, World.Pairs("train", 10), null, default).Count);
        World.Refuses(() => trainer.ReadStates(World.Pairs("train", 10), withLatents: true), "is missing");
    }

    [Fact]
    public void A_context_is_where_the_sae_is_most_active_of_all_tokens()
    {
        var answers = world.Answers("train", 20);
        answers.Latents = LatentRows.Of(world.Trainer.Backbone, world.Trainer.Sae!, answers.States);
        int latent = DirectionSelector.Select(answers.Latents.Frequency(answers.Pairs), 1).Positive[0].Latent;
        var found = new TopContexts(answers, [latent], 2).Read(world.Trainer.Backbone, world.Trainer.Sae!, world.Trainer.Layer, null, default)[0];
        // Every token of every answer but BOS, encoded one answer at a time.
        var all = new List<(float Activation, string Beginning)>();
        for (int row = 0; row < answers.Count; row++)
        {
            var sequence = answers.Sequence(row);
            float[] states = world.Trainer.Backbone.ReadLayers(sequence with { ReadOut = Models.ReadOut.Each(1, sequence.Ids.Length) }, [world.Trainer.Layer])[world.Trainer.Layer];
            var rows = LatentRows.Of(world.Trainer.Backbone, world.Trainer.Sae!, states);
            var best = (Activation: 0f, Token: 0);
            for (int token = 1; token < sequence.Ids.Length; token++)
            {
                var value = new float[1];
                rows.Gather(token - 1, [latent], value);
                if (value[0] > best.Activation) best = (value[0], token);
            }
            if (best.Activation > 0) all.Add((best.Activation, string.Join(',', sequence.Ids[..(best.Token + 1)].ToArray())));
        }
        Assert.Equal(all.DistinctBy(one => one.Beginning).Select(one => one.Activation).OrderDescending().Take(2), found.Select(context => (float)context.Activation));
    }

    [Fact]
    public void Neighbours_and_promoted_tokens_are_those_of_plain_sums()
    {
        var sae = world.Trainer.Sae!;
        float[] all = sae.ReadDirections([.. Enumerable.Range(0, sae.DSae)]);
        double Dot(int a, int b) => Enumerable.Range(0, sae.DIn).Sum(i => (double)all[(a * sae.DIn) + i] * all[(b * sae.DIn) + i]);
        var near = NearestLatents.Of(sae, [1892], 3, default)[0];
        var expected = Enumerable.Range(0, sae.DSae).Where(j => j != 1892).Select(j =>
            (j, Cosine: Dot(1892, j) / Math.Sqrt(Dot(j, j) * Dot(1892, 1892)))).OrderByDescending(one => one.Cosine).Take(3).ToArray();
        Assert.Equal(expected.Select(one => one.j), near.Select(one => one.Latent));
        Assert.Equal(expected[0].Cosine, near[0].Cosine, 6);

        var index = Weights.WeightIndex.Open(World.Backbone.Model);
        float[] rows = Weights.WeightReader.ReadSingles(index.Take("model.embed_tokens.weight")), norm = Weights.WeightReader.ReadSingles(index.Take("model.norm.weight"));
        double[] logits = [.. Enumerable.Range(0, rows.Length / sae.DIn).Select(t =>
            Enumerable.Range(0, sae.DIn).Sum(i => (double)rows[(t * sae.DIn) + i] * (1 + norm[i]) * all[(1892 * sae.DIn) + i]))];
        var head = Unembedding.Open(World.Backbone.Model, out _)!;
        Assert.True(head.IsTied);
        var promoted = head.Promoted(sae.ReadDirections([1892]), 3, default)[0];
        int best = Array.IndexOf(logits, logits.Max());
        Assert.Equal(best, promoted[0].Token);
        Assert.Equal(logits[best] - logits.Average(), promoted[0].Logit, 4);
    }

    [Fact]
    public void A_model_without_a_head_says_so_and_an_untied_head_is_its_own()
    {
        string folder = _folder.File("m");
        Directory.CreateDirectory(folder);
        foreach (string file in Directory.GetFiles(World.Backbone.Model)) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        string config = Path.Combine(folder, "config.json");
        var json = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(config))!;
        json["tie_word_embeddings"] = false;
        File.WriteAllText(config, json.ToJsonString());
        Assert.Null(Unembedding.Open(folder, out string missing));
        Assert.Contains("no lm_head.weight", missing);
    }

    [Fact]
    public void Texts_and_links_come_from_neuronpedia_s_export()
    {
        string path = _folder.File("e.jsonl");
        File.WriteAllLines(path, ["""{"modelId": "gemma-2-2b", "layer": "12-gemmascope-res-16k", "index": "1892", "description": " truth "}""", """{"modelId": "gemma-2-2b", "layer": "12-gemmascope-res-16k", "index": 1892, "description": "right answers"}"""]);
        var found = Explanations.Read(path, world.Trainer.Sae, null);
        Assert.Equal(("truth; right answers", "https://www.neuronpedia.org/gemma-2-2b/12-gemmascope-res-16k/1892", null), (found.TextOf(1892), found.LinkOf(1892), found.TextOf(3)));
        void Refuses(string line, params string[] parts)
        {
            File.WriteAllText(path, line);
            World.Refuses(() => Explanations.Read(path, world.Trainer.Sae, "gemma-2-2b/12-gemmascope-res-16k"), parts);
        }
        Refuses("""{"modelId": "gemma-2-2b", "layer": "12-gemmascope-res-16k", "index": "2048", "description": "x"}""", "e.jsonl, line 1", "'2048'", "has 2048");
        Refuses("""{"modelId": "gemma-2-2b", "layer": "11-gemmascope-res-16k", "index": "1", "description": "x"}""", "is of gemma-2-2b/11-gemmascope-res-16k");
        Refuses("""{"feature": 1, "description": "x"}""", "no index or no description");
        World.Refuses(() => Explanations.Read(null, null, "gemma"), "MODEL/SOURCE");
        Assert.Equal("a/b", Explanations.Read(null, null, "a/b").Source);
    }

    [Fact]
    public void The_neuronpedia_id_of_a_saelens_folder_is_its_place()
    {
        string folder = _folder.File("sae");
        Directory.CreateDirectory(folder);
        foreach (string file in Directory.GetFiles(SharedData.MiniWorld("saes", "saelens-topk-layer-4"))) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        string config = Path.Combine(folder, "cfg.json");
        var json = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(config))!;
        json["metadata"] = new System.Text.Json.Nodes.JsonObject { ["neuronpedia_id"] = "mini/4-res-2k", ["hook_name"] = "blocks.4.hook_resid_post" };
        File.WriteAllText(config, json.ToJsonString());
        Assert.Equal("https://www.neuronpedia.org/mini/4-res-2k/7", Explanations.Read(null, SaeFormatCatalog.Open(folder), null).LinkOf(7));
        Assert.Null(Explanations.Read(null, world.Trainer.Sae, null).LinkOf(7));
    }

    [Fact]
    public void Two_rewards_of_one_sae_share_latents_and_others_cannot_be_compared()
    {
        var states = world.Trainer.ReadStates(World.Pairs("train", 60));
        var one = world.Trainer.Fit(states, new FitOptions { K = 4, Training = World.Training }).Reward;
        var two = world.Trainer.Fit(states, new FitOptions { K = 2, Training = World.Training }).Reward;
        var overlap = LatentOverlap.Of(("a", one), ("b", two), 2048);
        Assert.Equal((8, 4, 4, 4, 0.5, 32.0 / 2048), (overlap.FirstCount, overlap.SecondCount, overlap.Shared.Count, overlap.SameSide, overlap.Jaccard, overlap.Expected));
        var random = world.Trainer.Fit(states, new FitOptions { Input = Scoring.HeadInputKind.Random, K = 2, Training = World.Training }).Reward;
        World.Refuses(() => LatentOverlap.Of(("a", one), ("b", random), null), "a is of the SAE", "none", "one SAE");
        World.Refuses(() => LatentStudy.Run(new LatentSources { Reward = ("b", random), Explanations = None }, new LatentOptions()), "b: its head reads random directions");
        // A file alone tells what its fit counted, and what is missing.
        var alone = LatentStudy.Run(new LatentSources { Reward = ("a", one), Explanations = None }, new LatentOptions());
        Assert.Equal(one.Input.Latents, alone.Latents.Select(facts => facts.Latent));
        Assert.Equal(3, alone.Notes.Count);
        Assert.All(alone.Latents, facts => Assert.Null(facts.P));
    }
}
