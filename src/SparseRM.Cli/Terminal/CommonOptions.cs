using System.CommandLine;

namespace SparseRM.Cli.Terminal;

/// <summary>Options that several commands share, each with one meaning.</summary>
internal static class CommonOptions
{
    public static Option<bool> Debug { get; } = new("--debug") { Description = "show where an error arose", Recursive = true };

    public static Option<bool> Json { get; } = new("--json") { Description = "print one JSON object on standard output" };
}
