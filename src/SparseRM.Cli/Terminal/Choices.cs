using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using SparseRM.Errors;

namespace SparseRM.Cli.Terminal;

/// <summary>Options whose refusals name the option, the value and what is allowed.</summary>
internal static class Choices
{
    private const int Few = 4;

    /// <summary>One of a few words.</summary>
    public static Option<T> Of<T>(string name, string description, params (string Word, T Value)[] choices) => new(name)
    {
        // Many words would make the first column of the help too wide to read.
        Description = choices.Length <= Few ? description : $"{description}: {string.Join(", ", choices.Select(choice => choice.Word))}",
        HelpName = choices.Length <= Few ? string.Join('|', choices.Select(choice => choice.Word)) : "NAME",
        CustomParser = result =>
        {
            foreach (var (word, value) in choices)
                if (word == Word(result)) return value;
            result.AddError($"{name}: '{Word(result)}' is not one of {string.Join(", ", choices.Select(choice => choice.Word))}");
            return default!;
        },
    };

    /// <summary>One of a few words, or none after the option's name.</summary>
    public static Option<T> WithDefault<T>(string name, string description, T alone, params (string Word, T Value)[] choices)
    {
        var option = Of(name, $"{description} (alone: {choices.First(choice => Equals(choice.Value, alone)).Word})", choices);
        var parse = option.CustomParser!;
        option.Arity = ArgumentArity.ZeroOrOne;
        option.CustomParser = result => result.Tokens.Count == 0 ? alone : parse(result);
        return option;
    }

    /// <summary>A value that a parser reads from a word; what it refuses is bad usage.</summary>
    public static Option<T> Parsed<T>(string name, string description, string helpName, Func<string, T> parse) => new(name)
    {
        Description = description,
        HelpName = helpName,
        Arity = ArgumentArity.ExactlyOne, // a list said twice is refused: of an array's option the second would go unread
        CustomParser = result =>
        {
            try
            {
                return parse(Word(result));
            }
            catch (SparseRMException error)
            {
                result.AddError($"{name}: {error.Message.TrimEnd('.')}");
                return default!;
            }
        },
    };

    /// <summary>One of the words that <paramref name="isKnown"/> accepts, of which these are shown.</summary>
    public static Option<string> Known(string name, string description, IReadOnlyList<string> shown, Func<string, bool> isKnown) => new(name)
    {
        Description = $"{description}: {string.Join(", ", shown)}",
        HelpName = "NAME",
        CustomParser = result =>
        {
            if (!isKnown(Word(result))) result.AddError($"{name}: '{Word(result)}' is not one of {string.Join(", ", shown)}");
            return Word(result);
        },
    };

    /// <summary>A whole number of at least <paramref name="least"/>.</summary>
    public static Option<int?> Whole(string name, string description, int least = 1, int most = int.MaxValue) => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result =>
        {
            if (int.TryParse(Word(result), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= least && value <= most) return value;
            result.AddError($"{name}: '{Word(result)}' is not a whole number from {least} to {most}");
            return null;
        },
    };

    /// <summary>A finite number above 0, or from 0 on.</summary>
    public static Option<double?> Number(string name, string description, bool orZero = false, double most = double.MaxValue) => new(name)
    {
        Description = description,
        HelpName = "X",
        CustomParser = result =>
        {
            if (double.TryParse(Word(result), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value)
                && (orZero ? value >= 0 : value > 0) && value <= most)
                return value;
            string range = (orZero, most < double.MaxValue) switch
            {
                (true, true) => string.Create(CultureInfo.InvariantCulture, $"from 0 to {most}"),
                (true, false) => "from 0 on",
                (false, true) => string.Create(CultureInfo.InvariantCulture, $"above 0, up to {most}"),
                _ => "above 0",
            };
            result.AddError($"{name}: '{Word(result)}' is not a number {range}");
            return null;
        },
    };

    /// <summary>A comma-separated list of whole numbers from 0 on.</summary>
    public static Option<int[]> WholeNumbers(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "N,N",
        CustomParser = result =>
        {
            string[] words = Word(result).Split(',');
            var values = new int[words.Length];
            for (int i = 0; i < words.Length; i++)
            {
                if (int.TryParse(words[i], NumberStyles.None, CultureInfo.InvariantCulture, out values[i])) continue;
                result.AddError($"{name}: '{words[i]}' is not a whole number; give a list such as 0,1,5");
                break;
            }
            return values;
        },
    };

    /// <summary>A path or name.</summary>
    public static Option<string> Text(string name, string description, string helpName, bool required = false) => new(name)
    {
        Description = description,
        HelpName = helpName,
        Required = required,
        CustomParser = result =>
        {
            if (Word(result).Length == 0) result.AddError($"{name}: the value is empty");
            return Word(result);
        },
    };

    private static string Word(ArgumentResult result) => result.Tokens[0].Value;
}
