using SparseRM.Errors;

namespace SparseRM.Text.Jinja;

/// <summary>Parses expressions with Jinja's precedence; shares its position with the statement parser.</summary>
internal sealed partial class JinjaExpressionParser(string name, List<JinjaToken> tokens)
{
    private const int DeepestNesting = 100;
    private int _at, _depth;

    /// <summary>The token at hand.</summary>
    public JinjaToken Current => tokens[_at];

    /// <summary>Which of the names varargs, kwargs and caller were read since this was cleared: a macro takes them only if it uses
    /// them.</summary>
    public HashSet<string> Special { get; set; } = [];

    /// <summary>Takes the token at hand; the end is never passed.</summary>
    public JinjaToken Take() => Current.Kind == JinjaTokenKind.End ? Current : tokens[_at++];

    /// <summary>Takes the operator if it is at hand.</summary>
    public bool Accept(string op)
    {
        if (!Current.Is(op)) return false;
        _at++;
        return true;
    }

    /// <summary>Takes the keyword if it is at hand.</summary>
    public bool AcceptName(string word)
    {
        if (!Current.IsName(word)) return false;
        _at++;
        return true;
    }

    /// <summary>Takes the operator or refuses.</summary>
    public void Expect(string op)
    {
        if (!Accept(op)) throw Error($"expected '{op}', found {Shown(Current)}");
    }

    /// <summary>Takes a token of the kind or refuses.</summary>
    public JinjaToken Expect(JinjaTokenKind kind) =>
        Current.Kind == kind ? Take() : throw Error($"expected {kind}, found {Shown(Current)}");

    /// <summary>Enters a level of nesting; too many would exhaust the stack.</summary>
    public void Enter()
    {
        if (++_depth > DeepestNesting) throw Error($"is nested deeper than {DeepestNesting} levels");
    }

    /// <summary>Leaves a level of nesting.</summary>
    public void Leave() => _depth--;

    /// <summary>The refusal of the token at hand.</summary>
    public ModelFormatException Error(string problem) => new(name, $"chat template, line {Current.Line}: {JinjaEvaluator.Shown(problem)}");

    /// <summary>A whole expression; a comma at the top makes a tuple only in <see cref="ParseTuple"/>.</summary>
    public Expression Parse(bool conditional = true)
    {
        Enter();
        var value = ParseOr();
        while (conditional && Current.IsName("if"))
        {
            int line = Take().Line;
            var test = ParseOr();
            value = new ConditionalExpression(line, test, value, AcceptName("else") ? Parse() : null);
        }
        Leave();
        return value;
    }

    /// <summary>An expression, or several with commas between them.</summary>
    public Expression ParseTuple(bool conditional = true)
    {
        int line = Current.Line;
        var first = Parse(conditional);
        if (!Current.Is(",")) return first;
        var items = new List<Expression> { first };
        while (Accept(",") && StartsExpression) items.Add(Parse(conditional));
        return new ListExpression(line, items, IsTuple: true);
    }

    /// <summary>Filters after <c>|</c>, as in a set block.</summary>
    public List<(string, CallArguments)> ParseFilters()
    {
        var filters = new List<(string, CallArguments)>();
        while (Accept("|")) filters.Add(ParseFilter());
        return filters;
    }

    /// <summary>A filter and those behind it, as in a filter block.</summary>
    public List<(string, CallArguments)> ParseFilterChain()
    {
        var first = ParseFilter();
        return [first, .. ParseFilters()];
    }

    private bool StartsExpression =>
        Current.Kind is JinjaTokenKind.Name or JinjaTokenKind.String or JinjaTokenKind.Integer or JinjaTokenKind.Float
        || Current.Is("(") || Current.Is("[") || Current.Is("{") || Current.Is("-") || Current.Is("+");

    private Expression ParseOr() => ParseLeft(ParseAnd, "or");

    private Expression ParseAnd() => ParseLeft(ParseNot, "and");

    private Expression ParseNot()
    {
        if (!Current.IsName("not")) return ParseCompare();
        int line = Take().Line;
        Enter();
        var operand = ParseNot();
        Leave();
        return new UnaryExpression(line, "not", operand);
    }

    private Expression ParseCompare()
    {
        int line = Current.Line;
        var first = ParseSum();
        var rest = new List<(string, Expression)>();
        while (ComparisonOperator() is { } op) rest.Add((op, ParseSum()));
        return rest.Count == 0 ? first : new CompareExpression(line, first, rest);
    }

    private string? ComparisonOperator()
    {
        if (Current.Kind == JinjaTokenKind.Operator && Current.Text is "==" or "!=" or "<" or "<=" or ">" or ">=") return Take().Text;
        if (AcceptName("in")) return "in";
        if (!Current.IsName("not") || !tokens[_at + 1].IsName("in")) return null;
        _at += 2;
        return "not in";
    }

    private Expression ParseSum() => ParseLeft(ParseConcat, "+", "-");

    private Expression ParseConcat() => ParseLeft(ParseProduct, "~");

    private Expression ParseProduct() => ParseLeft(ParsePower, "*", "/", "//", "%");

    private Expression ParsePower() => ParseLeft(() => ParseUnary(filters: true), "**");

    private Expression ParseLeft(Func<Expression> operand, params string[] operators)
    {
        var left = operand();
        while (Current.Kind is JinjaTokenKind.Operator or JinjaTokenKind.Name && Array.IndexOf(operators, Current.Text) >= 0)
        {
            var op = Take();
            left = new BinaryExpression(op.Line, op.Text, left, operand());
        }
        return left;
    }

    private Expression ParseUnary(bool filters)
    {
        Expression value;
        if (Current.Is("-") || Current.Is("+"))
        {
            var op = Take();
            Enter();
            value = new UnaryExpression(op.Line, op.Text, ParseUnary(filters: false));
            Leave();
        }
        else value = ParsePostfix(ParsePrimary());
        return filters ? ParseFiltersAndTests(value) : value;
    }

    private Expression ParsePostfix(Expression value)
    {
        while (true)
        {
            int line = Current.Line;
            if (Accept("."))
                value = Current.Kind == JinjaTokenKind.Integer
                    ? new IndexExpression(line, value, ParsePrimary())
                    : new AttributeExpression(line, value, TracedText.Of(Expect(JinjaTokenKind.Name).Text));
            else if (Accept("[")) value = ParseSubscript(value, line);
            else if (Current.Is("(")) value = new CallExpression(line, value, ParseArguments());
            else return value;
        }
    }

    private Expression ParseSubscript(Expression target, int line)
    {
        Expression? start = Current.Is(":") ? null : ParseTuple();
        if (Accept("]")) return start is null ? throw Error("an index is empty") : new IndexExpression(line, target, start);
        Expect(":");
        Expression? stop = Current.Is(":") || Current.Is("]") ? null : Parse();
        Expression? step = Accept(":") && !Current.Is("]") ? Parse() : null;
        Expect("]");
        return new SliceExpression(line, target, start, stop, step);
    }

    private static string Shown(JinjaToken token) =>
        token.Kind is JinjaTokenKind.Name or JinjaTokenKind.Operator ? $"'{token.Text}'" : token.Kind.ToString();
}
