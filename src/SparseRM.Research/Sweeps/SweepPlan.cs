using SparseRM.Errors;
using SparseRM.Models.Architectures;
using SparseRM.Sae;
using SparseRM.Scoring;

namespace SparseRM.Research.Sweeps;

/// <summary>Which fits a sweep consists of.</summary>
/// <param name="Settings">All of them, in their order.</param>
/// <param name="Saes">The SAEs by name.</param>
/// <param name="Layers">Blocks whose states are needed, rising.</param>
/// <param name="Notes">Combinations that cannot be, one sentence each.</param>
internal sealed record SweepPlan(
    IReadOnlyList<SweepSetting> Settings, IReadOnlyDictionary<string, SparseAutoencoder> Saes, IReadOnlyList<int> Layers, IReadOnlyList<string> Notes)
{
    /// <summary>Opens the SAEs and lists every combination that can be.</summary>
    /// <exception cref="SparseRMException">An option is out of range, an SAE does not fit the model, or nothing is left to run.</exception>
    public static SweepPlan Of(string model, SweepOptions options)
    {
        Require(options.Seeds >= 1, "seeds", "at least 1");
        Require(options.Ks.All(k => k >= 1), "k", "at least 1");
        Require(options.HiddenUnits.All(units => units >= 1), "hidden units", "at least 1");
        Require(options.Pairs.All(pairs => pairs >= 0), "pairs", "at least 1, or 0 for all");
        var config = ArchitectureCatalog.Read(model);
        var saes = new Dictionary<string, SparseAutoencoder>(StringComparer.Ordinal);
        foreach (string path in options.Saes.Distinct())
        {
            var sae = SaeFormatCatalog.Open(path, options.LlamaScopeMode);
            if (sae.DIn != config.DModel) throw new ModelFormatException(path, $"the SAE's d_in is {sae.DIn}, the model's residual stream is {config.DModel} wide; use an SAE of this model");
            if (sae.Layer is null) throw new ModelFormatException(path, "the SAE does not say its layer, and a sweep over layers needs to know it; use one that does");
            saes[path] = sae;
        }
        int[] layers = [.. (options.Layers ?? [.. saes.Values.Select(sae => sae.Layer!.Value)]).Distinct().Order()];
        if (layers.Length == 0) throw new SparseRMException(ErrorKind.Usage, "no layer was given, and without an SAE nothing else tells it; give one");
        foreach (int layer in layers)
            if (layer < 0 || layer >= config.NLayers) throw new SparseRMException(ErrorKind.Usage, $"there is no layer {layer}: the model has layers 0 to {config.NLayers - 1}");
        SweepSetting[] settings = [.. Combinations(options, saes, layers)];
        string[] notes = [.. NotesOf(options, saes, layers)];
        if (settings.Length == 0) throw new SparseRMException(ErrorKind.Usage, $"there is nothing to run: {string.Join(" ", notes)}");
        return new SweepPlan(settings, saes, [.. settings.Select(setting => setting.Layer).Distinct().Order()], notes);
    }

    private static IEnumerable<SweepSetting> Combinations(SweepOptions options, Dictionary<string, SparseAutoencoder> saes, int[] layers) =>
        from position in options.Positions.Distinct()
        from layer in layers
        from input in options.Inputs.Distinct()
        from sae in NeedsSae(input) ? saes.Where(sae => sae.Value.Layer == layer).Select(sae => (string?)sae.Key) : [null]
        from k in input == HeadInputKind.Dense ? [null] : options.Ks.Distinct().Select(k => (int?)k)
        from pairs in options.Pairs.Distinct()
        from seed in Enumerable.Range(0, options.Seeds).Select(seed => options.Training.Seed + seed)
        from units in options.HiddenUnits.Distinct()
        from loss in options.Losses.Distinct()
        select new SweepSetting(position, layer, sae, input, k, pairs, units, loss, seed);

    private static IEnumerable<string> NotesOf(SweepOptions options, Dictionary<string, SparseAutoencoder> saes, int[] layers)
    {
        string[] needing = [.. options.Inputs.Distinct().Where(NeedsSae).Select(HeadInput.Name)];
        int[] without = [.. layers.Where(layer => saes.Values.All(sae => sae.Layer != layer))];
        if (needing.Length > 0 && without.Length > 0)
            yield return $"no SAE of layer {string.Join(", ", without)} was given, so the input {string.Join(" and ", needing)} is not run there.";
        foreach (var (path, sae) in saes)
            if (!layers.Contains(sae.Layer!.Value)) yield return $"the SAE {path} is of layer {sae.Layer}, which is not among the layers, so it is not used.";
    }

    /// <summary>Whether an input is made of an SAE's latents.</summary>
    public static bool NeedsSae(HeadInputKind input) => input is HeadInputKind.Projection or HeadInputKind.Activations;

    private static void Require(bool holds, string option, string expected)
    {
        if (!holds) throw new SparseRMException(ErrorKind.Usage, $"a value of {option} is out of range; each must be {expected}.");
    }
}
