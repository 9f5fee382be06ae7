using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Unicode;
using ParquetSharp;
using ParquetSharp.Schema;

namespace SparseRM.Data.Containers;

/// <summary>How the values of one parquet column are written as JSON.</summary>
internal static class ParquetLeaf
{
    /// <summary>What stands for bytes that are no text: a JSON string that no reader takes.</summary>
    public const string NotText = "\"\\ud800\\ud800\"";

    /// <summary>True for texts, bytes, booleans and numbers; dates, times, intervals and ids in binary are left out.</summary>
    public static bool IsReadable(PrimitiveNode leaf)
    {
        using LogicalType type = leaf.LogicalType;
        return leaf.PhysicalType switch
        {
            PhysicalType.Boolean or PhysicalType.Float or PhysicalType.Double => true,
            PhysicalType.Int32 or PhysicalType.Int64 => type.Type is LogicalTypeEnum.None or LogicalTypeEnum.Int or LogicalTypeEnum.Decimal,
            PhysicalType.ByteArray => type.Type is LogicalTypeEnum.None or LogicalTypeEnum.String or LogicalTypeEnum.Enum
                or LogicalTypeEnum.Json or LogicalTypeEnum.Decimal,
            PhysicalType.FixedLenByteArray => type.Type is LogicalTypeEnum.None or LogicalTypeEnum.Decimal or LogicalTypeEnum.Float16,
            _ => false,
        };
    }

    /// <summary>Writes a whole number; unsigned ones lie in the file as signed ones of the same width.</summary>
    public static void Write(Utf8JsonWriter json, long value, LogicalType type, bool is32)
    {
        if (type is DecimalLogicalType scaled) Decimal(json, value, scaled.Scale);
        else if (type is IntLogicalType { IsSigned: false }) json.WriteNumberValue(is32 ? (uint)value : (ulong)value);
        else json.WriteNumberValue(value);
    }

    /// <summary>Writes a number with a fraction; NaN and infinity, which JSON has not, as null (pandas' missing number is NaN).</summary>
    public static void Write(Utf8JsonWriter json, double value)
    {
        if (double.IsFinite(value)) json.WriteNumberValue(value);
        else json.WriteNullValue();
    }

    /// <summary>Writes bytes: a decimal as a number, all else as text.</summary>
    public static void Write(Utf8JsonWriter json, byte[] bytes, LogicalType type)
    {
        if (type is DecimalLogicalType scaled) Decimal(json, new BigInteger(bytes, isBigEndian: true), scaled.Scale);
        else if (type.Type == LogicalTypeEnum.Float16) Write(json, (double)BinaryPrimitives.ReadHalfLittleEndian(bytes));
        else if (Utf8.IsValid(bytes)) json.WriteStringValue(bytes);
        // Kept as what every reader of a text refuses, so that only rows that use the value are bad.
        else json.WriteRawValue(NotText, skipInputValidation: true);
    }

    /// <summary>Copies what the library points at; good only until its next batch.</summary>
    /// <exception cref="InvalidDataException">The value is longer than a row may be.</exception>
    public static byte[] Copy(nint pointer, int length)
    {
        if (length is < 0 or > Limits.LineBytes) throw new InvalidDataException("a value is longer than 64 MiB");
        var bytes = new byte[length];
        if (length > 0) Marshal.Copy(pointer, bytes, 0, length);
        return bytes;
    }

    private static void Decimal(Utf8JsonWriter json, BigInteger unscaled, int scale)
    {
        string digits = BigInteger.Abs(unscaled).ToString(CultureInfo.InvariantCulture).PadLeft(scale + 1, '0');
        string sign = unscaled.Sign < 0 ? "-" : "";
        json.WriteRawValue(scale == 0 ? sign + digits : $"{sign}{digits[..^scale]}.{digits[^scale..]}");
    }
}
