using System.Text.Json;
using SparseRM.Cli.Terminal;
using SparseRM.Scoring;
using Spectre.Console;

namespace SparseRM.Cli.Commands;

/// <summary>The latents behind a reward, as they were counted.</summary>
internal static class LatentTables
{
    /// <summary>The leading latents of each side.</summary>
    public static Table Of(IReadOnlyList<DirectionLatent> latents, int rowsASide = 8)
    {
        var table = Tables.Of(">Latent", "Prefers", ">Chosen", ">Rejected", ">Separation");
        foreach (int sign in (ReadOnlySpan<int>)[1, -1])
        {
            var side = latents.Where(latent => latent.Sign == sign).ToArray();
            foreach (var latent in side.Take(rowsASide))
            {
                table.Row($"{latent.Latent}", sign > 0 ? "chosen" : "rejected", $"{Tables.Count(latent.ChosenCount)} of {Tables.Count(latent.ChosenSamples)}",
                    $"{Tables.Count(latent.RejectedCount)} of {Tables.Count(latent.RejectedSamples)}", Tables.Percent(latent.Separation));
            }
            if (side.Length > rowsASide) table.Row("...", $"{side.Length - rowsASide} more", "", "", "");
        }
        return table;
    }

    /// <summary>All of them, as the field <c>latents</c>.</summary>
    public static void WriteJson(Utf8JsonWriter json, IReadOnlyList<DirectionLatent> latents)
    {
        json.WriteStartArray("latents");
        foreach (var latent in latents)
        {
            json.WriteStartObject();
            WriteFields(json, latent);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    /// <summary>One of them, as fields of the object that is open.</summary>
    public static void WriteFields(Utf8JsonWriter json, DirectionLatent latent)
    {
        json.WriteNumber("latent", latent.Latent);
        json.WriteNumber("sign", latent.Sign);
        json.WriteNumber("chosen_count", latent.ChosenCount);
        json.WriteNumber("rejected_count", latent.RejectedCount);
        json.WriteNumber("chosen_samples", latent.ChosenSamples);
        json.WriteNumber("rejected_samples", latent.RejectedSamples);
        json.WriteNumber("separation", latent.Separation);
    }
}
