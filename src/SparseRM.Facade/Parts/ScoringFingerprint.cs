using System.Security.Cryptography;
using System.Text.Json;
using SparseRM.Backends;
using SparseRM.Interop;
using SparseRM.Models;

namespace SparseRM.Parts;

/// <summary>All that decides the bits of a score but the row: who has an equal one writes the same bytes.</summary>
/// <remarks>
/// Kernels of other instruction sets round otherwise (each within its bound, see <c>sparserm kernels</c>), so their names belong to it. The engine's version and
/// the hash of its kernels may differ where both give the reward model's known answers the same bits.
/// </remarks>
/// <example><code>
/// var here = ScoringFingerprint.Of(scorer, "reward.safetensors", new ScoreOptions(), addEos: false);
/// if (here.DifferenceFrom(part.Fingerprint) is { } difference) Console.Error.WriteLine($"the part was computed otherwise: {difference}");
/// </code></example>
public sealed class ScoringFingerprint
{
    /// <summary>Names of the facts, in the order of <see cref="Values"/>.</summary>
    public static IReadOnlyList<string> Names { get; } =
        ["model_name", "model", "tokenizer", "template", "layer", "position", "reward", "options", "dtype", "backend", Variants, Kernels, Engine, KnownAnswers];

    private const string Variants = "variants", Kernels = "kernels", Engine = "engine_version", KnownAnswers = "known_answers";

    /// <summary>Takes facts as they are.</summary>
    /// <exception cref="ArgumentException">Not as many as there are names.</exception>
    public ScoringFingerprint(IReadOnlyList<string> values) =>
        Values = values.Count == Names.Count ? [.. values] : throw new ArgumentException($"{values.Count} facts for {Names.Count} names", nameof(values));

    /// <summary>The facts; an empty text where one does not apply.</summary>
    public IReadOnlyList<string> Values { get; }

    /// <summary>The fact of a name.</summary>
    public string this[string name] => Values[IndexOf(name)];

    /// <summary>That of an attached reward model.</summary>
    /// <param name="scorer">The reward model.</param>
    /// <param name="rewardPath">Its file.</param>
    /// <param name="options">What is asked of each answer.</param>
    /// <param name="addEos">Whether a text gets the tokenizer's EOS.</param>
    /// <param name="cancel">Heard while known answers are computed.</param>
    public static ScoringFingerprint Of(RewardScorer scorer, string rewardPath, ScoreOptions options, bool addEos, CancellationToken cancel = default)
    {
        using var reward = File.OpenRead(rewardPath);
        return OfFile(scorer, Convert.ToHexStringLower(SHA256.HashData(reward)), options, addEos, cancel);
    }

    /// <summary>Likewise, of a reward model whose file has a known hash and may be gone or replaced by now.</summary>
    /// <param name="scorer">The reward model.</param>
    /// <param name="rewardSha256">SHA-256 of its file, in hexadecimal.</param>
    /// <param name="options">What is asked of each answer.</param>
    /// <param name="addEos">Whether a text gets the tokenizer's EOS.</param>
    /// <param name="cancel">Heard while known answers are computed.</param>
    public static ScoringFingerprint OfFile(RewardScorer scorer, string rewardSha256, ScoreOptions options, bool addEos, CancellationToken cancel = default)
    {
        var backbone = scorer.Backbone;
        var identity = backbone.Identity(scorer.Layer, scorer.Position);
        return new ScoringFingerprint(
        [
            identity.ModelName, identity.ModelFingerprint, identity.TokenizerFingerprint, identity.TemplateFingerprint, $"{identity.Layer}",
            identity.Position.ToString().ToLowerInvariant(), rewardSha256,
            Asked(options, backbone.Options.Truncation, addEos), Tensors.DTypes.ComputeName(backbone.Compute), backbone.BackendName,
            string.Join(' ', backbone.Variants.OrderBy(variant => variant.Key).Select(variant => $"{variant.Key.Name()}={variant.Value}")),
            KernelSources.Hash, RewardTrainer.EngineVersion, HashOfKnownAnswers(scorer, cancel),
        ]);
    }

    /// <summary>The facts that <see cref="DifferenceFrom"/> compares, one a line: equal where two have the same bits.</summary>
    public string Compared => string.Join('\n', Values.Where((_, i) => this[KnownAnswers].Length == 0 || Names[i] is not (Engine or Kernels)));

    /// <summary>What keeps two from writing the same bytes, as <c>NAME A, here B</c>; null where nothing does.</summary>
    public string? DifferenceFrom(ScoringFingerprint other)
    {
        bool sameBits = this[KnownAnswers].Length > 0 && this[KnownAnswers] == other[KnownAnswers];
        for (int i = 0; i < Names.Count; i++)
        {
            if (Values[i] == other.Values[i] || (sameBits && Names[i] is Engine or Kernels)) continue;
            // Of a list of variants those that differ.
            string[] there = other.Values[i].Split(' '), here = Values[i].Split(' ');
            string a = Names[i] == Variants ? string.Join(' ', there.Except(here)) : other.Values[i], b = Names[i] == Variants ? string.Join(' ', here.Except(there)) : Values[i];
            return $"{Names[i].Replace('_', ' ')} {Shown(a)}, here {Shown(b)}";
        }
        return null;
    }

    internal void WriteTo(Utf8JsonWriter json)
    {
        json.WriteStartObject("fingerprint");
        for (int i = 0; i < Names.Count; i++) json.WriteString(Names[i], Values[i]);
        json.WriteEndObject();
    }

    /// <exception cref="KeyNotFoundException">A fact is missing.</exception>
    /// <exception cref="InvalidOperationException">A fact is not text.</exception>
    internal static ScoringFingerprint Read(JsonElement card)
    {
        var facts = card.GetProperty("fingerprint");
        return new ScoringFingerprint([.. Names.Select(name => facts.GetProperty(name).GetString() ?? "")]);
    }

    private static string Asked(ScoreOptions options, Truncation truncation, bool addEos) => string.Join(", ", new[]
    {
        $"aggregate {options.Aggregate?.ToString() ?? "own"}", options.Doubt ? "doubt" : "", options.Novelty ? "novelty" : "",
        options.PerToken == PerToken.None ? "" : $"per {options.PerToken.ToString().ToLowerInvariant()}",
        options.Explain is { } directions ? $"explain {directions} by {options.ExplainTokens} tokens" : "",
        $"truncate {truncation.ToString().ToLowerInvariant()}", addEos ? "add EOS" : "",
    }.Where(part => part.Length > 0));

    private static int IndexOf(string name)
    {
        for (int i = 0; i < Names.Count; i++)
            if (Names[i] == name) return i;
        throw new ArgumentException($"there is no fact '{name}'", nameof(name));
    }

    private static string Shown(string value) => value.Length == 0 ? "none" : value.Length <= 80 ? value : value[..77] + "...";

    // Empty where a component carries none: then another version is never taken for the same.
    private static string HashOfKnownAnswers(RewardScorer scorer, CancellationToken cancel)
    {
        if (scorer.Reward.Components.Any(component => component.Probe is null)) return "";
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var component in scorer.Reward.Components)
            foreach (float[] heads in scorer.HeadScores([.. component.Probe!.Items.Select(item => item.Sequence)], cancel))
                hash.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(heads));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
