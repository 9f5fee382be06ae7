namespace SparseRM.Text.Jinja;

// Filters that take lists apart.
internal static partial class JinjaSequenceFilters
{
    /// <summary>Lists of so many items each.</summary>
    public static JinjaIterator Batch(object? value, JinjaArguments a)
    {
        long size = a.Integer("linecount", 0);
        object? fill = a.Take("fill_with", null);
        if (size < 1) throw new JinjaException("batch takes a number of items from 1");
        var batches = JinjaValues.Items(value, a.Budget).Chunk((int)Math.Min(size, 1 << 30)).Select(chunk => chunk.ToList()).ToList();
        if (fill is not null && batches is [.., var last])
        {
            a.Budget.Items(size - last.Count);
            while (last.Count < size) last.Add(fill);
        }
        return new JinjaIterator(batches.ConvertAll(batch => (object?)new JinjaList(batch)), "batch");
    }

    /// <summary>So many lists of items.</summary>
    public static JinjaIterator Slice(object? value, JinjaArguments a)
    {
        long slices = a.Integer("slices", 0);
        object? fill = a.Take("fill_with", null);
        if (slices < 1) throw new JinjaException("slice takes a number of lists from 1");
        var items = JinjaValues.Items(value, a.Budget);
        a.Budget.Items(4 * Math.Min(slices, 1L << 40) + items.Count);
        var lists = new List<object?>();
        for (int i = 0, at = 0; i < slices; i++)
        {
            int count = (int)(items.Count / slices) + (i < items.Count % slices ? 1 : 0);
            var list = items.GetRange(at, count);
            if (fill is not null && i >= items.Count % slices) list.Add(fill);
            lists.Add(new JinjaList(list));
            at += count;
        }
        return new JinjaIterator(lists, "slice");
    }
}
