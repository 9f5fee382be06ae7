using SparseRM.Backends.Reference;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Core.Tests.Models;

/// <summary>What a runner gives of the positions that a sequence reads.</summary>
public sealed class ResidualRunnerTests
{
    [Fact]
    public void A_mean_is_one_state_of_its_positions_beside_single_ones()
    {
        using var backend = new ReferenceBackend();
        using var model = TransformerModel.Open(backend, SharedData.Shipped("goldens", "models", "gemma2"), 1, DType.F32);
        using var runner = new ResidualRunner(model);
        int[] one = [1, 7, 30, 2, 9], two = [1, 8, 31, 3];
        float[][] eachOfOne = Run([new(one, ReadOut.Each(0, 5))]), eachOfTwo = Run([new(two, ReadOut.Each(0, 4))]);
        Assert.Equal((5, 4), (eachOfOne.Length, eachOfTwo.Length));

        float[][] mixed = Run([new(one, ReadOut.Mean(1, 5)), new(two, ReadOut.Each(2, 4)), new(one, ReadOut.At(4)), new(two, ReadOut.Mean(0, 2))]);
        Assert.Equal(5, mixed.Length);
        AssertMean(eachOfOne[1..5], mixed[0]);
        TensorAssert.SameBits(eachOfTwo[2], mixed[1]);
        TensorAssert.SameBits(eachOfTwo[3], mixed[2]);
        TensorAssert.SameBits(eachOfOne[4], mixed[3]);
        AssertMean(eachOfTwo[..2], mixed[4]);

        float[][] Run(TokenSequence[] sequences)
        {
            runner.Pack(sequences);
            var states = new Tensor[1];
            runner.Run(sequences, [1], states);
            var values = new float[states[0].Rows * states[0].Columns];
            backend.Download(states[0], values);
            return [.. values.Chunk(states[0].Columns)];
        }
    }

    /// <summary>Integers of 8 bits and a scale a row: close to the plain state, and the same alone as among others.</summary>
    [Fact]
    public void Int8_is_near_the_plain_state_and_no_row_looks_at_another()
    {
        int[] ids = [1, 7, 30, 2, 9, 5, 5, 80];
        float[] plain = State(DType.F32, ids), coarse = State(DType.I8, ids);
        double difference = plain.Zip(coarse, (p, c) => Math.Pow((double)p - c, 2)).Sum(), size = plain.Sum(p => (double)p * p);
        Assert.InRange(Math.Sqrt(difference / size), 1e-6, 0.05);
        TensorAssert.SameBits(coarse, State(DType.I8, ids, [3, 4], [9, 8, 7, 6, 5, 4, 3, 2, 1]));

        static float[] State(DType compute, int[] ids, params int[][] others)
        {
            using var backend = new ReferenceBackend();
            using var model = TransformerModel.Open(backend, SharedData.Shipped("goldens", "models", "gemma2"), 1, compute);
            using var runner = new ResidualRunner(model);
            TokenSequence[] sequences = [.. others.Append(ids).Select(one => new TokenSequence(one, ReadOut.At(one.Length - 1)))];
            runner.Pack(sequences);
            var states = new Tensor[1];
            runner.Run(sequences, [1], states);
            var values = new float[states[0].Columns];
            backend.Download(states[0].RowRange(sequences.Length - 1, 1), values);
            return values;
        }
    }

    private static void AssertMean(float[][] states, float[] mean)
    {
        for (int i = 0; i < mean.Length; i++)
        {
            double wanted = states.Average(state => (double)state[i]), size = states.Average(state => Math.Abs((double)state[i]));
            // Four sums in F32 and a division, half a unit in the last place of each.
            Assert.Equal(wanted, mean[i], size * 5 * Math.Pow(2, -24));
        }
    }
}
