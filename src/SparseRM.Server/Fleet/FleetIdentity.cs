using System.Globalization;
using System.Text.Json;
using SparseRM.Parts;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Fleet;

/// <summary>All that decides what a member answers: who has an equal one answers with the same bits.</summary>
/// <param name="Wire">Whose answer <c>/v1/rerank</c> gives.</param>
/// <param name="Limits">What a request may ask for, in words: what one takes no other may refuse.</param>
/// <param name="Rewards">Names and means of the reward models, in their order.</param>
internal sealed record FleetIdentity(string Wire, string Limits, IReadOnlyList<(string Name, ScoringFingerprint Means)> Rewards)
{
    /// <summary>Hash of all of it, which forwarded requests carry.</summary>
    public string Hash { get; } = $"{FleetPlacement.Hash(string.Join('\n', [Wire, Limits, .. Rewards.SelectMany(reward => (string[])[reward.Name, reward.Means.Compared])])):x16}";

    /// <summary>That of what is served now.</summary>
    public static FleetIdentity Of(RewardRegistry registry, ServerOptions options) =>
        new($"{options.Rerank}", InWords(options.Limits), [.. registry.All.Select(reward => (reward.Name, reward.Means))]);

    /// <summary>What keeps two members apart, in one sentence's middle; null where nothing does.</summary>
    public string? DifferenceFrom(FleetIdentity other)
    {
        string here = Names(Rewards), there = Names(other.Rewards);
        if (here != there) return $"it serves {there}, this server {here}";
        if (Wire != other.Wire) return $"its --wire is {other.Wire}, here {Wire}";
        if (Limits != other.Limits) return $"its limits are {other.Limits}; here {Limits}";
        return Rewards.Zip(other.Rewards).Select(pair => pair.First.Means.DifferenceFrom(pair.Second.Means) is { } difference ? $"reward '{pair.First.Name}': {difference}" : null)
            .FirstOrDefault(difference => difference is not null);
    }

    /// <summary>Writes it as a member.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteStartObject("identity");
        json.WriteString("wire", Wire);
        json.WriteString("limits", Limits);
        json.WriteStartArray("rewards");
        foreach (var (name, means) in Rewards)
        {
            json.WriteStartArray();
            json.WriteStringValue(name);
            foreach (string value in means.Values) json.WriteStringValue(value);
            json.WriteEndArray();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Reads it.</summary>
    /// <exception cref="KeyNotFoundException">It is of another version.</exception>
    /// <exception cref="ArgumentException">Likewise.</exception>
    public static FleetIdentity Read(JsonElement owner)
    {
        var identity = owner.GetProperty("identity");
        return new(identity.GetProperty("wire").GetString()!, identity.GetProperty("limits").GetString()!, [.. identity.GetProperty("rewards").EnumerateArray()
            .Select(reward => (reward[0].GetString()!, new ScoringFingerprint([.. reward.EnumerateArray().Skip(1).Select(value => value.GetString()!)])))]);
    }

    private static string InWords(ServerLimits limits) => string.Create(CultureInfo.InvariantCulture,
        $"{limits.Items} inputs, {limits.Explained} of them explained, {limits.BodyBytes} bytes, {limits.Nesting} levels, {limits.Deadline.TotalSeconds} s");

    private static string Names(IReadOnlyList<(string Name, ScoringFingerprint Means)> rewards) => string.Join(", ", rewards.Select(reward => reward.Name));
}
