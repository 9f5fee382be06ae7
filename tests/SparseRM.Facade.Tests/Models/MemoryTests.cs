using System.Globalization;
using SparseRM.Interop;
using SparseRM.Models;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Facade.Tests.Models;

/// <summary>Alone in the process: what is resident is counted of all of it.</summary>
[CollectionDefinition(nameof(MemoryTests), DisableParallelization = true)]
public sealed class MemoryTestsCollection;

/// <summary>What a model keeps in memory: the packed matrices of the blocks it uses, and nothing of its file.</summary>
[Collection(nameof(MemoryTests))]
public sealed class MemoryTests
{
    private const int DModel = 512, DMlp = 2048, Vocabulary = 1024, Blocks = 3;
    private const long Megabyte = 1 << 20;

    /// <summary>Pages that appear beside the weights whatever is opened: code that runs for the first time, stacks, the managed heap.</summary>
    private const long Margin = 20 * Megabyte;

    [Fact]
    public void Opening_keeps_the_packed_weights_and_no_page_of_the_file()
    {
        using var folder = new TemporaryFolder();
        Write(folder);
        Assert.True(new FileInfo(folder.File("model.safetensors")).Length > 2 * Margin);
        OpenAndRead(folder.Path, 0);  // what a first run loads
        // What goes meanwhile of tests before this one is no part of it: a growth that is too small is measured again.
        for (int tries = 3; ; tries--)
        {
            Settle();
            long anonymous = Resident("RssAnon"), mapped = Mapped();
            using var backend = NativeBackend.Open(2);
            using var model = TransformerModel.Open(backend, folder.Path, Blocks - 1);
            long grown = Resident("RssAnon") - anonymous;
            if (grown < model.ResidentBytes / 2 && tries > 1) continue;
            Assert.InRange(grown, model.ResidentBytes / 2, model.ResidentBytes + Margin);
            Assert.InRange(Mapped() - mapped, long.MinValue, Margin);
            return;
        }
    }

    [Fact]
    public void A_run_that_touches_a_whole_embedding_keeps_little_of_it()
    {
        const int Length = 4096, Rows = 10_240, Batch = 512;
        using var folder = new TemporaryFolder();
        using (var file = File.Create(folder.File("table"))) file.SetLength((long)Rows * Length * sizeof(float));
        using var backend = NativeBackend.Open(2);
        using var table = backend.OpenEmbedding(new WeightSlice(folder.File("table"), "table", DType.F32, [Rows, Length], 0));
        using var buffer = backend.Allocate((long)Batch * Length);
        long mapped = Mapped();
        for (int first = 0; first < Rows; first += Batch)
            backend.Embed(table, [.. Enumerable.Range(first, Batch)], 1, new Tensor(buffer, 0, Batch, Length, Length));
        Assert.InRange(Mapped() - mapped, long.MinValue, 64 * Megabyte + Margin);
    }

    private static void OpenAndRead(string folder, int layer)
    {
        using var backbone = Backbone.Open(new BackboneOptions { Model = folder, IdsOnly = true }, layer);
        backbone.ReadStates([backbone.Encoder.EncodeIds(Enumerable.Range(0, 512).ToArray()).ReadAt(ReadOutPosition.Last)], layer);
    }

    /// <summary>A Llama with 50 MB of blocks.</summary>
    private static void Write(TemporaryFolder folder)
    {
        File.WriteAllText(folder.File("config.json"), $$"""
            {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": {{DModel}}, "intermediate_size": {{DMlp}},
             "vocab_size": {{Vocabulary}}, "num_hidden_layers": {{Blocks}}, "num_attention_heads": 8, "num_key_value_heads": 8,
             "max_position_embeddings": 512, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": true}
            """);
        var tensors = new List<TensorToWrite> { Tensor("model.embed_tokens.weight", Vocabulary, DModel), Tensor("model.norm.weight", DModel) };
        for (int block = 0; block < Blocks; block++)
        {
            string name = $"model.layers.{block}.";
            tensors.Add(Tensor(name + "input_layernorm.weight", DModel));
            tensors.Add(Tensor(name + "post_attention_layernorm.weight", DModel));
            foreach (string part in new[] { "q", "k", "v", "o" }) tensors.Add(Tensor($"{name}self_attn.{part}_proj.weight", DModel, DModel));
            tensors.Add(Tensor(name + "mlp.gate_proj.weight", DMlp, DModel));
            tensors.Add(Tensor(name + "mlp.up_proj.weight", DMlp, DModel));
            tensors.Add(Tensor(name + "mlp.down_proj.weight", DModel, DMlp));
        }
        SafetensorsWriter.Write(folder.File("model.safetensors"), [.. tensors]);
    }

    // Row by row: the writer's own garbage would be counted.
    private static TensorToWrite Tensor(string name, params ReadOnlySpan<long> shape) => shape.Length == 1
        ? TensorToWrite.Singles(name, Enumerable.Repeat(0.01f, (int)shape[0]).ToArray(), shape)
        : TensorToWrite.Rows(name, shape[0], (int)shape[1], (_, row) => row.Fill(0.01f));

    // Of a file on a disk, or of one in memory.
    private static long Mapped() => Resident("RssFile") + Resident("RssShmem");

    /// <summary>Waits for what tests before this one left to be given back: its going would be counted against what comes.</summary>
    private static void Settle()
    {
        // What the C library and the collector keep of freed memory would serve what comes, which then counts as nothing; and what the collector gives
        // back while a model opens would count against it.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        _ = malloc_trim(0);
        for (long before = long.MaxValue, now; Math.Abs(before - (now = Resident("RssAnon"))) > Megabyte; before = now)
        {
            GC.WaitForPendingFinalizers();
            Thread.Sleep(100);
        }
    }

    [System.Runtime.InteropServices.DllImport("libc")]
    private static extern int malloc_trim(nuint pad);

    private static long Resident(string field)
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        string line = File.ReadLines("/proc/self/status").Single(text => text.StartsWith(field, StringComparison.Ordinal));
        return long.Parse(line.Split(':')[1].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) * 1024;
    }
}
