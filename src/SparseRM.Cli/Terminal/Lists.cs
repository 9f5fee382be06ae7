using System.CommandLine;
using System.Globalization;
using SparseRM.Errors;

namespace SparseRM.Cli.Terminal;

/// <summary>Options that take several values with commas between.</summary>
internal static class Lists
{
    /// <summary>The values that the user gave; null where he gave none, for which System.CommandLine makes an empty list.</summary>
    public static T[]? Given<T>(this ParseResult args, Option<T[]> option) => args.Has(option) ? args.GetValue(option) : null;

    /// <summary>Some of a few words.</summary>
    public static Option<T[]> Of<T>(string name, string description, params (string Word, T Value)[] choices) => Choices.Parsed(
        name, $"{description}: {string.Join(", ", choices.Select(choice => choice.Word))}", "NAME,..", text => text.Split(',', StringSplitOptions.TrimEntries).Select(word =>
        {
            foreach (var choice in choices)
                if (choice.Word == word) return choice.Value;
            throw new SparseRMException(ErrorKind.Usage, $"'{word}' is not one of {string.Join(", ", choices.Select(choice => choice.Word))}");
        }).ToArray());

    /// <summary>Whole numbers of at least <paramref name="least"/>.</summary>
    public static Option<int[]> Whole(string name, string description, int least = 1) => Choices.Parsed(
        name, description, "N,..", text => text.Split(',', StringSplitOptions.TrimEntries).Select(word =>
            int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= least ? value
                : throw new SparseRMException(ErrorKind.Usage, $"'{word}' is not a whole number from {least} to {int.MaxValue}; give a list such as {least},{least + 7}")).ToArray());
}
