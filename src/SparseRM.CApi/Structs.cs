namespace SparseRM.CApi;

#pragma warning disable CS0649 // the caller assigns them

// Mirrors of the structs of include/sparserm.h, in its order; the library tells their sizes (srm_struct_size), and a test compares them.

/// <summary>Mirrors srm_call.</summary>
internal unsafe struct NativeCall
{
    public long StructSize;
    public delegate* unmanaged[Cdecl]<void*, byte*, long, long, int> Progress;
    public void* User;
    public nint Cancel;
}

/// <summary>Mirrors srm_text.</summary>
internal unsafe struct NativeText
{
    public byte* Data;
    public long Length;
}

/// <summary>Mirrors srm_message.</summary>
internal struct NativeMessage
{
    public NativeText Role, Content, Fields;
}

/// <summary>Mirrors srm_backbone_options.</summary>
internal unsafe struct NativeBackboneOptions
{
    public long StructSize;
    public byte* Model, Backend, Variants, Compute, ChatTemplate;
    public int Threads, Layer, Truncation, IdsOnly;
    public long MaxBatchTokens, PrefixCacheBytes, QueueRequests, QueueTokens;
    public delegate* unmanaged[Cdecl]<void*, byte*, long, long, int> Progress;
    public void* User;
    public nint Cancel;
}

/// <summary>Mirrors srm_input.</summary>
internal unsafe struct NativeInput
{
    public long StructSize;
    public long Kind;
    public NativeText Prompt, Text;
    public NativeMessage* Messages;
    public long MessageCount;
    public int* Ids;
    public long IdCount, AnswerStart, AnswerEnd;
}

/// <summary>Mirrors srm_score_options.</summary>
internal unsafe struct NativeScoreOptions
{
    public long StructSize;
    public long Priority;
    public double DeadlineMs;
    public byte* Aggregate;
    public int Doubt, Novelty;
    public delegate* unmanaged[Cdecl]<void*, byte*, long, long, int> Progress;
    public void* User;
    public nint Cancel;
}

/// <summary>Mirrors srm_result.</summary>
internal unsafe struct NativeResult
{
    public long StructSize;
    public int Status;
    public float Score;
    public byte* Error;
    public long ErrorCapacity;
    public double StandardDeviation, Novelty;
    public long Tokens;
    public float* Components;
    public long ComponentCapacity;
}

/// <summary>Mirrors srm_counts.</summary>
internal struct NativeCounts
{
    public long StructSize, WaitingRequests, WaitingTokens, ComputedTokens, FoundTokens, CachedBytes, Batches, Sequences;
}

/// <summary>Mirrors srm_fit_options.</summary>
internal unsafe struct NativeFitOptions
{
    public long StructSize;
    public NativeBackboneOptions* Backbone;
    public byte* Sae, Data, Output, Cache, Position, Input, Loss, Aggregate;
    public int Layer, K, HiddenUnits, MaxEpochs, Seeds, Heads, SkipBad, Reserved;
    public double Margin, HeldOutFraction;
    public long Seed, Pairs;
    public delegate* unmanaged[Cdecl]<void*, byte*, long, long, int> Progress;
    public void* User;
    public nint Cancel;
}

/// <summary>Mirrors srm_fit_result.</summary>
internal struct NativeFitResult
{
    public long StructSize, Pairs, HeldOutPairs, SkippedRows;
    public double TrainingAccuracy, HeldOutAccuracy;
}
