namespace SparseRM.Text.Jinja;

/// <summary>Arithmetic, comparison, indexing and slicing of values.</summary>
internal static class JinjaOperators
{
    /// <summary>An arithmetic operator or <c>~</c>.</summary>
    public static object? Binary(string op, object? left, object? right, JinjaBudget budget)
    {
        if (op == "~") return Concat(JinjaValues.Print(left), JinjaValues.Print(right), budget);
        if (op == "+" && left is TracedText a && right is TracedText b) return Concat(a, b, budget);
        if (op == "+" && left is List<object?> x && right is List<object?> y)
        {
            budget.Spend(x.Count + y.Count);
            return (List<object?>)[.. x, .. y];
        }
        if (op == "*" && left is TracedText text && right is long times) return Repeat(text, times, budget);
        if (JinjaValues.AsNumber(left) is not { } p || JinjaValues.AsNumber(right) is not { } q)
            throw new JinjaException($"'{op}' does not go with {JinjaValues.TypeName(left)} and {JinjaValues.TypeName(right)}");
        if (op is "/" or "//" or "%" && q == 0) throw new JinjaException("division by zero");
        try
        {
            return JinjaValues.AsInteger(left) is { } i && JinjaValues.AsInteger(right) is { } j && op != "/" ? Integers(op, i, j)
                : Floats(op, p, q);
        }
        catch (OverflowException)
        {
            throw new JinjaException($"the result of '{op}' is too large");
        }
    }

    /// <summary>A comparison, <c>in</c> or <c>not in</c>.</summary>
    public static bool Compare(string op, object? left, object? right) => op switch
    {
        "==" => JinjaValues.AreEqual(left, right),
        "!=" => !JinjaValues.AreEqual(left, right),
        "<" => JinjaValues.Compare(left, right) < 0,
        "<=" => JinjaValues.Compare(left, right) <= 0,
        ">" => JinjaValues.Compare(left, right) > 0,
        ">=" => JinjaValues.Compare(left, right) >= 0,
        "in" => Contains(right, left),
        _ => !Contains(right, left),
    };

    /// <summary>Whether a string, list or mapping has a part, item or key.</summary>
    public static bool Contains(object? container, object? item) => container switch
    {
        TracedText text => text.Text.Contains(JinjaValues.Text(item, "the left side of 'in'").Text, StringComparison.Ordinal),
        JinjaDict dict => item is TracedText key && dict.ContainsKey(key.Text),
        List<object?> list => list.Exists(other => JinjaValues.AreEqual(other, item)),
        JinjaUndefined => false,
        _ => throw new JinjaException($"'in' does not go with {JinjaValues.TypeName(container)}"),
    };

    /// <summary><c>target[index]</c>; undefined where there is no such item.</summary>
    public static object? Index(object? target, object? index)
    {
        if (target is JinjaUndefined undefined) throw new JinjaException($"'{undefined.Name}' is undefined");
        if (JinjaValues.AsInteger(index) is { } at)
        {
            int count = target switch { List<object?> list => list.Count, TracedText text => text.CodePoints, _ => 0 };
            long position = at < 0 ? at + count : at;
            if (position < 0 || position >= count) return new JinjaUndefined($"item {at}");
            return target is TracedText characters
                ? characters.Slice(characters.PositionOf((int)position), characters.PositionOf((int)position + 1))
                : ((List<object?>)target!)[(int)position];
        }
        if (index is not TracedText name)
            throw new JinjaException($"an index is {JinjaValues.TypeName(index)}, expected an integer or a string");
        return target is JinjaDict dict && dict.TryGetValue(name.Text, out object? value) ? value
            : JinjaMethods.Attribute(target, name.Text);
    }

    /// <summary><c>target[start:stop:step]</c> of a list or string, as in Python.</summary>
    public static object? Slice(object? target, object? start, object? stop, object? step, JinjaBudget budget)
    {
        int count = target switch
        {
            List<object?> list => list.Count,
            TracedText text => text.CodePoints,
            _ => throw new JinjaException($"{JinjaValues.TypeName(target)} cannot be sliced"),
        };
        budget.Spend(count);
        long stride = step is null ? 1 : JinjaValues.Integer(step, "a slice's step");
        if (stride == 0) throw new JinjaException("a slice's step is zero");
        long lowest = stride > 0 ? 0 : -1, highest = stride > 0 ? count : count - 1;
        long from = Bound(start, stride > 0 ? lowest : highest), to = Bound(stop, stride > 0 ? highest : lowest);
        if (target is TracedText whole && stride == 1) return from >= to ? TracedText.Empty
            : whole.Slice(whole.PositionOf((int)from), whole.PositionOf((int)to));
        var indices = new List<int>();
        for (long i = from; stride > 0 ? i < to : i > to; i += stride) indices.Add((int)i);
        if (target is List<object?> items) return indices.ConvertAll(i => items[i]);
        var characters = new TracedText.Builder();
        var source = (TracedText)target!;
        foreach (int i in indices) characters.Append(source, source.PositionOf(i), source.PositionOf(i + 1));
        return characters.ToText();

        long Bound(object? value, long otherwise)
        {
            if (value is null) return otherwise;
            long bound = JinjaValues.Integer(value, "a slice's bound");
            return Math.Clamp(bound < 0 ? bound + count : bound, lowest, highest);
        }
    }

    private static TracedText Concat(TracedText left, TracedText right, JinjaBudget budget)
    {
        budget.SpendText((long)left.Text.Length + right.Text.Length);
        return left.Concat(right);
    }

    private static TracedText Repeat(TracedText text, long times, JinjaBudget budget)
    {
        budget.SpendText(times > int.MaxValue ? long.MaxValue : Math.Max(times, 0) * text.Text.Length);
        budget.Spend(Math.Max(times, 0));
        var builder = new TracedText.Builder();
        for (long i = 0; i < times; i++) builder.Append(text);
        return builder.ToText();
    }

    private static object Integers(string op, long left, long right) => op switch
    {
        "+" => checked(left + right),
        "-" => checked(left - right),
        "*" => checked(left * right),
        "//" => FloorDivide(left, right),
        "%" => checked(left - FloorDivide(left, right) * right),
        "**" => Math.Pow(left, right) is var power && right >= 0 && Math.Abs(power) < 1L << 53 ? (long)power
            : throw new OverflowException(),
        _ => throw new JinjaException($"operator '{op}' is not known"),
    };

    private static long FloorDivide(long left, long right)
    {
        long quotient = checked(left / right);
        return left % right != 0 && (left < 0) != (right < 0) ? quotient - 1 : quotient;
    }

    private static object Floats(string op, double left, double right) => op switch
    {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        "//" => Math.Floor(left / right),
        "%" => left - Math.Floor(left / right) * right,
        "**" => Math.Pow(left, right),
        _ => throw new JinjaException($"operator '{op}' is not known"),
    };
}
