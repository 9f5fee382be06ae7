using System.Text;
using System.Text.Json.Nodes;
using SparseRM.Core.Tests.Models;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Weights;

/// <summary>A model in fp8 with a scale a block equals the same model with its numbers written out.</summary>
public sealed class Fp8WeightsTests : IDisposable
{
    private const string Quantised = """{"quant_method":"fp8","activation_scheme":"dynamic","fmt":"e4m3","weight_block_size":[48,40]}""";
    private static readonly string s_model = SharedData.Shipped("goldens", "models", "llama2");
    private readonly TemporaryFolder _fp8 = new(), _plain = new();

    public void Dispose()
    {
        _fp8.Dispose();
        _plain.Dispose();
    }

    [Theory]
    // bias 7: 2^(e - 7) (1 + f / 8); e = 0: f / 512; no infinity, greatest 448
    [InlineData(0x00, 0f)]
    [InlineData(0x01, 0.001953125f)]
    [InlineData(0x07, 0.013671875f)]
    [InlineData(0x08, 0.015625f)]
    [InlineData(0x38, 1f)]
    [InlineData(0x3C, 1.5f)]
    [InlineData(0xC5, -3.25f)]
    [InlineData(0x7E, 448f)]
    [InlineData(0xFE, -448f)]
    public void Every_byte_is_the_number_that_e4m3fn_says(byte bits, float expected) => Assert.Equal(expected, Value(bits));

    [Fact]
    public void A_matrix_is_its_numbers_times_the_scales_of_its_blocks()
    {
        Write();
        Assert.Equal(ModelState.Of(_plain.Path, 3, 20), ModelState.Of(_fp8.Path, 3, 20));
        Assert.NotEqual(ModelState.Of(s_model, 3, 20), ModelState.Of(_fp8.Path, 3, 20));
    }

    [Theory]
    [InlineData("null", false, false, "is fp8, but config.json has no quantization_config with weight_block_size")]
    [InlineData(Quantised, true, false, "its scales \"model.layers.0.self_attn.q_proj.weight_scale_inv\" are missing")]
    [InlineData("""{"quant_method":"fp8","weight_block_size":[16,16]}""", false, false, "has shape [2, 2], expected [4, 4]")]
    [InlineData(Quantised, false, true, "has NaN at element")]
    public void What_does_not_say_its_scale_is_refused(string config, bool withoutScales, bool withNaN, string said)
    {
        Write(config, withoutScales, withNaN);
        Assert.Contains(said, Assert.Throws<ModelFormatException>(() => ModelState.Of(_fp8.Path)).Message);
    }

    private void Write(string quantised = Quantised, bool withoutScales = false, bool withNaN = false)
    {
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(s_model, "config.json")))!.AsObject();
        File.WriteAllText(_plain.File("config.json"), config.ToJsonString());
        config["quantization_config"] = JsonNode.Parse(quantised);
        File.WriteAllText(_fp8.File("config.json"), config.ToJsonString());
        var random = new Random(7);
        var (header, data, plain) = (new StringBuilder("{"), new List<byte>(), new List<TensorToWrite>());
        foreach (var slice in SafetensorsFile.Open(Path.Combine(s_model, "model.safetensors")) is var file ? file.Names.Order().Select(name => file.Take(name)) : [])
        {
            float[] values = slice.ReadSingles();
            if (slice.Name.EndsWith("_proj.weight", StringComparison.Ordinal))
            {
                int rows = (int)slice.Shape[0], columns = (int)slice.Shape[1], across = (columns + 39) / 40, down = (rows + 47) / 48;
                float[] scales = [.. Enumerable.Range(0, across * down).Select(_ => 0.0003f + random.NextSingle() / 1000)];
                byte[] bytes = new byte[values.Length];
                random.NextBytes(bytes);
                for (int i = 0; i < bytes.Length; i++)
                {
                    if ((bytes[i] & 0x7F) == 0x7F) bytes[i] = 0;
                    values[i] = Value(bytes[i]) * scales[i / columns / 48 * across + i % columns / 40];
                }
                if (withNaN) bytes[5] = 0x7F;
                Add(slice.Name, "F8_E4M3", slice.Shape, bytes);
                if (!withoutScales) Add(slice.Name + "_scale_inv", "F32", [down, across], ZipBytes.Floats(scales));
            }
            else
            {
                Add(slice.Name, "F32", slice.Shape, ZipBytes.Floats(values));
            }
            plain.Add(TensorToWrite.Singles(slice.Name, values, [.. slice.Shape]));
        }
        File.WriteAllBytes(_fp8.File("model.safetensors"), SafetensorsBytes.Of(Encoding.UTF8.GetBytes(header.ToString().TrimEnd(',') + "}"), [.. data]));
        SafetensorsWriter.Write(_plain.File("model.safetensors"), plain);

        void Add(string name, string dtype, IReadOnlyList<long> shape, byte[] bytes)
        {
            header.Append($"\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":[{string.Join(',', shape)}],\"data_offsets\":[{data.Count},{data.Count + bytes.Length}]}},");
            data.AddRange(bytes);
        }
    }

    private static float Value(byte bits)
    {
        int exponent = (bits >> 3) & 15, fraction = bits & 7;
        double size = exponent == 0 ? fraction / 512.0 : Math.Pow(2, exponent - 7) * (1 + fraction / 8.0);
        return (float)(bits >= 0x80 ? -size : size);
    }
}
