using System.CommandLine;
using System.CommandLine.Parsing;
using SparseRM.Backends;

namespace SparseRM.Cli.Terminal;

/// <summary><c>--variant op=name</c>: which kernel computes an op.</summary>
internal static class VariantChoice
{
    private const string Name = "--variant";

    public static Option<KeyValuePair<OpKind, string>[]> Option { get; } = new(Name)
    {
        Description = "the variant that computes an op, as `sparserm kernels` lists them; may be given for several ops (default: the fastest)",
        HelpName = "OP=NAME",
        AllowMultipleArgumentsPerToken = false,
        CustomParser = result =>
        {
            var choices = new Dictionary<OpKind, string>();
            foreach (var token in result.Tokens)
            {
                if (Problem(token.Value, choices) is not { } problem) continue;
                result.AddError($"{Name}: {problem}");
                break;
            }
            return [.. choices];
        },
    };

    /// <summary>What the user chose, in a form that opens a backend.</summary>
    /// <exception cref="UsageException">The backend has no such variant, or for comparison only, or this machine cannot run it.</exception>
    public static IReadOnlyDictionary<OpKind, string> Variants(this ParseResult args) => Choices(args, toCompare: false);

    /// <summary>As <see cref="Variants"/>, where kernels are compared and no score is computed.</summary>
    public static IReadOnlyDictionary<OpKind, string> VariantsToCompare(this ParseResult args) => Choices(args, toCompare: true);

    private static Dictionary<OpKind, string> Choices(ParseResult args, bool toCompare)
    {
        var choices = new Dictionary<OpKind, string>(args.GetValue(Option) ?? []);
        if (choices.Count == 0) return choices;
        using var backend = BackendCatalog.Open(args.GetValue(CommonOptions.Backend) ?? "auto", threads: 1);
        foreach (var (op, name) in choices) Require(backend, op, name, toCompare, Name);
        return choices;
    }

    /// <summary>Sees that a backend has a variant and can run it here.</summary>
    /// <param name="backend">The backend.</param>
    /// <param name="op">The op.</param>
    /// <param name="name">The variant.</param>
    /// <param name="toCompare">Whether one for comparison only will do.</param>
    /// <param name="option">Where it was given.</param>
    /// <exception cref="UsageException">It has not, or cannot.</exception>
    public static void Require(Backend backend, OpKind op, string name, bool toCompare, string option)
    {
        var variants = backend.Variants(op);
        var usable = variants.Where(variant => variant.Supported && (variant.BatchInvariant || toCompare)).Select(variant => variant.Name).ToArray();
        if (usable.Contains(name)) return;
        string choice = $"{op.Name()}={name}";
        string problem = variants.FirstOrDefault(variant => variant.Name == name) switch
        {
            { Name: null } => $"the backend {backend.Name} has no {choice}",
            { BatchInvariant: false } when !toCompare => $"{choice} of the backend {backend.Name} {BackendCatalog.ForComparison}",
            _ => $"the backend {backend.Name} cannot run {choice} on this machine",
        };
        throw new UsageException($"{option}: {problem}; it can run {string.Join(", ", usable)}");
    }

    private static string? Problem(string token, Dictionary<OpKind, string> choices)
    {
        if (token.Split('=') is not [var op, { Length: > 0 } name]) return $"'{token}' is not of the form op=name, such as matmul=avx2";
        if (OpNames.Parse(op) is not { } kind) return $"there is no op '{op}'; there are {string.Join(", ", OpNames.All)}";
        return choices.TryAdd(kind, name) ? null : $"{op} is given twice";
    }
}
