using System.IO.Compression;
using System.Text;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Weights;

/// <summary>Writes NumPy .npz files of float32 arrays, stored and not deflated, as numpy.savez does: the same content gives the same bytes.</summary>
public static class NpzWriter
{
    // The earliest time that a zip can say: the true one would make every file another.
    private static readonly DateTimeOffset s_time = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Writes to a temporary name in the same folder, then renames.</summary>
    /// <param name="path">The file to make or replace.</param>
    /// <param name="arrays">F32, in the order in which they are written; names must differ.</param>
    /// <exception cref="SparseRMException">The file cannot be written; nothing is left behind.</exception>
    /// <exception cref="ArgumentException">An array is not F32, or two have one name.</exception>
    public static void Write(string path, IReadOnlyList<TensorToWrite> arrays)
    {
        if (arrays.Any(array => array.DType != DType.F32)) throw new ArgumentException("only F32 is written", nameof(arrays));
        if (arrays.DistinctBy(array => array.Name).Count() != arrays.Count) throw new ArgumentException("names must differ", nameof(arrays));
        AtomicFile.Write(path, stream =>
        {
            using var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
            foreach (var array in arrays)
            {
                var entry = zip.CreateEntry(array.Name + ".npy", CompressionLevel.NoCompression);
                entry.LastWriteTime = s_time;
                using var member = entry.Open();
                member.Write(Header(array.Shape));
                array.WriteTo(member);
            }
        });
    }

    /// <summary>Version 1.0: magic, length, a dict, blanks up to a multiple of 64 bytes. Source: NumPy <c>lib/format.py</c>.</summary>
    private static byte[] Header(IReadOnlyList<long> shape)
    {
        const int Before = 10, Unit = 64;
        string sizes = shape.Count == 1 ? $"{shape[0]}," : string.Join(", ", shape);
        string text = $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({sizes}), }}";
        int length = ((Before + text.Length + 1 + Unit - 1) / Unit * Unit) - Before;
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)length, (byte)(length >> 8), .. Encoding.ASCII.GetBytes(text.PadRight(length - 1) + "\n")];
    }
}
