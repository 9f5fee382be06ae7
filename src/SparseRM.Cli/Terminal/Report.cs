using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace SparseRM.Cli.Terminal;

/// <summary>Named facts that are printed as a table for people or as fields of a JSON object for programs.</summary>
internal sealed class Report
{
    private readonly List<(string Key, object? Value)> _facts = [];

    /// <summary>Adds a fact: a text, a whole number, a number, a truth, a list of texts or of reports, or nothing.</summary>
    /// <param name="key">In snake_case.</param>
    /// <param name="value">The value.</param>
    public Report Add(string key, object? value)
    {
        _facts.Add((key, value));
        return this;
    }

    /// <summary>Adds another's facts.</summary>
    public Report AddAll(Report other)
    {
        _facts.AddRange(other._facts);
        return this;
    }

    /// <summary>The same without a fact, which is told elsewhere.</summary>
    public Report Without(string key)
    {
        var rest = new Report();
        rest._facts.AddRange(_facts.Where(fact => fact.Key != key));
        return rest;
    }

    /// <summary>Writes every fact as a field.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        foreach (var (key, value) in _facts)
        {
            json.WritePropertyName(key);
            Write(json, value);
        }
    }

    /// <summary>Writes the facts that have a value as two columns.</summary>
    public Table ToTable(string title)
    {
        var table = Tables.Of(title, "");
        foreach (var (name, value) in Shown) table.Row(name, value);
        return table;
    }

    /// <summary>The facts that have a value, for people.</summary>
    public IReadOnlyList<(string Name, string Value)> Shown =>
        [.. _facts.Where(fact => fact.Value is not null).Select(fact => (fact.Key.Replace('_', ' '), Text(fact.Value!)))];

    private static void Write(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null: json.WriteNullValue(); break;
            case bool truth: json.WriteBooleanValue(truth); break;
            case int or long: json.WriteNumberValue(Convert.ToInt64(value, CultureInfo.InvariantCulture)); break;
            case double number: json.WriteNumberValue(number); break;
            case float number: json.WriteNumberValue(number); break;
            case IEnumerable<string> texts:
                json.WriteStartArray();
                foreach (string text in texts) json.WriteStringValue(text);
                json.WriteEndArray();
                break;
            case IEnumerable<Report> reports:
                json.WriteStartArray();
                foreach (var report in reports)
                {
                    json.WriteStartObject();
                    report.WriteTo(json);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                break;
            default: json.WriteStringValue(value.ToString()); break;
        }
    }

    private static string Text(object value) => value switch
    {
        bool truth => truth ? "yes" : "no",
        int or long => Tables.Count(Convert.ToInt64(value, CultureInfo.InvariantCulture)),
        double or float => Convert.ToDouble(value, CultureInfo.InvariantCulture).ToString("G5", CultureInfo.InvariantCulture),
        IEnumerable<string> texts => string.Join("; ", texts),
        IEnumerable<Report> reports => string.Join("; ", reports.Select(report => string.Join(", ", report.Shown.Select(fact => $"{fact.Name} {fact.Value}")))),
        _ => value.ToString()!,
    };
}
