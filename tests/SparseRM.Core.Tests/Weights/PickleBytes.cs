using System.Buffers.Binary;
using System.Text;

namespace SparseRM.Core.Tests.Weights;

/// <summary>Assembles pickles of protocol 2, opcode by opcode, and torch files around them.</summary>
internal sealed class PickleBytes
{
    private readonly List<byte> _bytes = [0x80, 2];

    public PickleBytes Raw(params byte[] bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public PickleBytes Op(string opcodes) => Raw(Encoding.ASCII.GetBytes(opcodes));

    public PickleBytes Text(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text), length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        return Op("X").Raw(length).Raw(bytes);
    }

    public PickleBytes Int(long value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return Raw(0x8A, 8).Raw(bytes);
    }

    public PickleBytes Global(string module, string name) => Op($"c{module}\n{name}\n");

    public PickleBytes Tuple(params long[] values)
    {
        Op("(");
        foreach (long value in values) Int(value);
        return Op("t");
    }

    /// <summary>A key and a tensor, as torch.save writes them.</summary>
    public PickleBytes Tensor(string key, string storage, long count, long[] sizes, long[] strides, long offset = 0, string type = "FloatStorage")
        => Text(key).Global("torch._utils", "_rebuild_tensor_v2").Op("((").Text("storage").Global("torch", type).Text(storage).Text("cpu").Int(count).Op("tQ")
            .Int(offset).Tuple(sizes).Tuple(strides).Raw(0x89).Global("collections", "OrderedDict").Op(")RtR");

    public byte[] Stop() => [.. _bytes, (byte)'.'];

    public static byte[] File(byte[] pickle, params (string Name, byte[] Bytes)[] members)
        => ZipBytes.Of(false, [("ae/data.pkl", pickle), ("ae/version", "3\n"u8.ToArray()), .. members]);
}
