using SparseRM.Errors;

namespace SparseRM.Research.Baselines;

/// <summary>How baselines are compared.</summary>
public sealed record BaselineOptions
{
    /// <summary>Latents a side of the method; principal components and random directions are as many as it finds.</summary>
    public int K { get; init; } = 128;

    /// <summary>How heads are trained; its seed is the first draw's.</summary>
    public Fitting.HeadTrainingOptions Training { get; init; } = new();

    /// <summary>Draws of each regime: of the pairs where a regime takes some or spoils some, of random directions, and of initial weights.</summary>
    public int Draws { get; init; } = 3;

    /// <summary>Regimes of <see cref="Regime.Names"/> to run, or null for all.</summary>
    public IReadOnlyList<string>? Regimes { get; init; }

    /// <summary>Bytes that the states of answers' tokens may take; the probe that attends to them is left out where they take more.</summary>
    public long TokenStateBytes { get; init; } = PreferenceStates.DefaultKeptBytes;

    /// <exception cref="SparseRMException">A value is out of range; names it.</exception>
    internal void Validate()
    {
        if (Draws < 1) throw new SparseRMException(ErrorKind.Usage, $"the number of draws is {Draws}; it must be at least 1.");
        foreach (string name in Regimes ?? [])
        {
            if (!Regime.Names.Contains(name))
                throw new SparseRMException(ErrorKind.Usage, $"there is no regime '{name}'; there are {string.Join(", ", Regime.Names)}.");
        }
    }
}

/// <summary>A method under a regime.</summary>
/// <param name="Name">The method.</param>
/// <param name="Regime">The regime.</param>
/// <param name="Accuracy">Share of test pairs that it orders rightly (a tie is wrong), the mean over the draws.</param>
/// <param name="Difference">By how much it is more accurate than the directions under the same regime, paired; null for the directions themselves.</param>
/// <param name="TrainingPairs">Pairs that it learned from; 0 for one that learned elsewhere.</param>
/// <param name="TestPairs">Pairs that it was tested on.</param>
public sealed record BaselineRow(string Name, string Regime, Interval Accuracy, Interval? Difference, int TrainingPairs, int TestPairs);

/// <summary>What a comparison found.</summary>
/// <param name="Rows">Method after method, regime after regime.</param>
/// <param name="Verdict">One sentence: whether the directions beat the dense probe, and by how much.</param>
/// <param name="DenseProbe">The dense probe of the verdict, chosen by validation.</param>
/// <param name="Notes">What a reader should know, one sentence each.</param>
public sealed record BaselineTable(IReadOnlyList<BaselineRow> Rows, string Verdict, string DenseProbe, IReadOnlyList<string> Notes);
