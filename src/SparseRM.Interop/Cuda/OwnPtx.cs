using System.Text;
using System.Text.RegularExpressions;
using SparseRM.Errors;
using SparseRM.Json;
using SparseRM.Weights;

namespace SparseRM.Interop.Cuda;

/// <summary>A user's own kernel for products: PTX, and beside it a manifest of the same name that ends in <c>.json</c> (kernels/README.md).</summary>
internal sealed partial class OwnPtx
{
    /// <summary>The version of what a manifest says and an entry's parameters are.</summary>
    public const int Abi = 1;

    private const int MostThreads = 1024, MostShared = 227 << 10, MostBytes = 64 << 20;

    // x, x_stride, w, w_stride, bias, y, y_stride, rows, inputs, outputs.
    private static readonly int[] s_parameters = [8, 4, 8, 4, 8, 8, 4, 4, 4, 4];

    // The endings of the names of our own kernels: types of x, and of w where they are others.
    private static readonly string[] s_types = ["bf16", "f32", "f32_bf16"];

    private readonly string _target;
    private CudaVariant[]? _all;

    private OwnPtx(string path, string target, byte[] image, IReadOnlyDictionary<string, string> entries) =>
        (Path, _target, Image, Entries) = (path, target, image, entries);

    /// <summary>The one that <see cref="Load"/> found, or null.</summary>
    public static OwnPtx? Loaded { get; private set; }

    /// <summary>The PTX file.</summary>
    public string Path { get; }

    /// <summary>Its text with a zero at the end, as the driver takes it.</summary>
    public byte[] Image { get; }

    /// <summary>Names of entries by types of operands: <c>bf16</c>, <c>f32</c>, or <c>f32_bf16</c> for bf16 weights under f32.</summary>
    public IReadOnlyDictionary<string, string> Entries { get; }

    /// <summary>The variant of MatMul that it is.</summary>
    public CudaVariant Variant { get; private set; } = null!;

    /// <summary>Our variants of MatMul and this one.</summary>
    public CudaVariant[] Beside(CudaVariant[] ours) => _all ??= [.. ours, Variant];

    /// <summary>Whether a device of a compute capability can run it, as 10 major + minor: code for sm_90a on 9.0 alone, for sm_80 on all later ones.</summary>
    public bool RunsOn(int capability) => _target.EndsWith('a') ? capability == Capability : capability >= Capability;

    /// <summary>Why it does not run on a device.</summary>
    public string Refusal(string device, int capability) =>
        $"the kernel {Path} is for {_target}, {device} has compute capability {capability / 10}.{capability % 10}: compile it for sm_{capability}";

    private int Capability => int.Parse(_target["sm_".Length..].TrimEnd('a'), System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Reads a kernel and makes it the variant <see cref="OwnKernel.Variant"/> of MatMul of every device that is opened from now on; once.</summary>
    /// <exception cref="SparseRMException">A file is missing, the manifest lacks something, or the PTX has no such entries; says what.</exception>
    public static void Load(string path)
    {
        if (Loaded is not null) throw new InvalidOperationException("a process has one kernel of its user's own");
        byte[] text = InputFile.ReadAll(path, MostBytes);
        var manifest = JsonConfig.Open(System.IO.Path.ChangeExtension(path, ".json"));
        Expect(manifest, "abi", manifest.Int("abi"), Abi);
        Expect(manifest, "op", manifest.Text("op"), "matmul");
        string target = Need(manifest, "target", manifest.Text("target")) ?? "sm_80";
        if (!Target().IsMatch(target)) manifest.Refuse("target", $"must be such as sm_80 or sm_90a, found {target}");
        int threads = NeedSize("threads", MostThreads), tileRows = NeedSize("tile_rows", int.MaxValue), tileOutputs = NeedSize("tile_outputs", int.MaxValue);
        int shared = Need(manifest, "shared_bytes", manifest.Int("shared_bytes", 0, MostShared)) ?? 0;
        int sharedPerInput = Need(manifest, "shared_bytes_per_input", manifest.Int("shared_bytes_per_input", 0, MostShared)) ?? 0;
        var entries = ReadEntries(manifest);
        foreach (string unread in manifest.Unread) manifest.Refuse(unread, "is no field of a manifest");
        manifest.ThrowProblems();
        Check(path, Encoding.UTF8.GetString(text), target, entries.Values, threads);
        var own = new OwnPtx(path, target, [.. text, 0], entries);
        own.Variant = new CudaVariant(OwnKernel.Variant, path, threads)
        {
            TileRows = tileRows, TileColumns = tileOutputs, Own = own, IsProven = false, Fits = (types, _) => entries.ContainsKey(types),
            Shared = inputs => (int)Math.Min(MostShared, shared + (long)sharedPerInput * inputs),
        };
        Loaded = own;

        int NeedSize(string name, int most) => Need(manifest, name, manifest.Int(name, 1, most)) ?? 1;
    }

    private static T? Need<T>(JsonConfig manifest, string name, T? value)
    {
        if (!manifest.Has(name)) manifest.Refuse(name, "is missing");
        return value;
    }

    private static void Expect<T>(JsonConfig manifest, string name, T? found, T expected)
    {
        if (Need(manifest, name, found) is { } value && !value.Equals(expected)) manifest.Refuse(name, $"is {value}, this build takes {expected}");
    }

    private static Dictionary<string, string> ReadEntries(JsonConfig manifest)
    {
        var entries = new Dictionary<string, string>();
        if (Need(manifest, "entries", manifest.Section("entries")) is not { } section) return entries;
        foreach (string types in section.Names)
        {
            if (!s_types.Contains(types)) section.Refuse(types, $"is none of {string.Join(", ", s_types)}");
            else if (section.Text(types) is { } name) entries[types] = name;
        }
        section.MarkRead(section.Names);
        if (entries.Count == 0) manifest.Refuse("entries", "names no entry");
        return entries;
    }

    private static void Check(string path, string ptx, string target, IEnumerable<string> entries, int threads)
    {
        var targets = TargetOfPtx().Match(ptx);
        if (!targets.Success || !ptx.Contains(".version ", StringComparison.Ordinal)) throw Wrong("is no PTX: it has no .version or no .target");
        if (targets.Groups[1].Value != target) throw Wrong($"is for {targets.Groups[1].Value}, its manifest says {target}");
        var all = Entry().Matches(ptx);
        foreach (string name in entries)
        {
            var entry = all.FirstOrDefault(one => one.Groups["name"].Value == name)
                ?? throw Wrong($"has no entry {name}; it has {(all.Count == 0 ? "none" : string.Join(", ", all.Select(one => one.Groups["name"].Value)))}");
            int[] sizes = [.. Parameter().Matches(entry.Groups["parameters"].Value).Select(one => int.Parse(one.Groups[1].Value) / 8)];
            if (!sizes.SequenceEqual(s_parameters))
                throw Wrong($"has an entry {name} with parameters of {string.Join(", ", sizes)} bytes; a product is launched with {string.Join(", ", s_parameters)}");
            if (entry.Groups["most"] is { Success: true } most && int.Parse(most.Value) < threads)
                throw Wrong($"has an entry {name} for at most {most.Value} threads, its manifest says {threads}");
        }

        BackendException Wrong(string problem) => new("cuda", $"the kernel {path} {problem}");
    }

    [GeneratedRegex("^sm_[1-9][0-9]{1,2}a?$")]
    private static partial Regex Target();

    [GeneratedRegex(@"^\s*\.target\s+(sm_[0-9]+[a-z]?)", RegexOptions.Multiline)]
    private static partial Regex TargetOfPtx();

    [GeneratedRegex(@"\.entry\s+(?<name>[\w$]+)\s*\((?<parameters>[^)]*)\)\s*(?:\.maxntid\s+(?<most>[0-9]+))?")]
    private static partial Regex Entry();

    [GeneratedRegex(@"\.param\s+\.[a-z]+([0-9]+)")]
    private static partial Regex Parameter();
}
