using SparseRM.Backends.Reference;
using SparseRM.Models;
using SparseRM.Models.Architectures;
using SparseRM.Tensors;

namespace SparseRM.Core.Tests.Models;

public class TransformerForwardTests
{
    [Fact]
    public void A_shared_prompt_is_packed_once()
    {
        var batch = TokenBatch.Pack([Last(1, 2, 3, 4), Last(1, 2, 3, 5, 6), Last(9)]);
        Assert.Equal(7, batch.TokenCount); // 1 2 3 4, then 5 6, then 9
        Assert.Equal([3, 4, 0], batch.ReadPositions.ToArray());
        Assert.Equal([4, 6, 9], batch.ReadRows.ToArray().Select(row => batch.Ids[row]));
    }

    [Fact]
    public void Equal_sequences_are_computed_once()
    {
        var batch = TokenBatch.Pack([Last(1, 2, 3), Last(1, 2, 3), Last(1, 2)]);
        Assert.Equal(3, batch.TokenCount);
        Assert.Equal([3, 3, 2], batch.ReadRows.ToArray().Select(row => batch.Ids[row]));
    }

    [Fact]
    public void Two_families_of_prompts_get_two_leaders()
    {
        // One leader would save 1 token a sequence; two leaders save 3 in each family.
        var batch = TokenBatch.Pack([Last(1, 2, 2, 2, 7), Last(1, 2, 2, 2, 8), Last(1, 3, 3, 3, 7), Last(1, 3, 3, 3, 8)]);
        Assert.Equal(5 + 1 + 5 + 1, batch.TokenCount);
    }

    [Fact]
    public void States_have_the_same_bits_alone_packed_shared_and_in_any_order()
    {
        using var backend = new ReferenceBackend();
        using var model = TransformerModel.Open(backend, SharedData.Shipped("goldens", "models", "gemma2"), 2, DType.F32);
        using var forward = new TransformerForward(model);
        var random = new Random(1);
        int[] prompt = [.. Enumerable.Range(0, 20).Select(_ => random.Next(256))];
        TokenSequence[] all = [.. Enumerable.Range(0, 6).Select(i => Last([.. prompt.Take(i % 2 == 0 ? 20 : 9), .. Enumerable.Range(0, i).Select(_ => random.Next(256))]))];
        float[][] alone = [.. all.Select(sequence => States(forward, backend, TokenBatch.Pack([sequence]))[0])];
        foreach (bool share in new[] { false, true })
        {
            int[] order = [3, 0, 5, 1, 4, 2];
            var together = States(forward, backend, TokenBatch.Pack([.. order.Select(i => all[i])], share));
            for (int i = 0; i < order.Length; i++) Assert.Equal(alone[order[i]], together[i]);
        }
    }

    [Fact]
    public void Many_equal_sequences_stay_within_the_batch_and_get_one_state()
    {
        using var backend = new ReferenceBackend();
        using var model = TransformerModel.Open(backend, SharedData.Shipped("goldens", "models", "llama2"), 0, DType.F32);
        using var runner = new ResidualRunner(model);
        int largest = 0, seen = 0;
        var first = new float[64];
        TokenSequence[] all = [.. Enumerable.Repeat(Last(1, 2), 5000)];
        var states = new Tensor[1];
        while (seen < all.Length)
        {
            int count = BatchPlan.Size(all.AsSpan(seen), maxTokens: 64);
            largest = Math.Max(largest, count);
            runner.Pack(all.AsSpan(seen, count));
            runner.Run(all.AsSpan(seen, count), [0], states);
            var values = new float[states[0].Rows * states[0].Columns];
            Assert.Equal(count, states[0].Rows);
            backend.Download(states[0], values);
            if (seen == 0) values.AsSpan(0, 64).CopyTo(first);
            foreach (var row in values.Chunk(64)) Assert.Equal(first, row);
            seen += count;
        }
        Assert.Equal(5000, seen);
        Assert.InRange(largest, 2, 64);
    }

    [Fact]
    public void A_fingerprint_does_not_depend_on_the_culture()
    {
        var before = System.Globalization.CultureInfo.CurrentCulture;
        try
        {
            Assert.Equal(Fingerprint(), Under(","));
            Assert.Equal(Fingerprint(), Under("."));
        }
        finally
        {
            System.Globalization.CultureInfo.CurrentCulture = before;
        }

        static string Under(string decimalPoint)
        {
            var culture = (System.Globalization.CultureInfo)System.Globalization.CultureInfo.InvariantCulture.Clone();
            culture.NumberFormat.NumberDecimalSeparator = decimalPoint;
            System.Globalization.CultureInfo.CurrentCulture = culture;
            return Fingerprint();
        }

        static string Fingerprint()
        {
            using var backend = new ReferenceBackend();
            using var model = TransformerModel.Open(backend, SharedData.Shipped("goldens", "models", "llama31"), 0, DType.F32);
            return model.FingerprintOf(0);
        }
    }

    [Fact]
    public void A_later_token_never_changes_an_earlier_state()
    {
        using var backend = new ReferenceBackend();
        using var model = TransformerModel.Open(backend, SharedData.Shipped("goldens", "models", "mistral"), 3, DType.F32);
        using var forward = new TransformerForward(model);
        int[] ids = [.. Enumerable.Range(0, 30).Select(i => i * 7 % 256)];
        var before = States(forward, backend, TokenBatch.Pack([new(ids[..20], ReadOut.Each(0, 20))]));
        var after = States(forward, backend, TokenBatch.Pack([new(ids, ReadOut.Each(0, 20))]));
        Assert.Equal(before, after);
    }

    [Fact]
    public void Llama3_frequencies_are_kept_blended_and_divided_as_published()
    {
        // Llama-3.1-8B, f = theta^(-2i/128), factor 8, original context 8192: values of transformers.
        var config = new RopeConfig(500000, new RopeScaling("llama3", 8, 1, 4, 8192));
        float[] f = RopeTable.Frequencies(config, 128);
        Assert.Equal(0.003211445994752591, f[28], 1e-9);
        Assert.Equal(0.002166570763503359, f[29], 1e-9);
        Assert.Equal(0.0005248461609929547, f[32], 1e-10);
        Assert.Equal(0.0001785078127679964, f[34], 1e-10);
        Assert.Equal(9.556212353964683e-05, f[35], 1e-11);
        Assert.Equal(3.068925988914511e-07, f[63], 1e-13);
    }

    private static TokenSequence Last(params int[] ids) => new(ids, ReadOut.At(ids.Length - 1));

    private static float[][] States(TransformerForward forward, ReferenceBackend backend, TokenBatch batch)
    {
        var states = forward.RunToLayer(batch, 2);
        var values = new float[states.Rows * states.Columns];
        backend.Download(states, values);
        return [.. values.Chunk(states.Columns)];
    }
}
