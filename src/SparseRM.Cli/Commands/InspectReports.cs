using SparseRM.Cli.Terminal;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Models.Architectures;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Text;
using SparseRM.Weights;

namespace SparseRM.Cli.Commands;

/// <summary>The facts that <c>inspect</c> shows.</summary>
internal static class InspectReports
{
    private const int MostShown = 20;

    public static Report OfModel(string folder)
    {
        var config = ArchitectureCatalog.Read(folder);
        var weights = WeightIndex.Open(folder);
        var report = new Report().Add("kind", "model").Add("folder", folder).Add("family", config.Family)
            .Add("n_layers", config.NLayers).Add("d_model", config.DModel).Add("n_heads", config.NHeads).Add("n_kv_heads", config.NKvHeads)
            .Add("d_head", config.DHead).Add("d_mlp", config.DMlp).Add("d_vocab", config.DVocab).Add("n_ctx", config.NCtx)
            .Add("ignored_fields", config.IgnoredFields.Count > 0 ? config.IgnoredFields : null);
        Weights(report, weights, config.NLayers);
        Text(report, folder);
        return report;
    }

    public static Report Of(SparseAutoencoder sae) => new Report().Add("kind", "sae").Add("format", sae.Format).Add("id", sae.Id)
        .Add("layer", sae.Layer).Add("hook", sae.HookName).Add("d_in", sae.DIn).Add("d_sae", sae.DSae)
        .Add("activation", sae.Activation.Name)
        .Add("k", sae.Activation is SaeActivation.TopK topK ? topK.K : sae.Activation is SaeActivation.GroupMax groupMax ? groupMax.K : null)
        .Add("input_norm", sae.InputNorm.ToString().ToLowerInvariant()).Add("gating_mode", sae.GatingMode)
        .Add("dtype", sae.WEnc.DType.ToString()).Add("model", sae.ModelName)
        .Add("notes", sae.Notes.Count > 0 ? sae.Notes : null).Add("ignored_fields", sae.IgnoredFields.Count > 0 ? sae.IgnoredFields : null);

    /// <summary>What all components of a reward model share.</summary>
    /// <param name="reward">The reward model.</param>
    /// <param name="metadata">Metadata of its file.</param>
    public static Report Of(RewardModel reward, IReadOnlyDictionary<string, string> metadata)
    {
        var (own, identity) = (reward.Metadata, reward.Metadata.Identity);
        return new Report().Add("kind", "reward").Add("format_version", metadata["format_version"])
            .Add("components", reward.Components.Count > 1 ? reward.Components.Count : null)
            .Add("heads", reward.HeadCount).Add("aggregate", reward.HeadCount > reward.Components.Count ? reward.Aggregate.ToString() : null)
            .Add("model", identity.ModelName).Add("model_fingerprint", identity.ModelFingerprint).Add("tokenizer_fingerprint", identity.TokenizerFingerprint)
            .Add("layer", identity.Layer).Add("position", identity.Position.ToString().ToLowerInvariant())
            .Add("chat_template", identity.TemplateName).Add("template_fingerprint", identity.TemplateFingerprint).Add("dtype", own.DType)
            .Add("temperature", reward.Calibration?.Temperature).Add("intercept", reward.Calibration?.Intercept).Add("calibration_pairs", reward.Calibration?.Pairs)
            .Add("calibration_error_before", reward.Calibration?.ErrorBefore).Add("calibration_error_after", reward.Calibration?.ErrorAfter)
            .Add("checksum", metadata.GetValueOrDefault("checksum")).Add("warnings", reward.Warnings.Count > 0 ? reward.Warnings : null);
    }

    /// <summary>What is a component's own.</summary>
    public static Report Of(RewardComponent component)
    {
        var metadata = component.Metadata;
        return new Report().Add("name", component.Name).Add("weight", component.Weight)
            .Add("input", HeadInput.Name(component.Input.Kind)).Add("inputs", component.Input.Count)
            .Add("heads", component.Heads.Count).Add("hidden_units", component.Heads[0].HiddenUnits).Add("bootstrap", component.Heads.Count > 1 ? metadata.Bootstrap : null)
            .Add("sae_id", metadata.SaeId).Add("gating_mode", metadata.GatingMode).Add("loss", metadata.Loss).Add("margin", metadata.Margin)
            .Add("k", metadata.K).Add("seed", metadata.Seed).Add("data_hash", metadata.DataHash).Add("pairs", metadata.Pairs)
            .Add("held_out_pairs", metadata.HeldOutPairs).Add("held_out_accuracy", metadata.HeldOutAccuracy)
            .Add("tried_k", metadata.Choice is { Ks.Count: > 0 } tried ? string.Join(", ", tried.Ks) : null)
            .Add("tried_layers", metadata.Choice is { } choice ? string.Join(", ", choice.Layers) : null)
            .Add("tried_positions", metadata.Choice is { } same ? string.Join(", ", same.Positions).ToLowerInvariant() : null)
            .Add("nested_folds", metadata.Choice is { } nested ? $"{nested.OuterFolds} x {nested.InnerFolds}" : null).Add("nested_accuracy", metadata.Choice?.Accuracy.Accuracy)
            .Add("novelty_calibration", component.Novelty is not { } novelty ? null : novelty.Calibration == NoveltyCalibration.HeldOut ? "held-out" : "cross-fitted")
            .Add("novelty_samples", component.Novelty?.Samples)
            .Add("probe_inputs", component.Probe?.Items.Count).Add("probe_arithmetic", component.Probe?.Arithmetic)
            .Add("engine_version", metadata.EngineVersion);
    }

    /// <summary>A safetensors file that <c>activations</c> or <c>encode</c> wrote.</summary>
    public static Report OfTensors(string path)
    {
        var file = SafetensorsFile.Open(path);
        string[] names = [.. file.Names.Order(StringComparer.Ordinal)];
        string[] shapes = [.. names.Take(MostShown).Select(name => $"{name} {file.Take(name).DType} [{string.Join(", ", file.Take(name).Shape)}]")];
        return new Report().Add("kind", StateTensors.WrittenBy(path) == "activations" ? "states" : "activations").Add("file", path)
            .Add("bytes", new FileInfo(path).Length).Add("sae_id", file.Metadata.GetValueOrDefault("sae_id")).Add("tensors", names.Length)
            .Add(names.Length > MostShown ? "first_tensors" : "tensor_shapes", shapes);
    }

    /// <summary>How preference data was read, with its first item to look at.</summary>
    public static Report Of(PreferenceSet data)
    {
        var first = data.Items[0];
        return new Report().Add("kind", "preferences").Add("file", data.Path).Add("format", data.Format).Add("container", data.Container)
            .Add("items", data.Items.Count).Add("pairs", data.Items.Sum(item => (long)item.Chosen.Count * item.Rejected.Count))
            .Add("skipped_rows", data.Skipped.Count).Add("first_skipped", data.Skipped.FirstReasons.FirstOrDefault())
            .Add("subsets", data.Items.Select(item => item.Subset).OfType<string>().Distinct().Take(MostShown).ToArray() is { Length: > 0 } subsets ? subsets : null)
            .Add("data_hash", data.DataHash)
            .Add("first_prompt", Turns(first.Prompt)).Add("first_chosen", Turns(first.Chosen[0])).Add("first_rejected", Turns(first.Rejected[0]))
            .Add("first_arguments", first.Arguments is { } arguments ? PlainText.Escape(arguments.Value.GetRawText()) : null);
    }

    private static string[] Turns(IEnumerable<Message> messages) =>
        [.. messages.Select(message => PlainText.Escape($"{message.Role}: {message.Content}{(message.Fields is { } fields ? $" {fields.Value.GetRawText()}" : "")}"))];

    private static void Weights(Report report, WeightIndex weights, int nLayers)
    {
        long parameters = 0, bytes = 0;
        var types = new SortedSet<string>(StringComparer.Ordinal);
        var missing = new SortedSet<string>(StringComparer.Ordinal);
        var complete = Enumerable.Repeat(true, nLayers).ToArray();
        foreach (string name in weights.Names)
        {
            try
            {
                var slice = weights.Take(name);
                (parameters, bytes) = (parameters + slice.ElementCount, bytes + slice.ByteLength);
                types.Add(slice.DType.ToString());
            }
            catch (ModelFormatException error)
            {
                missing.Add(error.Message);
                if (BlockOf(name) is { } block && block < nLayers) complete[block] = false;
            }
        }
        int usable = Array.IndexOf(complete, false) is var first && first < 0 ? nLayers : first;
        report.Add("dtype", string.Join(", ", types)).Add("parameters", parameters).Add("bytes", bytes)
            .Add("usable_layers", usable == 0 ? "none" : $"0 to {usable - 1}").Add("missing", missing.Count > 0 ? missing : null);
    }

    private static int? BlockOf(string name)
    {
        string[] parts = name.Split('.');
        int at = Array.IndexOf(parts, "layers");
        return at >= 0 && at + 1 < parts.Length && int.TryParse(parts[at + 1], out int block) ? block : null;
    }

    private static void Text(Report report, string folder)
    {
        if (!ModelTokenizer.ExistsIn(folder))
        {
            report.Add("tokenizer", null);
            return;
        }
        var tokenizer = ModelTokenizer.Load(folder);
        report.Add("tokenizer", $"{tokenizer.VocabularySize} ids").Add("tokenizer_fingerprint", tokenizer.Fingerprint)
            .Add("bos", tokenizer.UsesBos ? tokenizer.BosToken : null)
            .Add("chat_template", ChatTemplate.FromFolder(folder, tokenizer.SpecialTokens) is null ? "none: needs --chat-template" : "its own");
    }
}
