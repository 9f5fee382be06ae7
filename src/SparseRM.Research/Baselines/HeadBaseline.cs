using SparseRM.Fitting;
using SparseRM.Research.Answers;
using SparseRM.Sae;
using SparseRM.Scoring;

namespace SparseRM.Research.Baselines;

/// <summary>The reward head on some input: on chosen directions it is the method, on others its ablations.</summary>
/// <param name="name">For tables.</param>
/// <param name="training">How the head is trained.</param>
/// <param name="input">Makes the input of the training pairs and a seed.</param>
internal sealed class HeadBaseline(string name, HeadTrainingOptions training, Func<TrainingPairs, long, HeadInput> input) : Baseline(name)
{
    /// <summary>The method: top-K directions of the training pairs.</summary>
    public static HeadBaseline Directions(string name, HeadTrainingOptions training, SparseAutoencoder sae, int k) =>
        new(name, training, (pairs, _) => Selected(pairs, sae, k));

    /// <summary>As many principal components of the training states.</summary>
    public static HeadBaseline Principal(string name, HeadTrainingOptions training, SparseAutoencoder sae, int k) => new(name, training, (pairs, _) =>
    {
        var rows = pairs.Pairs.SelectMany(pair => new[] { pair.Chosen, pair.Rejected }).Distinct().Order().ToArray();
        int count = Math.Min(Selected(pairs, sae, k).Count, Math.Min(rows.Length - 1, pairs.Answers.Width));
        float[] directions = PrincipalComponents.Of(pairs.Answers.States, pairs.Answers.Width, rows, count, training.ThreadsToUse);
        return new HeadInput(HeadInputKind.Random, pairs.Answers.Width, directions, [], null);
    });

    /// <summary>As many random directions.</summary>
    public static HeadBaseline Random(string name, HeadTrainingOptions training, SparseAutoencoder sae, int k) => new(name, training, (pairs, seed) =>
    {
        int count = Selected(pairs, sae, k).Count;
        var drawn = HeadInputs.Random((count + 1) / 2, pairs.Answers.Width, seed);
        return new HeadInput(HeadInputKind.Random, drawn.DModel, drawn.Directions[..(count * drawn.DModel)].ToArray(), [], null);
    });

    /// <summary>The dense state.</summary>
    public static HeadBaseline Dense(string name, HeadTrainingOptions training) => new(name, training, (pairs, _) => HeadInputs.Dense(pairs.Answers.Width));

    /// <inheritdoc/>
    public override FittedBaseline Fit(TrainingPairs pairs, long seed, CancellationToken cancel)
    {
        var (made, head) = FitHead(pairs, seed, cancel);
        return new FittedBaseline(answers =>
        {
            float[] inputs = made.ComputeRows(answers.States, training.ThreadsToUse);
            return ByRow(answers, row => head.Head.Score(inputs.AsSpan(row * made.Count, made.Count)), training.ThreadsToUse);
        }, head.HeldOutAccuracy);
    }

    /// <summary>The input and the head on it.</summary>
    public (HeadInput Input, TrainedHead Head) FitHead(TrainingPairs pairs, long seed, CancellationToken cancel)
    {
        var made = input(pairs, seed);
        float[] values = made.ComputeRows(pairs.Answers.States, training.ThreadsToUse);
        return (made, HeadTrainer.Train(PairsOf(values, made.Count, pairs.Pairs), training with { Seed = seed }, pairs.Groups, null, cancel));
    }

    /// <summary>The rows of both sides of some pairs.</summary>
    /// <param name="values">[answers, width].</param>
    /// <param name="width">Width of a row.</param>
    /// <param name="pairs">The pairs.</param>
    public static PairInputs PairsOf(float[] values, int width, ReadOnlySpan<AnswerPair> pairs)
    {
        float[] chosen = new float[pairs.Length * width], rejected = new float[pairs.Length * width];
        for (int i = 0; i < pairs.Length; i++)
        {
            values.AsSpan(pairs[i].Chosen * width, width).CopyTo(chosen.AsSpan(i * width));
            values.AsSpan(pairs[i].Rejected * width, width).CopyTo(rejected.AsSpan(i * width));
        }
        return new PairInputs(chosen, rejected, width);
    }

    private static HeadInput Selected(TrainingPairs pairs, SparseAutoencoder sae, int k)
    {
        var selection = DirectionSelector.Select(pairs.Answers.Latents!.Frequency(pairs.Pairs), k);
        return HeadInputs.Projection(selection, pairs.Answers.Width, sae.ReadDirections([.. selection.All.Select(latent => latent.Latent)]));
    }
}
