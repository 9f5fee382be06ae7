namespace SparseRM.Errors;

/// <summary>A line or row of a data file (preference pairs, dialogues, ids) is not what its format asks for.</summary>
public sealed class DataFormatException : SparseRMException
{
    private readonly string _problem, _unit;

    /// <summary>The sentence is <c>{path}, {unit} {line}: {problem}</c>; <paramref name="line"/> counts from 1 and is 0 for the file as a whole.</summary>
    /// <remarks><paramref name="unit"/> is <c>row</c> where the file has no lines of its own (parquet, a JSON array).</remarks>
    public DataFormatException(string path, long line, string problem, string unit = "line")
        : base(line > 0 ? $"{path}, {unit} {line}: {problem}" : $"{path}: {problem}") => (Path, Line, _problem, _unit) = (path, line, problem, unit);

    /// <summary>The same sentence with what the user may do about it.</summary>
    public DataFormatException WithAdvice(string advice) => new(Path, Line, $"{_problem}; {advice}", _unit);

    /// <summary>What is wrong, without file and line.</summary>
    public string Problem => PlainText.Escape(_problem);

    /// <summary>The file at fault ("-" is standard input).</summary>
    public string Path { get; }

    /// <summary>Line or row, from 1; 0 when the file as a whole is at fault.</summary>
    public long Line { get; }
}
