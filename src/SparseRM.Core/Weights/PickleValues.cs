namespace SparseRM.Weights;

/// <summary>A tuple on the pickle stack.</summary>
internal sealed record PickleTuple(object?[] Items);

/// <summary>A dict or OrderedDict; keys are kept as they come, since nothing here ever hashes or compares a pickled object.</summary>
internal sealed class PickleDict
{
    public List<(object? Key, object? Value)> Items { get; } = [];
}

/// <summary>One of the few names a tensor file may mention; a name, never something that can be called.</summary>
internal sealed record PickleGlobal(string Name);

/// <summary>A storage of <paramref name="Count"/> elements in the member <c>data/{Key}</c>.</summary>
internal sealed record PickleStorage(string TypeName, string Key, long Count);

/// <summary>What <c>torch._utils._rebuild_tensor_v2</c> is given.</summary>
internal sealed record PickleTensor(PickleStorage Storage, long Offset, long[] Sizes, long[] Strides);
