using SparseRM.Core.Tests.Fitting;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Scoring;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Scoring;

public sealed class HeadInputTests
{
    private static readonly DirectionLatent s_latent = new(3, 1, 1, 0, 1, 1);

    [Fact]
    public void Projection_is_the_dot_product_with_each_direction()
    {
        var input = new HeadInput(HeadInputKind.Projection, 2, [1, 2, -1, 0.5f], [s_latent, s_latent], null);
        // <(2, 3), (1, 2)> = 8, <(2, 3), (-1, 0.5)> = -0.5; <(1, 2), (1, 2)> = 5, <(1, 2), (-1, 0.5)> = 0.
        Assert.Equal([8f, -0.5f, 5, 0], input.ComputeRows(new float[] { 2, 3, 1, 2 }, threads: 2));
        Assert.False(input.NeedsSae);
    }

    [Fact]
    public void Dense_is_the_state_itself()
        => Assert.Equal([1f, 2, 3, 4], HeadInputs.Dense(2).ComputeRows(new float[] { 1, 2, 3, 4 }));

    [Fact]
    public void Random_directions_are_of_length_one_and_the_same_for_a_seed()
    {
        var input = HeadInputs.Random(k: 4, dModel: 100, seed: 5);
        Assert.Equal(8, input.Count);
        for (int j = 0; j < 8; j++) Assert.Equal(1, input.Directions.Span.Slice(j * 100, 100).ToArray().Sum(x => (double)x * x), 1e-6);
        Assert.Equal(input.Directions.ToArray(), HeadInputs.Random(4, 100, 5).Directions.ToArray());
        Assert.NotEqual(input.Directions.ToArray(), HeadInputs.Random(4, 100, 6).Directions.ToArray());
        Assert.Throws<SparseRMException>(() => HeadInputs.Random(0, 100, 5));
    }

    [Fact]
    public void Gates_follow_relu_jumprelu_and_gated()
    {
        // One encoder row each over z = (2): a = 2. relu: 2 - 3 < 0; jumprelu: 2 + 1 = 3 at a threshold of 2.5 and of 3; gated: gate 2 - 1 > 0, value relu(0.5 * 2 + 4).
        var gates = new LatentGates(1, [1, 1, 1, 1], gateBias: [-3, 1, 1, -1], threshold: [0, 2.5f, 3, 0], scale: [1, 1, 1, 0.5f], magnitudeBias: [-3, 1, 1, 4]);
        var activations = new float[4];
        gates.Activate([2], activations);
        Assert.Equal([0f, 3, 0, 5], activations);
    }

    [Fact]
    public void Gates_of_a_jumprelu_SAE_give_its_own_activations()
    {
        string folder = SharedData.Shipped("goldens", "saes", "saelens-jumprelu");
        var (sae, golden) = (SafetensorsFile.Open(Path.Combine(folder, "sae_weights.safetensors")), SafetensorsFile.Open(Path.Combine(folder, "golden.safetensors")));
        const int d = MethodGolden.DModel, n = MethodGolden.DSae;
        float[] wEnc = sae.Take("W_enc").ReadSingles(), bDec = sae.Take("b_dec").ReadSingles();
        var encoder = new float[n * d];
        for (int i = 0; i < d; i++)
            for (int j = 0; j < n; j++) encoder[(j * d) + i] = wEnc[(i * n) + j];
        // apply_b_dec_to_input: b_dec moves into the bias.
        float[] bias = [.. sae.Take("b_enc").ReadSingles().Select((b, j) => (float)(b - Enumerable.Range(0, d).Sum(i => (double)encoder[(j * d) + i] * bDec[i])))];
        var gates = new LatentGates(d, encoder, bias, sae.Take("threshold").ReadSingles(), [.. Enumerable.Repeat(1f, n)], bias);
        var input = HeadInputs.Activations(new LatentSelection([.. Enumerable.Range(0, n).Select(j => s_latent with { Latent = j })], [], []), d, gates);
        float[] found = input.ComputeRows(golden.Take("x").ReadSingles()), expected = golden.Take("feature_acts").ReadSingles();
        double difference = Math.Sqrt(found.Zip(expected).Sum(pair => Math.Pow(pair.First - pair.Second, 2)) / expected.Sum(x => (double)x * x));
        Assert.True(difference < 2e-5, $"relative difference {difference}");
    }

    [Fact]
    public void Activations_of_an_SAE_without_separable_gates_come_from_the_SAE()
    {
        var input = HeadInputs.Activations(new LatentSelection([s_latent with { Latent = 9 }], [s_latent with { Latent = 4, Sign = -1 }], []), 2, gates: null);
        Assert.True(input.NeedsSae);
        Assert.Contains("SAE", Assert.Throws<SparseRMException>(() => input.Compute([1, 2], new float[2])).Message);
        var v = new float[] { 7, 7 };
        input.Gather([1, 4, 5], [0.1f, 0.4f, 0.5f], v);
        Assert.Equal([0f, 0.4f], v);
    }

    [Fact]
    public void Refuses_states_that_are_not_finite_and_widths_that_differ()
    {
        var input = HeadInputs.Dense(2);
        Assert.Contains("NaN", Assert.Throws<SparseRMException>(() => input.ComputeRows(new[] { 1, float.NaN })).Message);
        Assert.Throws<ArgumentException>(() => input.Compute([1, 2, 3], new float[2]));
        Assert.Throws<ArgumentException>(() => input.ComputeRows(new float[3]));
        Assert.Throws<ArgumentException>(() => new HeadInput(HeadInputKind.Projection, 2, [1, 2, 3], [s_latent], null));
        Assert.Throws<ArgumentException>(() => new HeadInput(HeadInputKind.Projection, 2, [1, 2], [], null));
    }

    [Fact]
    public void Names_are_read_back_and_others_refused()
    {
        foreach (var kind in Enum.GetValues<HeadInputKind>()) Assert.Equal(kind, HeadInput.Parse(HeadInput.Name(kind)));
        Assert.Contains("\"sae\"", Assert.Throws<SparseRMException>(() => HeadInput.Parse("sae")).Message);
    }

    [Fact]
    public void A_head_scores_by_its_formula()
    {
        // relu(1*2 - 1*3 + 0) = 0, relu(2*2 + 0*3 - 1) = 3: 0.5 * 3 - 4 = -2.5.
        var head = new RewardHead(2, 2, [1, -1, 2, 0], [0, -1], [10, 0.5f], -4);
        Assert.Equal(-2.5, head.Score([2, 3]));
        Assert.Throws<ArgumentException>(() => head.Score([1]));
        Assert.Throws<ArgumentException>(() => new RewardHead(2, 2, [1], [0, -1], [10, 0.5f], -4));
    }
}
