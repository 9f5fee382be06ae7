using System.Numerics;

namespace SparseRM.Text.Jinja;

/// <summary>Equality, identity and order of values, as in Python. Every element that is looked at is paid for.</summary>
internal static class JinjaEquality
{
    /// <summary>Python's <c>==</c>.</summary>
    public static bool AreEqual(object? left, object? right, JinjaBudget budget, int depth = 0)
    {
        JinjaValues.CheckDepth(depth);
        budget.Spend(1);
        if (left is TracedText a && right is TracedText b)
        {
            if (a.Text.Length != b.Text.Length) return false;
            budget.Read(a.Text.Length);
            return a.Text == b.Text;
        }
        if (CompareNumbers(left, right) is { } order) return order == 0;
        switch (left, right)
        {
            case (null, null) or (JinjaUndefined, JinjaUndefined):
                return true;
            case (JinjaRange or JinjaTuple, JinjaList) or (JinjaList, JinjaRange or JinjaTuple) when
                (left is JinjaTuple) != (right is JinjaTuple) || (left is JinjaRange) != (right is JinjaRange):
                return false;
            case (JinjaList x, JinjaList y):
                if (x.Items.Count != y.Items.Count) return false;
                for (int i = 0; i < x.Items.Count; i++)
                    if (!AreEqual(x.Items[i], y.Items[i], budget, depth + 1)) return false;
                return true;
            case (JinjaDict x, JinjaDict y):
                if (x.Count != y.Count) return false;
                foreach (var (key, value) in x.Entries)
                    if (!y.TryGet(key, budget, out object? other) || !AreEqual(value, other, budget, depth + 1)) return false;
                return true;
            default:
                return ReferenceEquals(left, right);
        }
    }

    /// <summary>Python's <c>is</c>, as far as a template can tell: equal scalars of one type, the same list or mapping.</summary>
    public static bool AreSame(object? left, object? right, JinjaBudget budget) =>
        ReferenceEquals(left, right) || (left?.GetType() == right?.GetType()
            && left is bool or long or double or BigInteger or TracedText && AreEqual(left, right, budget));

    /// <summary>Python's order of numbers, strings, lists and tuples; null where a number is none (NaN).</summary>
    public static int? Compare(object? left, object? right, JinjaBudget budget, int depth = 0)
    {
        JinjaValues.CheckDepth(depth);
        budget.Spend(1);
        if (left is double.NaN || right is double.NaN) return null;
        if (CompareNumbers(left, right) is { } numbers) return numbers;
        if (left is TracedText x && right is TracedText y)
        {
            budget.Read(Math.Min(x.Text.Length, y.Text.Length));
            return CompareCodePoints(x.Text, y.Text);
        }
        if (left is JinjaList p && right is JinjaList q && (p is JinjaTuple) == (q is JinjaTuple) && p is not JinjaRange && q is not JinjaRange)
        {
            for (int i = 0; i < Math.Min(p.Items.Count, q.Items.Count); i++)
                if (!AreEqual(p.Items[i], q.Items[i], budget, depth + 1)) return Compare(p.Items[i], q.Items[i], budget, depth + 1);
            return p.Items.Count.CompareTo(q.Items.Count);
        }
        throw new JinjaException($"{JinjaValues.TypeName(left)} and {JinjaValues.TypeName(right)} have no order");
    }

    /// <summary>Sorts by keys that are computed once for each item; equal ones keep their order.</summary>
    public static List<object?> Sort(List<object?> items, Func<object?, object?> key, bool reverse, JinjaBudget budget)
    {
        budget.Items(3L * items.Count);
        var keys = items.ConvertAll(item => key(item));
        int[] order = [.. Enumerable.Range(0, items.Count)];
        var comparer = Comparer<int>.Create((i, j) =>
            (reverse ? Compare(keys[j], keys[i], budget) : Compare(keys[i], keys[j], budget)) is not 0 and { } unequal ? unequal : i.CompareTo(j));
        try
        {
            Array.Sort(order, comparer);
        }
        catch (InvalidOperationException error) when (error.InnerException is { } inner and (JinjaException or OperationCanceledException))
        {
            if (inner is OperationCanceledException cancelled) throw new OperationCanceledException(cancelled.Message, inner, cancelled.CancellationToken);
            throw new JinjaException(inner.Message);
        }
        return [.. order.Select(place => items[place])];
    }

    private static int? CompareNumbers(object? left, object? right)
    {
        if (JinjaValues.AsInteger(left) is { } i && JinjaValues.AsInteger(right) is { } j) return i.CompareTo(j);
        if (JinjaValues.AsNumber(left) is not { } a || JinjaValues.AsNumber(right) is not { } b) return null;
        if (left is double || right is double) return double.IsNaN(a) || double.IsNaN(b) ? -1 : a.CompareTo(b);
        return Exact(left).CompareTo(Exact(right));
    }

    private static BigInteger Exact(object? value) => value is BigInteger big ? big : JinjaValues.AsInteger(value)!.Value;

    // UTF-16 puts surrogate pairs below U+E000 to U+FFFF, code points do not.
    /// <summary>The order of strings in Python: by code point.</summary>
    public static int CompareCodePoints(string left, string right)
    {
        int at = left.AsSpan().CommonPrefixLength(right);
        if (at == left.Length || at == right.Length) return left.Length.CompareTo(right.Length);
        char a = left[at], b = right[at];
        return char.IsSurrogate(a) == char.IsSurrogate(b) ? a.CompareTo(b) : char.IsSurrogate(a) ? 1 : -1;
    }
}
