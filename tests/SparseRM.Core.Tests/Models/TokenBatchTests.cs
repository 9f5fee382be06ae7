using SparseRM.Backends.Reference;
using SparseRM.Models;

namespace SparseRM.Core.Tests.Models;

/// <summary>Where a batch has keys and values kept, and when they lie in their place already.</summary>
public sealed class TokenBatchTests : IDisposable
{
    private readonly ReferenceBackend _backend = new();
    private readonly KeyValueSegment _segment, _other;

    public TokenBatchTests()
    {
        using var model = TransformerModel.Open(_backend, SharedData.Shipped("goldens", "models", "gemma2"), 0, Tensors.DType.F32);
        (_segment, _other) = (new KeyValueSegment(_backend, model.Config, 1, 32), new KeyValueSegment(_backend, model.Config, 1, 32));
    }

    public void Dispose()
    {
        _segment.Release();
        _other.Release();
        _backend.Dispose();
    }

    [Fact]
    public void A_lone_sequence_that_is_kept_whole_runs_in_its_segment()
    {
        var batch = Packed(null, 6);
        Assert.Null(batch.Home); // nothing is kept
        batch.Keep(0, 0, _segment, 5);
        Assert.Equal([new TokenBatch.KeyRun(0, new(_segment, 5, 6))], batch.Kept.ToArray());
        Assert.Equal(new KeyValueRows(_segment, 5, 6), batch.Home);
    }

    [Fact]
    public void What_is_kept_from_a_later_token_on_has_no_home()
    {
        var batch = Packed(null, 6);
        batch.Keep(0, 2, _segment, 5);
        Assert.Equal([new TokenBatch.KeyRun(2, new(_segment, 5, 4))], batch.Kept.ToArray());
        Assert.Null(batch.Home);
    }

    [Fact]
    public void A_sequence_goes_on_where_its_known_keys_end()
    {
        var known = new KeyValuePrefix([new(_segment, 3, 4)]);
        KeyValueRows? Home(KeyValueSegment segment, int row)
        {
            var batch = Packed(known, 6);
            Assert.Equal((2, 6), (batch.TokenCount, batch.KeyCount));
            batch.Keep(0, 4, segment, row);
            Assert.Equal([new TokenBatch.KeyRun(0, new(segment, row, 2))], batch.Kept.ToArray());
            return batch.Home;
        }
        Assert.Equal(new KeyValueRows(_segment, 3, 6), Home(_segment, 7));
        Assert.Null(Home(_segment, 8)); // a gap
        Assert.Null(Home(_other, 7));
        // Two pieces have no place, though what is kept may follow the first of them.
        var pieces = Packed(new KeyValuePrefix([new(_segment, 3, 2), new(_segment, 5, 2)]), 6);
        pieces.Keep(0, 4, _segment, 7);
        Assert.Null(pieces.Home);
        var apart = Packed(new KeyValuePrefix([new(_segment, 3, 2), new(_other, 0, 2)]), 6);
        apart.Keep(0, 4, _segment, 5);
        Assert.Null(apart.Home);
    }

    [Fact]
    public void What_another_sequence_computed_is_kept_from_there()
    {
        // The second leans on the first for four tokens, of which the last three are kept, and has two of its own.
        int[] first = [1, 2, 3, 4, 5, 6], second = [1, 2, 3, 4, 7, 8];
        var batch = TokenBatch.Pack([Last(first), Last(second)]);
        batch.Keep(1, 1, _segment, 10);
        Assert.Equal([new TokenBatch.KeyRun(1, new(_segment, 10, 3)), new TokenBatch.KeyRun(6, new(_segment, 13, 2))], batch.Kept.ToArray());
        Assert.Null(batch.Home);
    }

    [Fact]
    public void What_is_not_computed_here_cannot_be_kept()
    {
        var batch = Packed(new KeyValuePrefix([new(_segment, 0, 4)]), 6);
        Assert.Contains("position 3 of sequence 0", Assert.Throws<ArgumentException>(() => batch.Keep(0, 3, _segment, 0)).Message);
        batch.Keep(0, 6, _segment, 0);
        Assert.Empty(batch.Kept.ToArray()); // nothing lies behind the last token
    }

    [Fact]
    public void A_segment_is_freed_by_its_last_holder()
    {
        long freed = 0;
        using var model = TransformerModel.Open(_backend, SharedData.Shipped("goldens", "models", "gemma2"), 0, Tensors.DType.F32);
        var segment = new KeyValueSegment(_backend, model.Config, 1, 4, bytes => freed += bytes);
        Assert.Same(segment, segment.AddReference().AddReference());
        segment.Release();
        segment.Release();
        Assert.Equal((0, 1), (freed, segment.References));
        segment.Release();
        Assert.Equal(segment.Bytes, freed);
    }

    private static TokenBatch Packed(KeyValuePrefix? known, int length)
    {
        var batch = new TokenBatch();
        batch.Fill([Last([.. Enumerable.Range(0, length)])], [known]);
        return batch;
    }

    private static TokenSequence Last(int[] ids) => new(ids, ReadOut.At(ids.Length - 1));
}
