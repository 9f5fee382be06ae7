using System.Buffers.Binary;
using System.Text;
using SparseRM.Errors;

namespace SparseRM.Weights;

/// <summary>Reads the pickle of a torch file without executing anything: it knows the opcodes and the few names that tensors need, and refuses all else by name.</summary>
/// <remarks>Opcodes: Python <c>pickletools</c>. Names: torch <c>_utils.py</c> and the storages of <c>torch/__init__.py</c>.</remarks>
internal sealed class TensorPickle
{
    private const string RebuildTensor = "torch._utils._rebuild_tensor_v2";
    private const string RebuildParameter = "torch._utils._rebuild_parameter";
    private const string OrderedDict = "collections.OrderedDict";

    private static readonly HashSet<string> s_globals =
    [
        RebuildTensor, RebuildParameter, OrderedDict, "torch.storage.UntypedStorage",
        .. new[] { "Float", "Half", "BFloat16", "Double", "Long", "Int", "Short", "Char", "Byte", "Bool" }.Select(type => $"torch.{type}Storage"),
    ];

    private static readonly object s_mark = new();

    private readonly string _path;
    private readonly byte[] _bytes;
    private readonly List<object?> _stack = [];
    private readonly Dictionary<uint, object?> _memo = [];
    private int _at;

    private TensorPickle(string path, byte[] bytes) => (_path, _bytes) = (path, bytes);

    /// <summary>The pickled object.</summary>
    /// <exception cref="ModelFormatException">A name or an opcode that tensors do not need, or a malformed pickle.</exception>
    public static object? Read(string path, byte[] bytes) => new TensorPickle(path, bytes).Run();

    private object? Run()
    {
        while (true)
        {
            int start = _at;
            byte opcode = Take(1)[0];
            switch (opcode)
            {
                case 0x80: Protocol(); break;
                case 0x95: Take(8); break;                                                        // FRAME
                case (byte)'.': return Pop();                                                     // STOP
                case (byte)'(': _stack.Add(s_mark); break;
                case (byte)'}': _stack.Add(new PickleDict()); break;
                case (byte)']': _stack.Add(new List<object?>()); break;
                case (byte)')': _stack.Add(new PickleTuple([])); break;
                case (byte)'t': _stack.Add(new PickleTuple(PopToMark())); break;
                case 0x85 or 0x86 or 0x87: _stack.Add(new PickleTuple(PopMany(opcode - 0x84))); break; // TUPLE1..3
                case (byte)'N': _stack.Add(null); break;
                case 0x88 or 0x89: _stack.Add(opcode == 0x88); break;                             // NEWTRUE, NEWFALSE
                case (byte)'K': _stack.Add((long)Take(1)[0]); break;                              // BININT1
                case (byte)'M': _stack.Add((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;
                case (byte)'J': _stack.Add((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break;
                case 0x8A: _stack.Add(Long1()); break;
                case (byte)'G': _stack.Add(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break; // BINFLOAT
                case (byte)'X': _stack.Add(Text(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
                case 0x8C: _stack.Add(Text(Take(1)[0])); break;                                   // SHORT_BINUNICODE
                case (byte)'q': _memo[Take(1)[0]] = Top(); break;                                 // BINPUT
                case (byte)'r': _memo[BinaryPrimitives.ReadUInt32LittleEndian(Take(4))] = Top(); break;
                case 0x94: _memo[(uint)_memo.Count] = Top(); break;                               // MEMOIZE
                case (byte)'h': _stack.Add(Recall(Take(1)[0])); break;                            // BINGET
                case (byte)'j': _stack.Add(Recall(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
                case (byte)'c': _stack.Add(Global(Line(), Line())); break;
                case 0x93: (object? name, object? module) = (Pop(), Pop()); _stack.Add(Global(As<string>(module), As<string>(name))); break;
                case (byte)'Q': _stack.Add(Storage(As<PickleTuple>(Pop()))); break;               // BINPERSID
                case (byte)'R': (object? arguments, object? callable) = (Pop(), Pop()); _stack.Add(Reduce(As<PickleGlobal>(callable), As<PickleTuple>(arguments))); break;
                case (byte)'b': Build(); break;
                case (byte)'a': (object? item, object? list) = (Pop(), Top()); As<List<object?>>(list).Add(item); break;
                case (byte)'e': object?[] items = PopToMark(); As<List<object?>>(Top()).AddRange(items); break;
                case (byte)'s': Set(PopMany(2)); break;
                case (byte)'u': Set(PopToMark()); break;
                default: throw Bad($"uses pickle opcode 0x{opcode:X2} at byte {start}, which tensors do not need; save it again as a plain dict of tensors");
            }
        }
    }

    private void Protocol()
    {
        byte version = Take(1)[0];
        if (version is < 2 or > 5) throw Bad($"has pickle protocol {version}; 2 to 5 are known");
    }

    private PickleGlobal Global(string module, string name)
    {
        string full = $"{module}.{name}";
        return s_globals.Contains(full) ? new PickleGlobal(full)
            : throw Bad($"its pickle asks for \"{full}\"; nothing is ever executed, and only tensors are read: convert the file to safetensors if you trust it");
    }

    private PickleStorage Storage(PickleTuple id)
    {
        if (id.Items is not ["storage", PickleGlobal type, string key, string, long count] || !type.Name.EndsWith("Storage", StringComparison.Ordinal) || count < 0)
            throw Bad("its pickle refers to a storage in a form that is not torch's");
        return new PickleStorage(type.Name, key, count);
    }

    private object Reduce(PickleGlobal callable, PickleTuple arguments)
    {
        switch (callable.Name)
        {
            case OrderedDict when arguments.Items.Length == 0:
                return new PickleDict();
            case RebuildTensor when arguments.Items is [PickleStorage storage, long offset, PickleTuple sizes, PickleTuple strides, ..]:
                return new PickleTensor(storage, offset, Integers(sizes), Integers(strides));
            case RebuildParameter when arguments.Items is [PickleTensor tensor, ..]:
                return tensor;
            default:
                throw Bad($"its pickle gives \"{callable.Name}\" arguments of another form than torch does");
        }
    }

    /// <summary>torch sets <c>_metadata</c> (module versions) on a state dict; it says nothing about the tensors.</summary>
    private void Build()
    {
        object? state = Pop();
        if (Top() is not PickleDict || state is not PickleDict { Items: [("_metadata", _)] })
            throw Bad("its pickle sets the state of an object; save it again as a plain dict of tensors");
    }

    private void Set(object?[] pairs)
    {
        if (pairs.Length % 2 != 0) throw Malformed();
        var dict = As<PickleDict>(Top());
        for (int i = 0; i < pairs.Length; i += 2) dict.Items.Add((pairs[i], pairs[i + 1]));
    }

    private long[] Integers(PickleTuple tuple) => Array.ConvertAll(tuple.Items, item => item is long value ? value : throw Malformed());

    private long Long1()
    {
        var bytes = Take(Take(1)[0]);
        if (bytes.Length > 8) throw Bad("its pickle has an integer of more than 64 bits");
        long value = bytes.Length > 0 && bytes[^1] >= 0x80 ? -1 : 0;
        for (int i = bytes.Length - 1; i >= 0; i--) value = (value << 8) | bytes[i];
        return value;
    }

    private string Text(uint length) => Encoding.UTF8.GetString(Take(length));

    private string Line()
    {
        int length = _bytes.AsSpan(_at).IndexOf((byte)'\n');
        if (length < 0) throw Malformed();
        string line = Encoding.UTF8.GetString(Take((uint)length));
        _at++;
        return line;
    }

    private ReadOnlySpan<byte> Take(uint count)
    {
        if (count > (uint)(_bytes.Length - _at)) throw Malformed();
        var taken = _bytes.AsSpan(_at, (int)count);
        _at += (int)count;
        return taken;
    }

    private object? Top() => _stack.Count > 0 && !ReferenceEquals(_stack[^1], s_mark) ? _stack[^1] : throw Malformed();

    private object? Pop()
    {
        object? top = Top();
        _stack.RemoveAt(_stack.Count - 1);
        return top;
    }

    private object?[] PopMany(int count)
    {
        var items = new object?[count];
        for (int i = count - 1; i >= 0; i--) items[i] = Pop();
        return items;
    }

    private object?[] PopToMark()
    {
        int mark = _stack.LastIndexOf(s_mark);
        if (mark < 0) throw Malformed();
        object?[] items = [.. _stack.Skip(mark + 1)];
        _stack.RemoveRange(mark, _stack.Count - mark);
        return items;
    }

    private object? Recall(uint index) => _memo.TryGetValue(index, out object? value) ? value : throw Malformed();

    private T As<T>(object? value) where T : class => value as T ?? throw Malformed();

    private ModelFormatException Malformed() => Bad($"its pickle is malformed near byte {_at}; copy or download it again");

    private ModelFormatException Bad(string problem) => new(_path, problem);
}
