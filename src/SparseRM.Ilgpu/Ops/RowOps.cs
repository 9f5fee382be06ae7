using ILGPU;
using SparseRM.Backends;
using SparseRM.Ilgpu.Devices;
using SparseRM.Ilgpu.Kernels;

namespace SparseRM.Ilgpu.Ops;

/// <summary>Ops that pick rows: <see cref="Backend.GatherRows"/> and <see cref="Backend.MeanRows"/>.</summary>
internal sealed class RowOps(IlgpuDevice device)
{
    /// <summary>What both kernels take: the rows, or the starts of the groups.</summary>
    internal readonly struct Arguments(Rows<float> x, ArrayView<int> rows, Rows<float> y, int count, int columns)
    {
        public readonly Rows<float> X = x, Y = y;
        public readonly ArrayView<int> Rows = rows;
        public readonly int Count = count, Columns = columns;
    }

    public VariantTable<Action<Arguments>> Gather { get; } = Table(device, OpKind.GatherRows, GatherEach);

    public VariantTable<Action<Arguments>> Mean { get; } = Table(device, OpKind.MeanRows, MeanEach);

    /// <summary>Enqueues y[i] = x[rows[i]].</summary>
    public void RunGather(Arguments a) => device.Each(Gather.Run, (long)a.Count * a.Columns, a);

    /// <summary>Enqueues y[i] = mean of x[starts[i]] .. x[starts[i + 1] - 1].</summary>
    public void RunMean(Arguments a) => device.Each(Mean.Run, (long)a.Count * a.Columns, a);

    /// <summary>y[i] = x[rows[i]].</summary>
    public static void GatherEach(Arguments a)
    {
        long items = (long)a.Count * a.Columns;
        for (long item = Lanes.First; item < items; item += Lanes.Stride)
        {
            int row = (int)(item / a.Columns), column = (int)(item % a.Columns);
            a.Y[row, column] = a.X[a.Rows[row], column];
        }
    }

    /// <summary>The mean over each group of rows, summed in F64 in the order of the rows.</summary>
    public static void MeanEach(Arguments a)
    {
        long items = (long)a.Count * a.Columns;
        for (long item = Lanes.First; item < items; item += Lanes.Stride)
        {
            int group = (int)(item / a.Columns), column = (int)(item % a.Columns), first = a.Rows[group], end = a.Rows[group + 1];
            double sum = 0;
            for (int row = first; row < end; row++) sum += a.X[row, column];
            a.Y[group, column] = (float)(sum / (end - first));
        }
    }

    private static VariantTable<Action<Arguments>> Table(IlgpuDevice device, OpKind op, Action<Arguments> kernel) =>
        VariantTable.One(device, op, "lane_per_element", kernel);
}
