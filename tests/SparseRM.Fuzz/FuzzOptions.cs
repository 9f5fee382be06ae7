using System.Globalization;

namespace SparseRM.Fuzz;

/// <summary>What the command line asks for.</summary>
internal sealed record FuzzOptions
{
    /// <summary>What the command line may say.</summary>
    public const string Usage = """
        usage: dotnet run -c Release --project tests/SparseRM.Fuzz -- [options]
          --seconds N        time for each reader (2)
          --iterations N     inputs for each reader, in place of a time
          --seed N           first of the inputs (1); the same seed makes the same inputs
          --reader NAME      this reader only; may be given several times
          --faults FOLDER    where inputs that fail are saved (fuzz-faults)
          --replay FILE      reads a saved input again with the one --reader
          --list             names of the readers
        """;

    /// <summary>Time for each reader.</summary>
    public double Seconds { get; init; } = 2;

    /// <summary>Inputs for each reader; null for as many as the time allows.</summary>
    public long? Iterations { get; init; }

    /// <summary>Seed of the mutations.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Names of the readers; empty for all.</summary>
    public IReadOnlyList<string> Readers { get; init; } = [];

    /// <summary>Folder for inputs that fail.</summary>
    public string Faults { get; init; } = "fuzz-faults";

    /// <summary>A saved input.</summary>
    public string? Replay { get; init; }

    /// <summary>Whether the readers' names are asked for.</summary>
    public bool Lists { get; init; }

    /// <summary>The folder of a worker; only the program itself says it.</summary>
    public string? WorkerFolder { get; init; }

    /// <summary>Reads the arguments.</summary>
    /// <exception cref="ArgumentException">One is not known, or has no value or a wrong one.</exception>
    public static FuzzOptions Parse(IReadOnlyList<string> arguments)
    {
        var options = new FuzzOptions();
        for (int i = 0; i < arguments.Count; i++)
        {
            string name = arguments[i];
            if (name == "--list")
            {
                options = options with { Lists = true };
                continue;
            }
            string value = ++i < arguments.Count ? arguments[i] : throw new ArgumentException($"{name} has no value");
            options = name switch
            {
                "--seconds" => options with { Seconds = Number(name, value) },
                "--iterations" => options with { Iterations = (long)Number(name, value) },
                "--seed" => options with { Seed = (int)Number(name, value) },
                "--reader" => options with { Readers = [.. options.Readers, ReaderCatalog.Named(value).Name] },
                "--faults" => options with { Faults = Path.GetFullPath(value) },
                "--replay" => options with { Replay = value },
                "--worker" => options with { WorkerFolder = value },
                _ => throw new ArgumentException($"{name} is not an option"),
            };
        }
        if (options.Replay is not null && options.Readers.Count != 1) throw new ArgumentException("--replay needs the one --reader that the input is for");
        return options;
    }

    private static double Number(string name, string value) =>
        double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && number is >= 0 and <= int.MaxValue ? number
            : throw new ArgumentException($"{name} is '{value}', expected a number from 0 to {int.MaxValue}");
}
