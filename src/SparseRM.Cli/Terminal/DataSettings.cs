using System.CommandLine;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Models;

namespace SparseRM.Cli.Terminal;

/// <summary>Reads preference data by <see cref="CommonOptions.Reading"/>, and tells of what was left out.</summary>
internal static class DataSettings
{
    private const string Advice = "fix the row, or leave bad rows out with --skip-bad";

    /// <summary>How the user wants the data read.</summary>
    public static PreferenceReadOptions Of(ParseResult args) => new()
    {
        Format = args.GetValue(CommonOptions.Format),
        Columns = ReadColumns(args.GetValue(CommonOptions.Columns)),
        Split = args.GetValue(CommonOptions.Split),
        Dimension = args.GetValue(CommonOptions.Dimension),
        SkipBad = args.GetValue(CommonOptions.SkipBad),
    };

    /// <summary>The preference data.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="path">The file or folder.</param>
    /// <param name="session">Can be interrupted while it reads.</param>
    /// <param name="limit">Items at most; null: all.</param>
    public static PreferenceSet Read(ParseResult args, string path, Session session, int? limit)
    {
        var options = Of(args) with { Limit = limit };
        return Advised(args, () => session.Reading(() => PreferenceFile.Read(path, options)));
    }

    /// <summary>Under <c>--skip-bad</c> the data without what the model cannot read; tells of all that was left out.</summary>
    public static PreferenceSet LeaveOutBad(ParseResult args, PreferenceSet data, Backbone backbone, ReadOutPosition position, Session session)
    {
        if (!args.GetValue(CommonOptions.SkipBad)) return data;
        data = EncodableItems.Of(data, backbone, position);
        TellOfSkipped(data, session);
        return data;
    }

    /// <summary>How many rows were left out and why the first one was, where there are any.</summary>
    public static void TellOfSkipped(PreferenceSet data, Session session)
    {
        if (data.Skipped.Count > 0)
            session.Warn($"bad rows of {data.Path} left out: {data.Skipped.Count}; the first: {Wording.OfCommandLine(data.Skipped.FirstReasons[0])}");
    }

    /// <summary>Runs what reads or encodes the data; a row that is bad is told with what the user may do.</summary>
    public static T Advised<T>(ParseResult args, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (DataFormatException error) when (error.Line > 0 && !args.GetValue(CommonOptions.SkipBad))
        {
            throw error.WithAdvice(Advice);
        }
    }

    private static Dictionary<string, string> ReadColumns(string? text)
    {
        var columns = new Dictionary<string, string>();
        foreach (string part in text?.Split(',') ?? [])
        {
            string[] sides = part.Split('=', 2, StringSplitOptions.TrimEntries);
            if (sides is not [{ Length: > 0 } name, { Length: > 0 } column] || !PreferenceReadOptions.ColumnNames.Contains(name) || !columns.TryAdd(name, column))
                throw new UsageException(
                    $"--columns takes NAME=COLUMN with commas between, each name once, such as prompt=Q,chosen=A,rejected=B; found '{part}'; names: {string.Join(", ", PreferenceReadOptions.ColumnNames)}");
        }
        return columns;
    }
}
