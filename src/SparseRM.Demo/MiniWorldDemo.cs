using SparseRM.Data;
using SparseRM.Data.Evaluation;
using SparseRM.Fitting;
using SparseRM.Scoring;
using SparseRM.Tensors;
using SparseRM.Text;

namespace SparseRM.Demo;

/// <summary>The whole method on MiniWorld, the small model that ships with SparseRM: fit, ablations, evaluation, a score and its reasons.</summary>
public static class MiniWorldDemo
{
    /// <summary>Random directions are drawn this often, since one draw says little.</summary>
    public const int RandomDraws = 16;

    /// <summary>The folder of the demo's model, SAEs and pairs, beside the program.</summary>
    public static string Folder => Path.Combine(AppContext.BaseDirectory, "miniworld");

    /// <summary>The demo's model, a Hugging Face folder.</summary>
    public static string Model => Path.Combine(Folder, "model");

    /// <summary>The demo's SAE, as Gemma Scope lays it out.</summary>
    public static string Sae => Path.Combine(Folder, "saes", "gemma-scope", "layer_4", "width_2k", "average_l0_25");

    /// <summary>A reward file for true answers, fitted on the demo's pairs; miniworld/README.md has the command that made it.</summary>
    public static string Reward => Path.Combine(Folder, "reward.safetensors");

    /// <summary>A file of pairs: task is truthfulness, safety or red-teaming, part is train, test or shift.</summary>
    public static string Pairs(string task, string part) => Path.Combine(Folder, "pairs", $"{task}.{part}.jsonl");

    /// <summary>Runs the demo.</summary>
    /// <param name="options">How.</param>
    /// <param name="progress">Told of each stage.</param>
    /// <param name="cancel">Checked between batches.</param>
    /// <exception cref="Errors.SparseRMException">A file of the demo is missing or an option is out of range.</exception>
    public static DemoResult Run(DemoOptions options, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        var model = new TrainerOptions
        {
            Backbone = new BackboneOptions
            {
                Model = Model, Backend = options.Backend, Variants = options.Variants, Threads = options.Threads, Compute = options.Compute ?? DType.F32,
            },
            Sae = Sae,
        };
        var fit = new FitOptions
        {
            K = options.K, Pairs = options.Pairs,
            Training = new HeadTrainingOptions { Seed = options.Seed, Threads = options.Threads },
        };
        using var trainer = RewardTrainer.Open(model, progress, cancel);
        PreferenceStates States(string part) => trainer.ReadStates(PreferenceFile.Read(Pairs(options.Task, part)), withLatents: true, progress, cancel);
        var (train, test, shift) = (States("train"), States("test"), States("shift"));

        var fitted = trainer.Fit(train, fit, null, progress, cancel);
        var rows = new List<DemoRow> { Row("top-K directions", fit, fitted.Reward) };
        rows.Add(Row("SAE activations", fit with { Input = HeadInputKind.Activations }));
        rows.Add(Random(fit));
        rows.Add(Row("dense state", fit with { Input = HeadInputKind.Dense }));
        var few = fit with { K = 1, Pairs = 32 };
        DemoRow[] fewRows = fit.K == few.K && fit.Pairs == few.Pairs ? [] : [Row("top-K directions", few), Random(few)];

        return new DemoResult(
            options, fitted, rows, fewRows, train.Items.Count, trainer.Sae!.DSae, Example(trainer, fitted.Reward, test));

        DemoRow Row(string name, FitOptions how, RewardModel? reward = null)
        {
            reward ??= trainer.Fit(train, how, null, progress, cancel).Reward;
            return new DemoRow(name, how.K, how.Pairs ?? train.Pairs().Count(), [Accuracy(trainer, reward, test)], [Accuracy(trainer, reward, shift)]);
        }

        DemoRow Random(FitOptions how)
        {
            var draws = Enumerable.Range(0, RandomDraws)
                .Select(draw => how with { Input = HeadInputKind.Random, Training = how.Training with { Seed = options.Seed + draw } })
                .Select((how, draw) =>
                {
                    progress?.Report(new WorkProgress("random directions", draw, RandomDraws));
                    return trainer.Fit(train, how, null, null, cancel).Reward;
                }).Select(reward => (Test: Accuracy(trainer, reward, test), Shift: Accuracy(trainer, reward, shift))).ToArray();
            return new DemoRow("random directions", how.K, how.Pairs ?? train.Pairs().Count(), [.. draws.Select(d => d.Test)], [.. draws.Select(d => d.Shift)]);
        }
    }

    private static AccuracyCount Accuracy(RewardTrainer trainer, RewardModel reward, PreferenceStates states)
    {
        float[] scores = trainer.Scores(reward, states);
        return PreferenceEvaluation.Evaluate(states.Data, states.Scores(row => scores[row])).Pairs;
    }

    /// <summary>The first test question, its right and its wrong answer, through the facade that a user would use.</summary>
    private static DemoExample Example(RewardTrainer trainer, RewardModel reward, PreferenceStates test)
    {
        var item = test.Data.Items[0];
        string folder = Directory.CreateTempSubdirectory("sparserm-demo-").FullName;
        try
        {
            string path = Path.Combine(folder, "demo.safetensors");
            RewardModelFile.Save(path, reward);
            using var scorer = RewardScorer.Open(path, trainer.Backbone.Options);
            DirectionLatent[] latents = [.. new[] { 1, -1 }.SelectMany(sign => reward.Input.Latents.Where(latent => latent.Sign == sign).Take(2))];
            return new DemoExample(item.Prompt[^1].Content!, Answer(scorer, item.Prompt, item.Chosen[0], latents),
                Answer(scorer, item.Prompt, item.Rejected[0], latents), latents);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static DemoAnswer Answer(RewardScorer scorer, IReadOnlyList<Message> prompt, IReadOnlyList<Message> answer, DirectionLatent[] latents)
    {
        var input = scorer.Backbone.Encoder.Encode([.. prompt, .. answer]);
        int[] ids = input.Ids.ToArray();
        var result = scorer.ScoreAll(
            [input], new ScoreOptions { PerToken = PerToken.Token, Explain = scorer.Reward.Input.Count, ExplainTokens = ids.Length })[0];
        if (result.Error is { } error) throw error;
        var directions = latents.Select(latent => result.Explanation!.Top.First(top => top.Share.Latent == latent)).ToArray();
        return new DemoAnswer(answer[^1].Content!, [.. result.TokenScores.Select(token => new DemoToken(
            scorer.Backbone.Tokenizer!.TokenText(ids[token.Position]), token.Score,
            [.. directions.Select(direction => direction.Tokens.First(at => at.Position == token.Position).Value)]))], result.Explanation!);
    }
}
