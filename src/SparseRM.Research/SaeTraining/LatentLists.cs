namespace SparseRM.Research.SaeTraining;

/// <summary>The entries of a batch by latent instead of by row: what the gradient of each latent's weights is a sum over.</summary>
/// <remarks>A latent's entries stand in the order of the tiles and rows, whatever the number of threads: tiles are dealt to a fixed number of parts.</remarks>
internal sealed class LatentLists(int width)
{
    private const int Parts = 8;
    private readonly int[] _starts = new int[width + 1], _places = new int[Parts * width];

    private Entry[] _entries = [];

    /// <summary>An active latent of a row.</summary>
    /// <param name="Row">Row in the batch.</param>
    /// <param name="Residual">Row in the residuals.</param>
    /// <param name="Value">Pre-activation.</param>
    /// <param name="Slope">The loss's slope in the activation.</param>
    public readonly record struct Entry(int Row, int Residual, float Value, float Slope);

    /// <summary>A latent's entries.</summary>
    public ReadOnlySpan<Entry> this[int latent] => _entries.AsSpan(_starts[latent].._starts[latent + 1]);

    /// <summary>Takes over the entries of some layers of tiles.</summary>
    /// <param name="layers">Tiles of main entries, then of auxiliary ones.</param>
    /// <param name="residualOf">For layer and latent, the first row of the residuals that belong to it.</param>
    /// <param name="parallel">Threads.</param>
    public void Fill(SparseTile[][] layers, Func<int, int, int> residualOf, ParallelOptions parallel)
    {
        Array.Clear(_places);
        Parallel.For(0, Parts, parallel, part =>
        {
            var counts = _places.AsSpan(part * width, width);
            foreach (var (_, _, tile) in TilesOf(layers, part))
                foreach (int latent in tile.Latents.AsSpan(0, tile.Count)) counts[latent]++;
        });
        int total = 0;
        for (int latent = 0; latent < width; latent++)
        {
            _starts[latent] = total;
            for (int part = 0; part < Parts; part++)
            {
                int count = _places[(part * width) + latent];
                _places[(part * width) + latent] = total;
                total += count;
            }
        }
        _starts[width] = total;
        if (_entries.Length < total) _entries = new Entry[total + (total / 4)];
        Parallel.For(0, Parts, parallel, part =>
        {
            var places = _places.AsSpan(part * width, width);
            foreach (var (layer, number, tile) in TilesOf(layers, part))
            {
                for (int row = 0; row < tile.RowCount; row++)
                {
                    int inBatch = (number * SparseTile.Rows) + row;
                    var (start, end) = (tile[row].Start.Value, tile[row].End.Value);
                    for (int i = start; i < end; i++)
                        _entries[places[tile.Latents[i]]++] = new Entry(inBatch, residualOf(layer, tile.Latents[i]) + inBatch, tile.Values[i], tile.Slopes[i]);
                }
            }
        });
    }

    private static IEnumerable<(int Layer, int Number, SparseTile Tile)> TilesOf(SparseTile[][] layers, int part)
    {
        for (int layer = 0; layer < layers.Length; layer++)
        {
            var tiles = layers[layer];
            for (int i = (int)((long)tiles.Length * part / Parts); i < (int)((long)tiles.Length * (part + 1) / Parts); i++) yield return (layer, i, tiles[i]);
        }
    }
}
