using SparseRM.Core.Tests.Weights;
using SparseRM.Fitting;

namespace SparseRM.Core.Tests.Fitting;

public sealed class HiddenStateCacheTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string CachePath => _folder.File(HiddenStateCache.FileName);

    [Fact]
    public void Gives_back_what_was_added_also_after_reopening()
    {
        using (var cache = HiddenStateCache.Open(_folder.Path))
        {
            cache.Add(Key("a"), [1, 2, 3]);
            cache.Add(Key("b"), [4, 5, 6]);
            AssertHas(cache, "a", 1f, 2, 3);
        }
        using var again = HiddenStateCache.Open(_folder.Path);
        Assert.False(again.IsReadOnly);
        Assert.Equal(2, again.Count);
        AssertHas(again, "a", 1f, 2, 3);
        AssertHas(again, "b", 4f, 5, 6);
        Assert.Null(Get(again, "c"));
        Assert.False(again.TryGet(Key("a"), new float[2]));
    }

    [Fact]
    public void An_entry_cut_at_any_byte_is_not_believed_and_the_run_resumes()
    {
        byte[] whole = Filled(out int firstEnd);
        for (int length = firstEnd; length < whole.Length; length++)
        {
            File.WriteAllBytes(CachePath, whole[..length]);
            using (var cache = HiddenStateCache.Open(_folder.Path))
            {
                AssertHas(cache, "a", 1f, 2, 3);
                Assert.Null(Get(cache, "b"));
                cache.Add(Key("b"), [4, 5, 6]);
            }
            Assert.Equal(whole, File.ReadAllBytes(CachePath));
        }
    }

    [Fact]
    public void An_entry_with_any_flipped_byte_is_not_believed()
    {
        byte[] whole = Filled(out _);
        for (int at = 0; at < whole.Length; at++)
        {
            byte[] broken = [.. whole];
            broken[at] ^= 0x10;
            File.WriteAllBytes(CachePath, broken);
            using var cache = HiddenStateCache.Open(_folder.Path);
            float[]? a = Get(cache, "a"), b = Get(cache, "b");
            Assert.True(a is null || b is null, $"byte {at}: both entries were believed");
            Assert.True(a is null || a.SequenceEqual([1f, 2, 3]), $"byte {at}");
            Assert.True(b is null || b.SequenceEqual([4f, 5, 6]), $"byte {at}");
            cache.Add(Key("a"), [1, 2, 3]);
            cache.Add(Key("b"), [4, 5, 6]);
            AssertHas(cache, "a", 1f, 2, 3);
            AssertHas(cache, "b", 4f, 5, 6);
        }
    }

    [Fact]
    public void A_damaged_entry_is_mended_for_the_next_run()
    {
        byte[] whole = Filled(out int firstEnd);
        whole[firstEnd - 1] ^= 1;
        File.WriteAllBytes(CachePath, whole);
        using (var cache = HiddenStateCache.Open(_folder.Path))
        {
            Assert.Null(Get(cache, "a"));
            cache.Add(Key("a"), [1, 2, 3]);
        }
        using var again = HiddenStateCache.Open(_folder.Path);
        AssertHas(again, "a", 1f, 2, 3);
        AssertHas(again, "b", 4f, 5, 6);
    }

    [Fact]
    public void A_second_user_reads_what_is_there_and_writes_nothing()
    {
        Filled(out _);
        using var first = HiddenStateCache.Open(_folder.Path);
        byte[] before = File.ReadAllBytes(CachePath);
        using (var second = HiddenStateCache.Open(_folder.Path))
        {
            Assert.True(second.IsReadOnly);
            Assert.Contains("another run", second.WriteProblem);
            AssertHas(second, "a", 1f, 2, 3);
            second.Add(Key("c"), [7, 8, 9]);
            AssertHas(second, "c", 7f, 8, 9);
            second.Flush();
        }
        Assert.Equal(before, File.ReadAllBytes(CachePath));
        first.Add(Key("d"), [0]);
        AssertHas(first, "d", 0f);
    }

    [Fact]
    public async Task A_reader_never_sees_half_of_what_a_writer_adds()
    {
        using var writer = HiddenStateCache.Open(_folder.Path);
        var state = Enumerable.Range(0, 500).Select(i => (float)i).ToArray();
        using var done = new CancellationTokenSource();
        var reading = Task.Run(() =>
        {
            while (!done.IsCancellationRequested)
            {
                using var reader = HiddenStateCache.Open(_folder.Path);
                for (int i = 0; i < 100; i++)
                    if (Get(reader, $"{i}", 500) is { } got) Assert.Equal(state, got);
            }
        }, TestContext.Current.CancellationToken);
        for (int i = 0; i < 100; i++) writer.Add(Key($"{i}"), state);
        await done.CancelAsync();
        await reading;
        using var last = HiddenStateCache.Open(_folder.Path);
        for (int i = 0; i < 100; i++) AssertHas(last, $"{i}", state);
    }

    [Fact]
    public void Threads_may_share_one()
    {
        using (var cache = HiddenStateCache.Open(_folder.Path))
            Parallel.For(0, 200, i => cache.Add(Key($"{i % 100}"), [i % 100, 1]));
        using var again = HiddenStateCache.Open(_folder.Path);
        Assert.Equal(100, again.Count);
        for (int i = 0; i < 100; i++) AssertHas(again, $"{i}", i, 1f);
    }

    [Fact]
    public void A_folder_that_cannot_be_made_leaves_the_states_in_memory()
    {
        _folder.Write("file", "in the way");
        using var cache = HiddenStateCache.Open(_folder.File("file"));
        Assert.True(cache.IsReadOnly);
        cache.Add(Key("a"), [1, 2]);
        AssertHas(cache, "a", 1f, 2);
        Assert.Equal("in the way", File.ReadAllText(_folder.File("file")));
    }

    [Fact]
    public void A_key_depends_on_every_part_and_on_where_one_ends()
    {
        var keys = new[]
        {
            HiddenStateKey.Of("m", "t", "c", "f32", 1, "last", "x", [1, 2]), HiddenStateKey.Of("n", "t", "c", "f32", 1, "last", "x", [1, 2]),
            HiddenStateKey.Of("m", "u", "c", "f32", 1, "last", "x", [1, 2]), HiddenStateKey.Of("m", "t", "d", "f32", 1, "last", "x", [1, 2]),
            HiddenStateKey.Of("m", "t", "c", "bf16", 1, "last", "x", [1, 2]), HiddenStateKey.Of("m", "t", "c", "f32", 2, "last", "x", [1, 2]),
            HiddenStateKey.Of("m", "t", "c", "f32", 1, "mean", "x", [1, 2]), HiddenStateKey.Of("m", "t", "c", "f32", 1, "last", "y", [1, 2]),
            HiddenStateKey.Of("m", "t", "c", "f32", 1, "last", "x", [1]), HiddenStateKey.Of("mt", "", "c", "f32", 1, "last", "x", [1, 2]),
            HiddenStateKey.Of("m", "t", "c", "f32", 1, "last", "\ud800", [1, 2]), HiddenStateKey.Of("m", "t", "c", "f32", 1, "last", "\ud801", [1, 2]),
        };
        Assert.Equal(keys.Length, keys.Distinct().Count());
        Assert.Equal(keys[0], HiddenStateKey.Of("m", "t", "c", "f32", 1, "last", "x", [1, 2]));
    }

    private static void AssertHas(HiddenStateCache cache, string text, params float[] expected)
    {
        var found = Get(cache, text, expected.Length);
        Assert.NotNull(found);
        Assert.Equal(expected, found);
    }

    private static HiddenStateKey Key(string text) => HiddenStateKey.Of("model", "tokenizer", "template", "f32", 4, "last", text, []);

    private static float[]? Get(HiddenStateCache cache, string text, int width = 3)
    {
        var state = new float[width];
        return cache.TryGet(Key(text), state) ? state : null;
    }

    /// <summary>A file with the entries a and b, and where the first ends.</summary>
    private byte[] Filled(out int firstEnd)
    {
        using (var cache = HiddenStateCache.Open(_folder.Path)) cache.Add(Key("a"), [1, 2, 3]);
        firstEnd = (int)new FileInfo(CachePath).Length;
        using (var cache = HiddenStateCache.Open(_folder.Path)) cache.Add(Key("b"), [4, 5, 6]);
        return File.ReadAllBytes(CachePath);
    }
}
