using System.Numerics;

namespace SparseRM.Text.Jinja;

/// <summary>Arithmetic, comparison, indexing and slicing of values, as in Python.</summary>
internal static class JinjaOperators
{
    /// <summary>An arithmetic operator or <c>~</c>.</summary>
    public static object? Binary(string op, object? left, object? right, JinjaBudget budget)
    {
        if (op == "~") return Concat(JinjaPrint.Print(left, budget), JinjaPrint.Print(right, budget), budget).AsMarkup(false);
        if (op == "%" && left is TracedText { IsMarkup: false } format) return JinjaPercentFormat.Apply(format, right, budget);
        if (op == "+" && left is TracedText a && right is TracedText b) return Add(a, b, budget);
        if (op == "+" && left is JinjaList x && right is JinjaList y && (x is JinjaTuple) == (y is JinjaTuple) && x is not JinjaRange && y is not JinjaRange)
        {
            budget.Items((long)x.Items.Count + y.Items.Count);
            return Like(x, [.. x.Items, .. y.Items]);
        }
        if (op == "*" && JinjaValues.AsInteger(right) is { } times && left is TracedText or JinjaList and not JinjaRange) return Repeat(left, times, budget);
        if (op == "*" && JinjaValues.AsInteger(left) is { } before && right is TracedText or JinjaList and not JinjaRange) return Repeat(right, before, budget);
        if (JinjaValues.AsNumber(left) is not { } p || JinjaValues.AsNumber(right) is not { } q)
            throw new JinjaException($"'{op}' does not go with {JinjaValues.TypeName(left)} and {JinjaValues.TypeName(right)}");
        if (op is "/" or "//" or "%" && q == 0) throw new JinjaException("division by zero");
        if (op == "**" && p == 0 && q < 0) throw new JinjaException("division by zero");
        if (left is BigInteger || right is BigInteger) throw new JinjaException($"the operand of '{op}' is too large");
        try
        {
            return JinjaValues.AsInteger(left) is { } i && JinjaValues.AsInteger(right) is { } j && op != "/" && !(op == "**" && j < 0)
                ? Integers(op, i, j) : Floats(op, p, q);
        }
        catch (OverflowException)
        {
            throw new JinjaException($"the result of '{op}' is too large");
        }
    }

    /// <summary>The sign of a number.</summary>
    public static object? Unary(string op, object? value, JinjaBudget budget) => value switch
    {
        double number => op == "-" ? -number : number,
        BigInteger number => op == "-" ? -number : number,
        _ => Binary(op, 0L, value, budget),
    };

    /// <summary>A comparison, <c>in</c> or <c>not in</c>.</summary>
    public static bool Compare(string op, object? left, object? right, JinjaBudget budget) => op switch
    {
        "==" => JinjaEquality.AreEqual(left, right, budget),
        "!=" => !JinjaEquality.AreEqual(left, right, budget),
        "<" => JinjaEquality.Compare(left, right, budget) < 0,
        "<=" => JinjaEquality.Compare(left, right, budget) <= 0,
        ">" => JinjaEquality.Compare(left, right, budget) > 0,
        ">=" => JinjaEquality.Compare(left, right, budget) >= 0,
        "in" => Contains(right, left, budget),
        _ => !Contains(right, left, budget),
    };

    /// <summary>Whether a string, list or mapping has a part, item or key.</summary>
    public static bool Contains(object? container, object? item, JinjaBudget budget)
    {
        switch (container)
        {
            case TracedText text:
                string part = JinjaValues.Text(item, "the left side of 'in'").Text;
                budget.Read(text.Text.Length);
                return part.Length == 0 || new PartFinder(part, budget).First(text.Text, 0, text.Text.Length) >= 0;
            case JinjaDict dict:
                return dict.TryGet(item, budget, out _);
            case JinjaUndefined:
                return false;
            default:
                return JinjaValues.Items(container, budget).Exists(other => ReferenceEquals(other, item) || JinjaEquality.AreEqual(other, item, budget));
        }
    }

    /// <summary><c>target[index]</c>: an item, else an attribute; undefined where there is no such thing.</summary>
    public static object? Index(object? target, object? index, JinjaBudget budget)
    {
        if (target is JinjaUndefined undefined) throw new JinjaException($"'{undefined.Name}' is undefined");
        if (target is JinjaDict dict)
            return dict.TryGet(index, budget, out object? value) ? value
                : index is TracedText field ? JinjaMethods.Attribute(target, field, budget) : new JinjaUndefined(Shown(index));
        if (index is TracedText name) return JinjaMethods.Attribute(target, name, budget);
        if (JinjaValues.AsInteger(index) is not { } at || target is not (TracedText or JinjaList)) return new JinjaUndefined(Shown(index));
        int count = target is JinjaList items ? items.Items.Count : ((TracedText)target).CodePoints;
        long position = at < 0 ? at + count : at;
        if (position < 0 || position >= count) return new JinjaUndefined(Shown(index));
        return target is TracedText text
            ? text.Slice(text.PositionOf((int)position), text.PositionOf((int)position + 1)).AsMarkup(text.IsMarkup)
            : ((JinjaList)target).Items[(int)position];
    }

    /// <summary><c>target[start:stop:step]</c> of a list or string.</summary>
    public static object? Slice(object? target, object? start, object? stop, object? step, JinjaBudget budget)
    {
        if (target is not (JinjaList or TracedText)) throw new JinjaException($"{JinjaValues.TypeName(target)} cannot be sliced");
        int count = target is JinjaList list ? list.Items.Count : ((TracedText)target).CodePoints;
        long stride = step is null ? 1 : JinjaValues.Integer(step, "a slice's step");
        if (stride == 0) throw new JinjaException("a slice's step is zero");
        long lowest = stride > 0 ? 0 : -1, highest = stride > 0 ? count : count - 1;
        long from = Bound(start, stride > 0 ? lowest : highest), to = Bound(stop, stride > 0 ? highest : lowest);
        if (target is TracedText whole && stride == 1)
        {
            if (from >= to) return TracedText.Empty;
            budget.Build(whole.PositionOf((int)to) - whole.PositionOf((int)from));
            return whole.Slice(whole.PositionOf((int)from), whole.PositionOf((int)to)).AsMarkup(whole.IsMarkup);
        }
        budget.Items(2L * count);
        var indices = new List<int>();
        for (Int128 i = from; stride > 0 ? i < to : i > to; i += stride) indices.Add((int)i);
        if (target is JinjaList items) return Like(items, indices.ConvertAll(i => items.Items[i]));
        var characters = new TracedText.Builder();
        var source = (TracedText)target;
        foreach (int i in indices) characters.Append(source, source.PositionOf(i), source.PositionOf(i + 1));
        return characters.ToText().AsMarkup(source.IsMarkup);

        long Bound(object? value, long otherwise)
        {
            if (value is null) return otherwise;
            long bound = JinjaValues.Integer(value, "a slice's bound");
            return Math.Clamp(bound < 0 ? bound + count : bound, lowest, highest);
        }
    }

    private static string Shown(object? index) => $"item {JinjaPrint.Scalar(index) ?? JinjaValues.TypeName(index)}";

    private static JinjaList Like(JinjaList list, List<object?> items) => list is JinjaTuple ? new JinjaTuple(items) : new JinjaList(items, list.Source);

    private static TracedText Add(TracedText left, TracedText right, JinjaBudget budget)
    {
        if (left.IsMarkup == right.IsMarkup) return Concat(left, right, budget).AsMarkup(left.IsMarkup);
        return left.IsMarkup ? Concat(left, JinjaTextFilters.Escape(right, budget), budget).AsMarkup()
            : Concat(JinjaTextFilters.Escape(left, budget), right, budget).AsMarkup();
    }

    private static TracedText Concat(TracedText left, TracedText right, JinjaBudget budget)
    {
        budget.Hold(left.Size + right.Size);
        budget.Read((long)left.Text.Length + right.Text.Length);
        return left.Concat(right);
    }

    private static object Repeat(object value, long times, JinjaBudget budget)
    {
        times = Math.Max(times, 0);
        long size = value is TracedText whole ? whole.Size : 64 + 40L * ((JinjaList)value).Items.Count;
        budget.Hold(Math.BigMul((ulong)size, (ulong)times, out ulong bytes) == 0 && bytes < long.MaxValue ? (long)bytes : long.MaxValue);
        budget.Spend(1 + (long)bytes / 128);
        if (value is TracedText text)
        {
            var builder = new TracedText.Builder();
            for (long i = 0; i < times && text.Text.Length > 0; i++) builder.Append(text);
            return builder.ToText().AsMarkup(text.IsMarkup);
        }
        var list = (JinjaList)value;
        var items = new List<object?>();
        for (long i = 0; i < times && list.Items.Count > 0; i++) items.AddRange(list.Items);
        return Like(list, items);
    }

    private static object Integers(string op, long left, long right) => op switch
    {
        "+" => checked(left + right),
        "-" => checked(left - right),
        "*" => checked(left * right),
        "//" => FloorDivide(left, right),
        "%" => checked(left - FloorDivide(left, right) * right),
        "**" => Power(left, right),
        _ => throw new JinjaException($"operator '{op}' is not known"),
    };

    private static long Power(long left, long right)
    {
        if (left is 0 or 1 or -1) return right == 0 ? 1 : left == -1 && right % 2 == 0 ? 1 : left;
        if (right > 63) throw new OverflowException();
        long power = 1;
        for (long i = 0; i < right; i++) power = checked(power * left);
        return power;
    }

    private static long FloorDivide(long left, long right)
    {
        long quotient = checked(left / right);
        return left % right != 0 && (left < 0) != (right < 0) ? quotient - 1 : quotient;
    }

    private static object Floats(string op, double left, double right)
    {
        double result = op switch
        {
            "+" => left + right,
            "-" => left - right,
            "*" => left * right,
            "/" => left / right,
            "//" => FloorDivide(left, right),
            "%" => Modulo(left, right),
            "**" => Math.Pow(left, right),
            _ => throw new JinjaException($"operator '{op}' is not known"),
        };
        return op == "**" && ((double.IsInfinity(result) && double.IsFinite(left) && double.IsFinite(right)) || (left < 0 && double.IsNaN(result)))
            ? throw new OverflowException() : result;
    }

    // Python divides what the remainder leaves, so that quotient and remainder fit together.
    private static double FloorDivide(double left, double right)
    {
        double rest = left % right, quotient = (left - rest) / right;
        if (rest != 0 && (rest < 0) != (right < 0)) quotient--;
        if (quotient == 0) return Math.CopySign(0, left / right);
        double floor = Math.Floor(quotient);
        return quotient - floor > 0.5 ? floor + 1 : floor;
    }

    private static double Modulo(double left, double right)
    {
        double rest = left % right;
        return rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest == 0 ? Math.CopySign(0, right) : rest;
    }
}
