using SparseRM.Backends.Reference;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Sae;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Fitting;

public sealed class LatentFrequencyTests
{
    [Fact]
    public void Counts_samples_and_not_activations()
    {
        var frequency = new LatentFrequency(4);
        frequency.Add(chosen: true, [0, 2]);
        frequency.Add(chosen: true, [2]);
        frequency.Add(chosen: false, [3, 2]);
        frequency.Add(chosen: false, []);
        Assert.Equal([1, 0, 2, 0], frequency.ChosenCounts.ToArray());
        Assert.Equal([0, 0, 1, 1], frequency.RejectedCounts.ToArray());
        Assert.Equal((2, 2), (frequency.ChosenSamples, frequency.RejectedSamples));
    }

    [Theory]
    [InlineData(1, 4)]
    [InlineData(1, -1)]
    [InlineData(1, 1)]
    public void Refuses_ids_out_of_range_or_given_twice_and_counts_nothing_of_the_sample(int first, int second)
    {
        var frequency = new LatentFrequency(4);
        Assert.Throws<ArgumentException>(() => frequency.Add(chosen: true, [first, second]));
        Assert.Equal([0, 0, 0, 0], frequency.ChosenCounts.ToArray());
        frequency.Add(chosen: true, [1]);
        Assert.Equal([0, 1, 0, 0], frequency.ChosenCounts.ToArray());
    }

    [Fact]
    public void Adds_counts_of_both_sides_to_what_was_counted()
    {
        var frequency = new LatentFrequency(3);
        frequency.Add(chosen: true, [0]);
        frequency.Add(chosen: false, [0, 2]);
        frequency.Add([1, 0, 2, 4, 3, 0], chosenSamples: 2, rejectedSamples: 5);
        Assert.Equal([2, 0, 2], frequency.ChosenCounts.ToArray());
        Assert.Equal([5, 3, 1], frequency.RejectedCounts.ToArray());
        Assert.Equal((3, 6), (frequency.ChosenSamples, frequency.RejectedSamples));
        Assert.Throws<ArgumentException>(() => frequency.Add([3, 0, 0, 0, 0, 0], chosenSamples: 2, rejectedSamples: 5));
        Assert.Throws<ArgumentException>(() => frequency.Add([0, 0, 0, 6, 0, 0], chosenSamples: 9, rejectedSamples: 5));
    }

    [Theory]
    [InlineData(511)]
    [InlineData(513)]
    [InlineData(1100)]
    public void Every_state_counts_as_often_as_it_is_told_however_many_there_are(int rows)
    {
        string folder = SharedData.Shipped("goldens", "saes", "saelens-jumprelu");
        float[] few = SafetensorsFile.Open(Path.Combine(folder, "golden.safetensors")).Take("x").ReadSingles();
        using var backend = new ReferenceBackend();
        var sae = SaeFormatCatalog.Open(folder);
        float[] states = [.. Enumerable.Range(0, rows * sae.DIn).Select(i => few[i % few.Length])];
        int[] times = [.. Enumerable.Range(0, rows).SelectMany(row => new[] { row % 3, row / 500 })];
        var (counted, expected) = (new LatentFrequency(sae.DSae), new LatentFrequency(sae.DSae));
        using var encoder = new SaeEncoder(backend, sae);
        encoder.Encode(states, (row, latents, _) =>
        {
            for (int i = 0; i < times[2 * row]; i++) expected.Add(chosen: true, latents);
            for (int i = 0; i < times[(2 * row) + 1]; i++) expected.Add(chosen: false, latents);
        });
        using var counter = new LatentCounter(backend, encoder, counted);
        using var buffer = backend.Allocate(states.Length);
        var onBackend = new Tensor(buffer, 0, rows, sae.DIn, sae.DIn);
        backend.Upload(states, onBackend);
        counter.Add(onBackend, times);
        counter.Flush();
        Assert.Equal(expected.ChosenCounts.ToArray(), counted.ChosenCounts.ToArray());
        Assert.Equal(expected.RejectedCounts.ToArray(), counted.RejectedCounts.ToArray());
        Assert.Equal((expected.ChosenSamples, expected.RejectedSamples), (counted.ChosenSamples, counted.RejectedSamples));
    }

    [Fact]
    public void Takes_the_best_separated_with_ties_to_the_lower_id()
    {
        // Of 2 against 2 samples: latent 0: 2-0, 1: 1-0, 2: 1-0, 3: 0-1, 4: 1-1, 5: 0-2.
        var frequency = Count(6, chosen: [[0, 1, 4], [0, 2]], rejected: [[3, 5, 4], [5]]);
        var selection = DirectionSelector.Select(frequency, 2);
        Assert.Equal([0, 1], selection.Positive.Select(latent => latent.Latent));
        Assert.Equal([5, 3], selection.Negative.Select(latent => latent.Latent));
        Assert.Equal([1.0, 0.5, 1.0, 0.5], selection.All.Select(latent => latent.Separation));
        Assert.Equal([1, 1, -1, -1], selection.All.Select(latent => latent.Sign));
        Assert.Empty(selection.Warnings);
    }

    [Fact]
    public void Sides_of_unequal_size_are_compared_by_their_shares_exactly()
    {
        // 3 against 1 samples: latent 0 in 3/3 and 1/1 (nothing), 1 in 1/3 and 0/1 (+1/3), 2 in 2/3 and 1/1 (-1/3).
        var frequency = Count(6, chosen: [[0, 1, 2], [0, 2], [0]], rejected: [[0, 2]]);
        var selection = DirectionSelector.Select(frequency, 1);
        Assert.Equal(1, selection.Positive[0].Latent);
        Assert.Equal(2, selection.Negative[0].Latent);
    }

    [Fact]
    public void Latents_that_separate_nothing_are_not_taken_and_a_sentence_says_so()
    {
        var frequency = Count(8, chosen: [[0, 1]], rejected: [[1]]);
        var selection = DirectionSelector.Select(frequency, 3);
        Assert.Equal([0], selection.All.Select(latent => latent.Latent));
        Assert.Equal(
            ["only 1 of K = 3 positive latents separate the two sides; the others were not taken.",
             "only 0 of K = 3 negative latents separate the two sides; the others were not taken."], selection.Warnings);
    }

    [Fact]
    public void Refuses_a_K_that_the_SAE_cannot_fill()
    {
        var frequency = Count(6, chosen: [[0]], rejected: [[1]]);
        var error = Assert.Throws<SparseRMException>(() => DirectionSelector.Select(frequency, 4));
        Assert.Equal("K = 4 asks for 8 latents but the SAE has d_sae = 6; use a K of at most 3.", error.Message);
        Assert.Contains("at least 1", Assert.Throws<SparseRMException>(() => DirectionSelector.Select(frequency, 0)).Message);
        Assert.Contains("d_sae = 6", Assert.Throws<SparseRMException>(() => DirectionSelector.Select(frequency, int.MaxValue)).Message);
    }

    [Fact]
    public void Refuses_sides_that_are_alike_or_empty()
    {
        Assert.Contains("equally often", Assert.Throws<SparseRMException>(() => DirectionSelector.Select(Count(4, [[0]], [[0]]), 1)).Message);
        Assert.Contains("0 rejected", Assert.Throws<SparseRMException>(() => DirectionSelector.Select(Count(4, [[0]], []), 1)).Message);
    }

    private static LatentFrequency Count(int dSae, int[][] chosen, int[][] rejected)
    {
        var frequency = new LatentFrequency(dSae);
        foreach (int[] active in chosen) frequency.Add(chosen: true, active);
        foreach (int[] active in rejected) frequency.Add(chosen: false, active);
        return frequency;
    }
}
