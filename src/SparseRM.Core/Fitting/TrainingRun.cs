using SparseRM.Errors;

namespace SparseRM.Fitting;

/// <summary>How well a head does on some pairs.</summary>
internal readonly record struct HeadQuality(int Correct, double Loss, int Pairs)
{
    public double Accuracy => (double)Correct / Pairs;

    public bool IsBetterThan(HeadQuality other) => Correct > other.Correct || (Correct == other.Correct && Loss < other.Loss);
}

/// <summary>One head from one seed.</summary>
internal sealed class TrainingRun
{
    private readonly PairInputs _inputs;
    private readonly PairSplit _split;
    private readonly int[] _sample;
    private readonly InputScaling _scaling;
    private readonly HeadTrainingOptions _options;
    private readonly PreferenceLoss _loss;
    private readonly int _run, _runs;
    private readonly SeededRandom _random;
    private readonly HeadParameters _parameters, _gradient;
    private readonly HeadGradient _batch;
    private readonly AdamW _optimiser;
    private readonly List<TrainingEpoch> _history = [];
    private double[] _kept = [];
    private int _bestEpoch;

    /// <param name="inputs">Of all pairs.</param>
    /// <param name="split">Which pairs judge, and which the result is told of.</param>
    /// <param name="sample">The training pairs to learn from, some of them perhaps more than once.</param>
    /// <param name="scaling">Standardisation of the inputs.</param>
    /// <param name="options">How.</param>
    /// <param name="run">Number of the run, from 1: with the seed it decides the initial weights and the order of the pairs.</param>
    /// <param name="runs">Runs in all, for reports.</param>
    public TrainingRun(PairInputs inputs, PairSplit split, int[] sample, InputScaling scaling, HeadTrainingOptions options, int run, int runs)
    {
        int threads = options.ThreadsToUse;
        (_inputs, _split, _sample, _scaling, _options, _run, _runs) = (inputs, split, sample, scaling, options, run, runs);
        _loss = new PreferenceLoss(options.Loss, options.Margin);
        _random = new SeededRandom(options.Seed, run);
        _parameters = new HeadParameters(inputs.InputCount, options.HiddenUnits);
        _gradient = new HeadParameters(inputs.InputCount, options.HiddenUnits);
        _batch = new HeadGradient(inputs.InputCount, options.HiddenUnits, Math.Min(options.BatchPairs, Math.Max(inputs.Count, sample.Length)), threads);
        _optimiser = new AdamW(_parameters.Values.Length, threads) { LearningRate = options.LearningRate, WeightDecay = options.WeightDecay };
    }

    /// <summary>Quality of the kept weights on the pairs that choose.</summary>
    public HeadQuality Best { get; private set; }

    private bool HoldsOut => _split.HeldOutPairs.Length > 0;

    public void Execute(IProgress<TrainingProgress>? progress, CancellationToken cancellation)
    {
        _parameters.Initialise(_random);
        int[] order = [.. _sample];
        for (int epoch = 1; epoch <= _options.MaxEpochs && epoch - _bestEpoch <= _options.Patience; epoch++)
        {
            _random.Shuffle(order.AsSpan());
            var training = PassOver(order, step: true, cancellation);
            var judged = PassOver(HoldsOut ? _split.HeldOutPairs : _split.Training, step: false, cancellation);
            if (!double.IsFinite(judged.Loss))
                throw new SparseRMException($"training diverged in epoch {epoch} (loss {judged.Loss}); use a smaller learning rate than {_options.LearningRate}.");
            if (_bestEpoch == 0 || judged.IsBetterThan(Best))
            {
                (Best, _bestEpoch) = (judged, epoch);
                _kept = (double[])_parameters.Values.Clone();
            }
            _history.Add(new TrainingEpoch(epoch, training.Loss, training.Accuracy, HoldsOut ? judged.Loss : null, HoldsOut ? judged.Accuracy : null));
            progress?.Report(new TrainingProgress(_run, _runs, _options.MaxEpochs, _history[^1]));
        }
        _kept.CopyTo(_parameters.Values, 0);
    }

    public TrainedHead ToTrainedHead()
    {
        var training = HoldsOut ? PassOver(_split.Training, step: false, CancellationToken.None) : Best;
        return new TrainedHead
        {
            Head = _parameters.Fold(_scaling),
            MeanInput = _scaling.MeanInput(),
            TrainingPairs = _split.Training.Length,
            HeldOutPairs = _split.HeldOutPairs.Length,
            TrainingLoss = training.Loss,
            TrainingAccuracy = training.Accuracy,
            HeldOutLoss = HoldsOut ? Best.Loss : null,
            HeldOutAccuracy = HoldsOut ? Best.Accuracy : null,
            Run = _run,
            BestEpoch = _bestEpoch,
            History = _history,
            LeftOutInputs = _scaling.LeftOut,
        };
    }

    private HeadQuality PassOver(int[] pairs, bool step, CancellationToken cancellation)
    {
        double loss = 0;
        int correct = 0;
        for (int start = 0; start < pairs.Length; start += _options.BatchPairs)
        {
            cancellation.ThrowIfCancellationRequested();
            var batch = pairs.AsSpan(start, Math.Min(_options.BatchPairs, pairs.Length - start));
            _batch.Load(_inputs, batch, _scaling);
            var result = step ? _batch.Compute(_parameters, _loss, _gradient) : _batch.Evaluate(_parameters, _loss);
            if (step) _optimiser.Step(_parameters.Values, _gradient.Values);
            loss += result.Loss * batch.Length;
            correct += result.Correct;
        }
        return new HeadQuality(correct, loss / pairs.Length, pairs.Length);
    }
}
