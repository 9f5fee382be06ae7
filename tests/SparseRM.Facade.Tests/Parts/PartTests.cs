using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using ParquetSharp;
using SparseRM.Backends;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Parts;

namespace SparseRM.Facade.Tests.Parts;

/// <summary>An input with bad rows, and folders for its parts.</summary>
public abstract class PartTests(FittedReward reward) : IDisposable
{
    private protected const int Rows = 1200;
    private protected static readonly int[] s_bad = [5, 6, 1000];
    private protected readonly TemporaryFolder _folder = new();

    private protected FittedReward Reward { get; } = reward;

    public void Dispose() => _folder.Dispose();

    private protected static ScoringFingerprint With(ScoringFingerprint own, params (string Name, string Value)[] changes) =>
        new([.. ScoringFingerprint.Names.Select((name, i) => changes.FirstOrDefault(change => change.Name == name) is { Name: not null } change ? change.Value : own.Values[i])]);

    private protected static void Refused(string part, Action act)
    {
        var error = Assert.ThrowsAny<SparseRMException>(act);
        Assert.Contains(part, error.Message);
    }

    private protected (PartManifest Part, bool WasThere) Score(RewardScorer scorer, string output, RowRange rows, RowFormat format = RowFormat.JsonLines, CancellationToken cancel = default)
    {
        var input = RowFile.Open(Input());
        return new PartScorer(scorer, new ScoreOptions()).ScoreInto(input, rows, Open(scorer, output, input, format), cancel: cancel);
    }

    private protected PartFolder Open(RewardScorer scorer, string output, RowFile input, RowFormat format) =>
        PartFolder.Open(_folder.File(output), input, format, ScoringFingerprint.Of(scorer, Reward.Path, new ScoreOptions(), addEos: false));

    // Short rows of ids, one of ten with two answers, three bad.
    private protected string Input()
    {
        string path = _folder.File("in.jsonl");
        if (!File.Exists(path))
        {
            File.WriteAllLines(path, Enumerable.Range(0, Rows).Select(i => s_bad.Contains(i) ? $"{{bad {i}"
                : i % 10 == 1 ? $$"""{"prompt": "What is {{i}}?", "responses": ["It is.", "{{i}}."]}""" : $$"""{"ids": [2, {{i % 50}}, 9, 7], "id": {{i}}}"""));
        }
        return path;
    }
}
