using System.Text;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Weights;

/// <summary>A torch <c>.pt</c> or <c>.pth</c> file (the zip form): tensors of a state dict, read without executing anything.</summary>
/// <remarks>Nested dicts get dotted names. Storages are raw in the file, so tensors can be mapped. Not thread-safe. Source: torch <c>serialization.py</c>.</remarks>
public sealed class TorchFile : IWeightSource
{
    private const int MaxPickle = 16 << 20, MaxDepth = 8, MaxNames = 100_000, MaxNameLength = 1000, MaxCharacters = 16 << 20;

    private readonly Dictionary<string, PickleTensor> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, double> _numbers = new(StringComparer.Ordinal);
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ZipMember> _members;
    private readonly string _stem;
    private readonly FileVersion _version;
    private long _characters;

    private TorchFile(string path, Dictionary<string, ZipMember> members, string stem, FileVersion version) =>
        (Path, _members, _stem, _version) = (path, members, stem, version);

    /// <inheritdoc/>
    public string Path { get; }

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => _tensors.Keys;

    /// <inheritdoc/>
    public IEnumerable<string> Untaken => _tensors.Keys.Where(name => !_taken.Contains(name));

    /// <summary>Plain numbers that lie beside the tensors, under their dotted names.</summary>
    public IReadOnlyDictionary<string, double> Numbers => _numbers;

    /// <summary>Reads the zip directory and the pickle.</summary>
    /// <exception cref="ModelFormatException">The old form without zip, a name or opcode that tensors do not need, or a malformed file.</exception>
    public static TorchFile Open(string path)
    {
        var version = FileVersion.Of(path);
        RefuseOldForm(path);
        var members = ZipDirectory.Read(path).ToDictionary(member => member.Name, StringComparer.Ordinal);
        var pickles = members.Keys.Where(name => name.EndsWith("/data.pkl", StringComparison.Ordinal)).ToArray();
        if (pickles.Length != 1) throw new ModelFormatException(path, $"is not a torch file: it has {pickles.Length} data.pkl members, expected 1");
        string stem = pickles[0][..^"data.pkl".Length];
        var file = new TorchFile(path, members, stem, version);
        if (members.ContainsKey(stem + "constants.pkl")) throw new ModelFormatException(path, "is a TorchScript program; save its state_dict with torch.save");
        if (members.TryGetValue(stem + "byteorder", out var order) && Encoding.ASCII.GetString(file.ReadMember(order)) is var text and not "little")
            throw new ModelFormatException(path, $"has byteorder \"{text}\"; only little-endian files are read");
        if (TensorPickle.Read(path, file.ReadMember(members[pickles[0]])) is not PickleDict root)
            throw new ModelFormatException(path, "does not hold a dict of tensors; save a state_dict with torch.save");
        file.Flatten(root, prefix: "", depth: 0);
        return file;
    }

    /// <inheritdoc/>
    /// <exception cref="ModelFormatException">No such tensor, one outside its storage, or a view that is not contiguous.</exception>
    public WeightSlice Take(string name)
    {
        var matrix = TakeMatrix(name);
        return !matrix.IsTransposed ? matrix.Slice : throw NotContiguous(name);
    }

    /// <inheritdoc/>
    public WeightMatrix TakeMatrix(string name)
    {
        if (!_tensors.TryGetValue(name, out var tensor)) throw new ModelFormatException(Path, $"has no tensor \"{name}\"");
        _taken.Add(name);
        var dtype = TypeOf(name, tensor.Storage.TypeName);
        long start = StorageStart(name, tensor, dtype) + tensor.Offset * dtype.ByteSize();
        if (IsContiguous(tensor.Sizes, tensor.Strides)) return new(new WeightSlice(Path, name, dtype, tensor.Sizes, start, _version), IsTransposed: false);
        long[] sizes = [.. tensor.Sizes.Reverse()], strides = [.. tensor.Strides.Reverse()];
        if (sizes.Length != 2 || !IsContiguous(sizes, strides)) throw NotContiguous(name);
        return new(new WeightSlice(Path, name, dtype, sizes, start, _version), IsTransposed: true);
    }

    /// <summary>First byte of the storage, after checking that the whole tensor lies inside it.</summary>
    private long StorageStart(string name, PickleTensor tensor, DType dtype)
    {
        string member = $"{_stem}data/{tensor.Storage.Key}";
        if (!_members.TryGetValue(member, out var storage)) throw new ModelFormatException(Path, $"tensor \"{name}\" needs member \"{member}\", which the file lacks");
        if (storage.Deflated) throw new ModelFormatException(Path, $"member \"{member}\" is compressed; save the file again with torch.save");
        Int128 last = tensor.Offset, count = 1;
        bool valid = tensor.Offset >= 0 && tensor.Sizes.Length == tensor.Strides.Length && tensor.Sizes.Length <= 8;
        for (int i = 0; valid && i < tensor.Sizes.Length; i++)
        {
            valid = tensor.Sizes[i] >= 0 && tensor.Strides[i] >= 0;
            count *= tensor.Sizes[i];
            last += (Int128)Math.Max(0, tensor.Sizes[i] - 1) * tensor.Strides[i];
            valid &= count <= tensor.Storage.Count && last < long.MaxValue;
        }
        bool fits = storage.Size == (Int128)tensor.Storage.Count * dtype.ByteSize() && (count == 0 ? tensor.Offset <= tensor.Storage.Count : last < tensor.Storage.Count);
        return valid && fits ? storage.DataOffset
            : throw new ModelFormatException(Path, $"tensor \"{name}\" of shape [{string.Join(", ", tensor.Sizes)}] does not fit its storage of {storage.Size} bytes; copy or download it again");
    }

    /// <summary>C order; the stride of a dimension of one element says nothing.</summary>
    private static bool IsContiguous(long[] sizes, long[] strides)
    {
        long expected = 1;
        for (int i = sizes.Length - 1; i >= 0; i--)
        {
            if (sizes[i] > 1 && strides[i] != expected) return false;
            expected *= Math.Max(1, sizes[i]);
        }
        return true;
    }

    private void Flatten(PickleDict dict, string prefix, int depth)
    {
        if (depth > MaxDepth) throw new ModelFormatException(Path, $"has dicts nested more than {MaxDepth} deep");
        foreach (var (key, value) in dict.Items)
        {
            if (key is not string name) throw new ModelFormatException(Path, $"has a dict key under \"{prefix}\" that is not a string");
            if (_tensors.Count + _numbers.Count >= MaxNames) throw new ModelFormatException(Path, $"has more than {MaxNames} entries");
            // A dict may be referred to any number of times, so that names multiply without a byte of the file behind them.
            if (prefix.Length + name.Length > MaxNameLength || (_characters += prefix.Length + name.Length) > MaxCharacters)
                throw new ModelFormatException(Path, $"has names of more than {MaxNameLength} characters, or of {MaxCharacters} together; no state_dict has them");
            string full = prefix + name;
            bool added = value switch
            {
                PickleTensor tensor => _tensors.TryAdd(full, tensor),
                long or double => _numbers.TryAdd(full, Convert.ToDouble(value, System.Globalization.CultureInfo.InvariantCulture)),
                PickleDict nested => FlattenNested(nested, full, depth),
                _ => throw new ModelFormatException(Path, $"entry \"{full}\" is neither a tensor, a number nor a dict; save a plain state_dict"),
            };
            if (!added) throw new ModelFormatException(Path, $"has entry \"{full}\" twice");
        }
    }

    private bool FlattenNested(PickleDict dict, string name, int depth)
    {
        if (dict.Items.Count == 0) throw new ModelFormatException(Path, $"entry \"{name}\" is an empty dict");
        Flatten(dict, name + ".", depth + 1);
        return true;
    }

    private byte[] ReadMember(ZipMember member)
    {
        if (member.Size > MaxPickle) throw new ModelFormatException(Path, $"member \"{member.Name}\" has {member.Size} bytes; at most {MaxPickle} are read");
        using Stream stream = member.Deflated ? new InflatedStream(Path, member) : new FileSliceStream(Path, member.DataOffset, member.Size);
        var bytes = new byte[member.Size];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private DType TypeOf(string name, string storage) => storage switch
    {
        "torch.FloatStorage" => DType.F32,
        "torch.BFloat16Storage" => DType.BF16,
        "torch.HalfStorage" => DType.F16,
        "torch.DoubleStorage" => DType.F64,
        "torch.LongStorage" => DType.I64,
        "torch.IntStorage" => DType.I32,
        "torch.ShortStorage" => DType.I16,
        "torch.CharStorage" => DType.I8,
        "torch.ByteStorage" => DType.U8,
        "torch.BoolStorage" => DType.Bool,
        _ => throw new ModelFormatException(Path, $"tensor \"{name}\" has a {storage}, which does not say its element type"),
    };

    private ModelFormatException NotContiguous(string name)
        => new(Path, $"tensor \"{name}\" is a view that is not contiguous; save it again with .contiguous()");

    private static void RefuseOldForm(string path)
    {
        using var file = InputFile.Open(path);
        var start = new byte[Math.Min(2, RandomAccess.GetLength(file))];
        InputFile.ReadAt(path, file, start, 0);
        if (!start.AsSpan().SequenceEqual("PK"u8))
        {
            throw new ModelFormatException(path, start.Length == 2 && start[0] == 0x80
                ? "is a torch file of the form before zip (or a bare pickle), which is not read; load it where you trust it and torch.save it again, or convert it to safetensors"
                : "is not a torch file (a zip); copy or download it again");
        }
    }
}
