using SparseRM.Fitting;
using SparseRM.Research.Answers;
using SparseRM.Research.Baselines;
using SparseRM.Sae;
using SparseRM.Scoring;

namespace SparseRM.Research.Sweeps;

/// <summary>What heads of some settings have in common: their inputs for training and for test, made when the first of them runs and freed after the last.</summary>
/// <param name="states">Training and test answers.</param>
/// <param name="setting">Any of the settings.</param>
/// <param name="sae">Its SAE, or null.</param>
/// <param name="users">How many settings there are.</param>
internal sealed class SweepInputs((AnswerSet Training, AnswerSet Test) states, SweepSetting setting, SparseAutoencoder? sae, int users)
{
    private readonly Lock _gate = new();
    private (PairInputs Training, string[] Groups, float[] Test, int Width)? _made;
    private int _left = users;

    /// <summary>All that decides the inputs.</summary>
    public static (object, int, string?, HeadInputKind, int?, int, long) KeyOf(SweepSetting setting) => (setting.Position, setting.Layer, setting.Sae, setting.Input,
        setting.K, setting.Pairs, setting.Input == HeadInputKind.Random ? setting.Seed : 0);

    /// <summary>Fits one head and counts the test pairs that it orders rightly.</summary>
    public SweepRun Run(SweepSetting of, HeadTrainingOptions training, CancellationToken cancel)
    {
        var (inputs, groups, test, width) = Made();
        var head = HeadTrainer.Train(inputs, training with { Seed = of.Seed, Loss = of.Loss, HiddenUnits = of.HiddenUnits, Threads = 1 }, groups, null, cancel);
        var scores = new double[test.Length / width];
        for (int row = 0; row < scores.Length; row++) scores[row] = head.Head.Score(test.AsSpan(row * width, width));
        int correct = states.Test.Pairs.Count(pair => scores[pair.Chosen] > scores[pair.Rejected]);
        lock (_gate)
            if (--_left == 0) _made = null;
        return new SweepRun(of, correct, states.Test.Pairs.Length, head.HeldOutAccuracy, head.BestEpoch);
    }

    private (PairInputs Training, string[] Groups, float[] Test, int Width) Made()
    {
        lock (_gate)
        {
            if (_made is { } made) return made;
            int count = setting.Pairs == 0 ? states.Training.Pairs.Length : Math.Min(setting.Pairs, states.Training.Pairs.Length);
            var pairs = states.Training.Pairs[..count];
            var input = SettingInputs.Of(setting, sae, states.Training, pairs);
            var now = (HeadBaseline.PairsOf(SettingInputs.Rows(input, states.Training), input.Count, pairs), states.Training.Groups[..count], SettingInputs.Rows(input, states.Test), input.Count);
            _made = now;
            return now;
        }
    }
}
