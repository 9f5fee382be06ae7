using System.Globalization;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Scoring;

/// <summary>Reads the metadata strings of a reward file, each checked; knows which of them were asked for.</summary>
internal sealed class RewardFields(SafetensorsFile file)
{
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);

    public string Field(string key)
    {
        _read.Add(key);
        return file.Metadata.TryGetValue(key, out string? value)
            ? value
            : throw new ModelFormatException(file.Path, $"the reward model's metadata has no \"{key}\"; fit again");
    }

    /// <summary>Whether there is such a field: for those that earlier engines did not write.</summary>
    public bool Has(string key) => file.Metadata.ContainsKey(key);

    public string Text(string key) => Field(key) is { Length: > 0 } value ? value : throw Bad(key, "some text");

    public string? Optional(string key) => Field(key) is { Length: > 0 } value ? value : null;

    public long Integer(string key, long least, long most)
        => long.TryParse(Field(key), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value >= least && value <= most
            ? value
            : throw Bad(key, least == long.MinValue ? "an integer" : $"an integer of at least {least}");

    /// <summary>Values with commas between; null from <paramref name="parse"/> is none.</summary>
    public IReadOnlyList<T> List<T>(string key, string expected, Func<string, T?> parse)
        where T : struct
        => [.. Text(key).Split(',').Select(part => parse(part) ?? throw Bad(key, expected))];

    public double Number(string key, double least, double most)
        => double.TryParse(Field(key), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value >= least && value <= most
            ? value
            : throw Bad(key, most == 1 ? "a number from 0 to 1" : least == double.MinValue ? "a number" : $"a number of at least {least}");

    public TEnum Choice<TEnum>(string key)
        where TEnum : struct, Enum
    {
        string value = Field(key);
        foreach (var choice in Enum.GetValues<TEnum>())
            if (choice.ToString().ToLowerInvariant() == value) return choice;
        throw Bad(key, string.Join(", ", Enum.GetNames<TEnum>().Select(name => name.ToLowerInvariant())));
    }

    public string OneOf(string key, params ReadOnlySpan<string> choices)
    {
        string value = Text(key);
        if (choices.Contains(value)) return value;
        throw Bad(key, $"{string.Join(", ", choices[..^1])} or {choices[^1]}");
    }

    /// <exception cref="ModelFormatException">A field was never asked for; names it.</exception>
    public void RequireAllRead()
    {
        string? unknown = file.Metadata.Keys.Where(key => !_read.Contains(key)).Order(StringComparer.Ordinal).FirstOrDefault();
        if (unknown is not null) throw new ModelFormatException(file.Path, $"the reward model's metadata has \"{unknown}\", which this engine does not know; use the version that wrote it");
    }

    public ModelFormatException Bad(string key, string expected)
        => new(file.Path, $"the reward model's metadata has \"{key}\" = \"{Field(key)}\", expected {expected}");

    public static string Write(long value) => value.ToString(CultureInfo.InvariantCulture);

    public static string Write(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
