namespace SparseRM.Fuzz;

/// <summary>All readers of files that come from elsewhere.</summary>
internal static class ReaderCatalog
{
    /// <summary>The readers.</summary>
    public static IReadOnlyList<FuzzReader> All { get; } = [.. WeightReaders.All, .. TextReaders.All, .. DataReaders.All];

    /// <summary>A reader by its name.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static FuzzReader Named(string name) => All.FirstOrDefault(reader => reader.Name == name)
        ?? throw new ArgumentException($"there is no reader '{name}'; there are {string.Join(", ", All.Select(reader => reader.Name))}");
}
