using System.Text.RegularExpressions;

namespace SparseRM.Text.Jinja;

/// <summary>Python's <c>pprint.pformat</c>: mappings in the order of their keys, what is wider than 80 characters on lines of its own.</summary>
internal sealed partial class JinjaPrettyPrint
{
    private const int Width = 80;
    private readonly TracedText.Builder _result = new();
    private readonly JinjaBudget _budget;

    private JinjaPrettyPrint(JinjaBudget budget) => _budget = budget;

    /// <summary>The value, printed.</summary>
    public static TracedText Print(object? value, JinjaBudget budget)
    {
        var printer = new JinjaPrettyPrint(budget);
        printer.Write(Sorted(value, 0, budget), TextSpan.Template, indent: 0, allowance: 0, level: 0);
        return printer._result.ToText();
    }

    private static object? Sorted(object? value, int depth, JinjaBudget budget)
    {
        JinjaValues.CheckDepth(depth);
        budget.Spend(1);
        switch (value)
        {
            case JinjaRange:
                return value;
            case JinjaTuple tuple:
                budget.Items(tuple.Items.Count);
                return new JinjaTuple(tuple.Items.ConvertAll(item => Sorted(item, depth + 1, budget)));
            case JinjaList list:
                budget.Items(list.Items.Count);
                return new JinjaList(list.Items.ConvertAll(item => Sorted(item, depth + 1, budget)), list.Source);
            case JinjaDict dict:
                budget.Items(dict.Count);
                var sorted = new JinjaDict(dict.Source);
                var keys = dict.Entries.Select(entry => entry.Key as TracedText).ToArray();
                if (keys.Length > 1 && Array.Exists(keys, key => key is null)) throw new JinjaException("pprint of a mapping takes keys that are strings");
                var entries = keys.Length > 1 ? dict.Entries.OrderBy(entry => ((TracedText)entry.Key!).Text, Comparer<string>.Create(JinjaEquality.CompareCodePoints)) : dict.Entries.AsEnumerable();
                foreach (var (key, item) in entries) sorted.Set(key, Sorted(item, depth + 1, budget));
                return sorted;
            default:
                return value;
        }
    }

    private void Write(object? value, int source, int indent, int allowance, int level)
    {
        _budget.Enter();
        var plain = JinjaPrint.Repr(value, source, _budget);
        if (plain.CodePoints <= Width - indent - allowance) _result.Append(plain);
        else if (value is TracedText { IsMarkup: false } text) WriteText(text, source, indent, allowance, level + 1);
        else if (value is JinjaDict dict) WriteDict(dict, JinjaPrint.Inner(dict.Source, source), indent, allowance + 1, level + 1);
        else if (value is JinjaTuple tuple) WriteItems("(", tuple.Items.Count == 1 ? ",)" : ")", tuple.Items, source, indent, allowance, level + 1);
        else if (value is JinjaList list and not JinjaRange) WriteItems("[", "]", list.Items, JinjaPrint.Inner(list.Source, source), indent, allowance, level + 1);
        else _result.Append(plain);
        _budget.Leave();
    }

    private void WriteDict(JinjaDict dict, int source, int indent, int allowance, int level)
    {
        _result.Append("{", source);
        for (int i = 0; i < dict.Count; i++)
        {
            var (key, item) = dict.Entries[i];
            var name = JinjaPrint.Repr(key, source, _budget);
            _result.Append(name);
            _result.Append(": ", source);
            Write(item, source, indent + 1 + name.CodePoints + 2, i == dict.Count - 1 ? allowance : 1, level);
            if (i < dict.Count - 1) NewLine(",", indent + 1, source);
        }
        _result.Append("}", source);
    }

    private void WriteItems(string open, string close, List<object?> items, int source, int indent, int allowance, int level)
    {
        _result.Append(open, source);
        for (int i = 0; i < items.Count; i++)
        {
            if (i > 0) NewLine(",", indent + 1, source);
            Write(items[i], source, indent + 1, i == items.Count - 1 ? allowance + close.Length : 1, level);
        }
        _result.Append(close, source);
    }

    // A long text in pieces that end at blanks, a line each.
    private void WriteText(TracedText text, int source, int indent, int allowance, int level)
    {
        if (level == 1) (indent, allowance) = (indent + 1, allowance + 1);
        int width = Width - indent;
        var pieces = new List<TracedText>();
        var lines = JinjaTextSplit.Lines(text, keepEnds: true, _budget).Items;
        for (int i = 0; i < lines.Count; i++)
        {
            var (line, isLast) = ((TracedText)lines[i]!, i == lines.Count - 1);
            var whole = JinjaPrint.Repr(line, source, _budget);
            if (whole.CodePoints <= width - (isLast ? allowance : 0)) pieces.Add(whole);
            else AddPieces(pieces, line, source, width, isLast ? allowance : 0);
        }
        if (level == 1 && pieces.Count > 1) _result.Append("(", source);
        for (int i = 0; i < pieces.Count; i++)
        {
            if (i > 0) NewLine("", indent, source);
            _result.Append(pieces[i]);
        }
        if (level == 1 && pieces.Count > 1) _result.Append(")", source);
    }

    private void AddPieces(List<TracedText> pieces, TracedText line, int source, int width, int allowance)
    {
        int start = 0, end = 0;
        foreach (Match word in WordWithBlanks().Matches(line.Text))
        {
            if (word.Length == 0) continue;
            int next = word.Index + word.Length;
            if (next == line.Text.Length) width -= allowance;
            if (JinjaPrint.Repr(line.Slice(start, next), source, _budget).CodePoints > width)
            {
                if (end > start) pieces.Add(JinjaPrint.Repr(line.Slice(start, end), source, _budget));
                start = end;
            }
            end = next;
        }
        if (end > start) pieces.Add(JinjaPrint.Repr(line.Slice(start, end), source, _budget));
    }

    private void NewLine(string before, int indent, int source)
    {
        _budget.Build(indent + 2);
        _result.Append(before + "\n" + new string(' ', indent), source);
    }

    [GeneratedRegex(@"\S*\s*", RegexOptions.CultureInvariant)]
    private static partial Regex WordWithBlanks();
}
