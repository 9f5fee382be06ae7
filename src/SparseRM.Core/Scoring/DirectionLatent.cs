namespace SparseRM.Scoring;

/// <summary>The SAE latent behind one direction, with what was counted when it was chosen.</summary>
/// <param name="Latent">Its id in the SAE.</param>
/// <param name="Sign">+1: active more often in preferred answers; -1: in rejected ones.</param>
/// <param name="ChosenCount">Preferred training samples in which it was active.</param>
/// <param name="RejectedCount">Rejected training samples in which it was active.</param>
/// <param name="ChosenSamples">Preferred samples in all.</param>
/// <param name="RejectedSamples">Rejected samples in all.</param>
public readonly record struct DirectionLatent(
    int Latent, int Sign, int ChosenCount, int RejectedCount, int ChosenSamples, int RejectedSamples)
{
    /// <summary>S = Sign * (ChosenCount / ChosenSamples - RejectedCount / RejectedSamples), in (0, 1].</summary>
    public double Separation =>
        (double)Sign * (((long)ChosenCount * RejectedSamples) - ((long)RejectedCount * ChosenSamples)) / ((double)ChosenSamples * RejectedSamples);
}
