using System.Text;
using SparseRM.Models;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Golden.Tests.Models;

/// <summary>fp8 weights on every backend: packed from a stream, the states are those of the same numbers written out in F32.</summary>
public sealed class WeightFormTests : IDisposable
{
    private static readonly string s_model = SharedData.Shipped("goldens", "models", "llama2");
    private readonly TemporaryFolder _fp8 = new(), _plain = new();

    public void Dispose()
    {
        _fp8.Dispose();
        _plain.Dispose();
    }

    [Theory, MemberData(nameof(GoldenBackends.Rows), MemberType = typeof(GoldenBackends))]
    public void Fp8_gives_the_bits_of_its_numbers(string backendName)
    {
        Write();
        using var backend = GoldenBackends.Open(backendName);
        Assert.Equal(States(backend, _plain.Path), States(backend, _fp8.Path));
    }

    private static float[] States(Backends.Backend backend, string folder)
    {
        using var model = TransformerModel.Open(backend, folder, 1, DType.F32);
        using var runner = new ResidualRunner(model);
        var states = runner.RunAllTokens(new[] { 1, 5, 9, 200, 31 }, 1);
        var values = new float[states.Rows * states.Columns];
        backend.Download(states, values);
        return values;
    }

    private void Write()
    {
        string config = File.ReadAllText(Path.Combine(s_model, "config.json"));
        File.WriteAllText(_plain.File("config.json"), config);
        File.WriteAllText(_fp8.File("config.json"), $"{config.TrimEnd()[..^1]}, \"quantization_config\": {{\"quant_method\": \"fp8\", \"weight_block_size\": [32, 48]}}}}");
        var (header, data, plain) = (new StringBuilder(), new List<byte>(), new List<TensorToWrite>());
        var file = SafetensorsFile.Open(Path.Combine(s_model, "model.safetensors"));
        foreach (var slice in file.Names.Order(StringComparer.Ordinal).Select(file.Take))
        {
            float[] values = slice.ReadSingles();
            if (slice.Name.EndsWith("_proj.weight", StringComparison.Ordinal))
            {
                int columns = (int)slice.Shape[1], across = (columns + 47) / 48, down = ((int)slice.Shape[0] + 31) / 32;
                float[] scales = [.. Enumerable.Range(1, across * down).Select(i => 0.01f / i)];
                // 1.0 to 1.875 and their negatives: the fraction and the sign of a byte, under the exponent of 1.
                byte[] bytes = [.. values.Select((value, i) => (byte)((value < 0 ? 0xB8 : 0x38) | i % 8))];
                for (int i = 0; i < bytes.Length; i++)
                    values[i] = (bytes[i] >= 0x80 ? -1 : 1) * (1 + i % 8 / 8f) * scales[i / columns / 32 * across + i % columns / 48];
                Add(slice.Name, "F8_E4M3", slice.Shape, bytes);
                Add(slice.Name + "_scale_inv", "F32", [down, across], Bytes(scales));
            }
            else
            {
                Add(slice.Name, "F32", slice.Shape, Bytes(values));
            }
            plain.Add(TensorToWrite.Singles(slice.Name, values, [.. slice.Shape]));
        }
        SafetensorsWriter.Write(_plain.File("model.safetensors"), plain);
        byte[] json = Encoding.UTF8.GetBytes($"{{{header.ToString().TrimEnd(',')}}}");
        File.WriteAllBytes(_fp8.File("model.safetensors"), [.. BitConverter.GetBytes((long)json.Length), .. json, .. data]);

        void Add(string name, string dtype, IReadOnlyList<long> shape, byte[] bytes)
        {
            header.Append($"\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":[{string.Join(',', shape)}],\"data_offsets\":[{data.Count},{data.Count + bytes.Length}]}},");
            data.AddRange(bytes);
        }
    }

    private static byte[] Bytes(float[] values) => [.. values.SelectMany(BitConverter.GetBytes)];
}
