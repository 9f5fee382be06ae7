using SparseRM.Data.Evaluation;
using SparseRM.Research.Answers;

namespace SparseRM.Research.Baselines;

/// <summary>One run of a <see cref="BaselineStudy"/>.</summary>
/// <param name="sets">Training, test and, at choice, shifted answers.</param>
/// <param name="methods">The directions first.</param>
/// <param name="options">How.</param>
/// <param name="outside">Another model's scores of the test answers, or null.</param>
/// <param name="progress">Told of each fit.</param>
/// <param name="cancel">Passed on.</param>
internal sealed class Comparison(
    AnswerSet[] sets, Baseline[] methods, BaselineOptions options, IReadOnlyList<ItemScores>? outside, IProgress<WorkProgress>? progress, CancellationToken cancel)
{
    /// <summary>Names of the dense probes, of which validation chooses one for the verdict.</summary>
    public const string Logistic = "logistic probe", Ridge = "ridge probe";

    private readonly List<BaselineRow> _rows = [];
    private readonly List<(string Regime, Dictionary<string, PairOutcomes> Outcomes, AnswerSet Test)> _found = [];
    private string? _dense;

    private AnswerSet Test => sets[1];

    /// <summary>Fits, tests, and says what came of it.</summary>
    public BaselineTable Table(List<string> notes)
    {
        var training = TrainingPairs.Of(sets[0]);
        var wanted = Regime.Training.Where(regime => IsWanted(regime.Name) || (regime.Name == Regime.All && sets.Length > 2 && IsWanted(Regime.Shift))).ToArray();
        if (sets.Length < 3 && options.Regimes?.Contains(Regime.Shift) == true)
            throw new Errors.SparseRMException(Errors.ErrorKind.Usage, "the regime shift is tested on shifted pairs; give some");
        int done = 0, total = wanted.Length * options.Draws * methods.Length;
        foreach (var regime in wanted)
        {
            if (regime.Of(training, options.Training.Seed) is null)
            {
                notes.Add($"the regime {regime.Name} is left out: it needs {regime.Least} training pairs or more, found {training.Pairs.Length}.");
                done += options.Draws * methods.Length;
                continue;
            }
            Run(regime, training, () => progress?.Report(new WorkProgress("fitting baselines", ++done, total)));
        }
        if (_rows.Count == 0) throw new Errors.SparseRMException($"every regime that was asked for needs {wanted.Min(regime => regime.Least)} training pairs or more, found {training.Pairs.Length}; give more.");
        return new BaselineTable(_rows, Sentence(), _dense!, notes);
    }

    private bool IsWanted(string regime) => options.Regimes?.Contains(regime) != false;

    private void Run(Regime regime, TrainingPairs all, Action tick)
    {
        var tests = new List<(string Name, AnswerSet Set)>();
        if (IsWanted(regime.Name)) tests.Add((regime.Name, Test));
        if (regime.Name == Regime.All && sets.Length > 2 && IsWanted(Regime.Shift)) tests.Add((Regime.Shift, sets[2]));
        var outcomes = tests.ConvertAll(_ => methods.ToDictionary(method => method.Name, _ => new bool[options.Draws][]));
        var validated = new Dictionary<string, double?>();
        int pairs = 0;
        for (int draw = 0; draw < options.Draws; draw++)
        {
            long seed = options.Training.Seed + draw;
            var training = regime.Of(all, seed)!;
            pairs = training.Pairs.Length;
            foreach (var method in methods)
            {
                var fitted = method.Fit(training, seed, cancel);
                if (draw == 0) validated[method.Name] = fitted.Validated;
                for (int test = 0; test < tests.Count; test++) outcomes[test][method.Name][draw] = Right(tests[test].Set, fitted.Scores(tests[test].Set));
                tick();
            }
        }
        // The first regime that is run chooses, and that is all pairs where those are asked for.
        _dense ??= validated[Ridge] > validated[Logistic] ? Ridge : Logistic;
        for (int test = 0; test < tests.Count; test++)
            Add(tests[test].Name, tests[test].Set, outcomes[test].ToDictionary(entry => entry.Key, entry => new PairOutcomes(entry.Value)), pairs);
    }

    private void Add(string regime, AnswerSet test, Dictionary<string, PairOutcomes> outcomes, int pairs)
    {
        if (outside is not null && regime == Regime.All)
        {
            bool[] right = [.. outside.SelectMany(item => item.Chosen.SelectMany(chosen => item.Rejected.Select(rejected => chosen > rejected)))];
            outcomes[BaselineStudy.Outside] = new PairOutcomes([.. Enumerable.Repeat(right, options.Draws)]);
        }
        var bootstrap = new PairedBootstrap(test.Groups, options.Draws, options.Training.Seed);
        var own = outcomes[BaselineStudy.Directions];
        foreach (var (name, outcome) in outcomes)
        {
            _rows.Add(new BaselineRow(name, regime, bootstrap.Accuracy(outcome), name == BaselineStudy.Directions ? null : bootstrap.Difference(outcome, own),
                name == BaselineStudy.Outside ? 0 : pairs, test.Pairs.Length));
        }
        _found.Add((regime, outcomes, test));
    }

    private string Sentence()
    {
        var first = _found[0];
        var differences = _found.ConvertAll(found => (found.Regime,
            new PairedBootstrap(found.Test.Groups, options.Draws, options.Training.Seed).Difference(found.Outcomes[BaselineStudy.Directions], found.Outcomes[_dense!])));
        return Verdict.Of(first.Regime, _dense!, first.Outcomes[BaselineStudy.Directions].Accuracy, first.Outcomes[_dense!].Accuracy, differences, first.Test.Pairs.Length);
    }

    private static bool[] Right(AnswerSet answers, double[] scores) => Array.ConvertAll(answers.Pairs, pair => scores[pair.Chosen] > scores[pair.Rejected]);
}
