using ILGPU;
using ILGPU.Algorithms;
using SparseRM.Backends;
using SparseRM.Ilgpu.Devices;
using SparseRM.Ilgpu.Kernels;

namespace SparseRM.Ilgpu.Ops;

/// <summary>The norms; see <see cref="Backend.RmsNorm"/> and <see cref="Backend.AddRmsNorm"/>.</summary>
/// <remarks>Sums in F32, in an order that the rows do not enter.</remarks>
internal sealed class RmsNorm(IlgpuDevice device)
{
    /// <summary>What the kernel of the plain norm takes.</summary>
    internal readonly struct Arguments(Rows<float> x, ArrayView<float> weight, Rows<float> y, int count, int groups, float eps, float unitOffset)
    {
        public readonly Rows<float> X = x, Y = y;
        public readonly ArrayView<float> Weight = weight;
        public readonly int Count = count, Groups = groups;
        public readonly float Eps = eps, UnitOffset = unitOffset;
    }

    /// <summary>What the kernel of the fused norm takes; delta and its weight may be empty.</summary>
    internal readonly struct AddArguments<T>(
        Rows<float> residual, Rows<float> delta, ArrayView<float> deltaWeight, ArrayView<float> weight, Rows<T> y, int count,
        float eps, float unitOffset)
        where T : unmanaged
    {
        public readonly Rows<float> Residual = residual, Delta = delta;
        public readonly ArrayView<float> DeltaWeight = deltaWeight, Weight = weight;
        public readonly Rows<T> Y = y;
        public readonly int Count = count;
        public readonly float Eps = eps, UnitOffset = unitOffset;
    }

    /// <summary>The one variant of the plain norm.</summary>
    public VariantTable<Action<Arguments>> Variants { get; } = VariantTable.One<Action<Arguments>>(device, OpKind.RmsNorm, "group_per_row", GroupPerRow);

    /// <summary>The one variant of the fused norm.</summary>
    public VariantTable<AddKernels> AddVariants { get; } = VariantTable.One(device, OpKind.AddRmsNorm, "group_per_row",
        new AddKernels(AddGroupPerRow<float, Single32>, AddGroupPerRow<ushort, Bf16>));

    /// <summary>The fused norm for each type of operand.</summary>
    internal sealed record AddKernels(Action<AddArguments<float>> F32, Action<AddArguments<ushort>> Bf16);

    /// <summary>Enqueues y = RmsNorm(x).</summary>
    public void Run(Arguments arguments) => device.Groups(Variants.Run, (long)arguments.Count * arguments.Groups, arguments);

    /// <summary>Enqueues delta = RmsNorm(delta); residual += delta; y = RmsNorm(residual).</summary>
    public void RunAdd(AddArguments<float> arguments) => device.Groups(AddVariants.Run.F32, arguments.Count, arguments);

    /// <inheritdoc cref="RunAdd(AddArguments{float})"/>
    public void RunAdd(AddArguments<ushort> arguments) => device.Groups(AddVariants.Run.Bf16, arguments.Count, arguments);

    /// <summary>A group computes one group of columns of one row; lanes take every DimX-th column.</summary>
    public static void GroupPerRow(Arguments a)
    {
        var shared = SharedMemory.Allocate<float>(GroupSum.MaxLanes);
        int n = (int)a.Weight.Length;
        long items = (long)a.Count * a.Groups;
        for (long item = Grid.IdxX; item < items; item += Grid.DimX)
        {
            int row = (int)(item / a.Groups), start = (int)(item % a.Groups) * n;
            var (x, y) = (a.X.Row(row, start + n).SubView(start, n), a.Y.Row(row, start + n).SubView(start, n));
            float factor = Factor(Squares(x), n, a.Eps, shared);
            for (int i = Group.IdxX; i < n; i += Group.DimX) y[i] = x[i] * factor * (a.Weight[i] + a.UnitOffset);
        }
    }

    /// <summary>A group computes one row: a lane reads and writes its own columns alone, so only the sums need barriers.</summary>
    public static void AddGroupPerRow<T, ST>(AddArguments<T> a) where T : unmanaged where ST : struct, IElement<T>
    {
        var shared = SharedMemory.Allocate<float>(GroupSum.MaxLanes);
        int n = (int)a.Weight.Length;
        bool adds = a.Delta.Data.Length > 0, norms = a.DeltaWeight.Length > 0;
        for (int row = Grid.IdxX; row < a.Count; row += Grid.DimX)
        {
            // The barriers stand outside of every branch: not every driver takes them within, even where all lanes go one way.
            float squares = norms ? Squares(a.Delta.Row(row, n)) : 0;
            float own = Factor(squares, n, a.Eps, shared);
            if (norms)
            {
                var delta = a.Delta.Row(row, n);
                for (int i = Group.IdxX; i < n; i += Group.DimX) delta[i] = delta[i] * own * (a.DeltaWeight[i] + a.UnitOffset);
            }
            var residual = a.Residual.Row(row, n);
            if (adds)
            {
                var delta = a.Delta.Row(row, n);
                for (int i = Group.IdxX; i < n; i += Group.DimX) residual[i] += delta[i];
            }
            float factor = Factor(Squares(residual), n, a.Eps, shared);
            for (int i = Group.IdxX; i < n; i += Group.DimX)
                a.Y[row, i] = default(ST).Narrow(residual[i] * factor * (a.Weight[i] + a.UnitOffset));
        }
    }

    /// <summary>What this lane has to add to the sum of x^2.</summary>
    private static float Squares(ArrayView<float> x)
    {
        float squares = 0;
        for (int i = Group.IdxX; i < x.IntLength; i += Group.DimX) squares += x[i] * x[i];
        return squares;
    }

    /// <summary>1 / sqrt(mean x^2 + eps), to every lane; <paramref name="squares"/> are those of the lane's own of n elements.</summary>
    private static float Factor(float squares, int n, float eps, ArrayView<float> shared) => 1 / XMath.Sqrt(GroupSum.Of(squares, shared) / n + eps);
}
