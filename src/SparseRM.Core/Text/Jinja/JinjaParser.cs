namespace SparseRM.Text.Jinja;

/// <summary>Parses a template into statements; tags, filters and tests that are not known are refused by name.</summary>
internal sealed partial class JinjaParser
{
    private readonly JinjaExpressionParser _in;
    private int _loops;

    private JinjaParser(string name, string source) => _in = new JinjaExpressionParser(name, JinjaLexer.Split(name, source));

    /// <summary>Parses a whole template.</summary>
    public static List<Statement> Parse(string name, string source)
    {
        var parser = new JinjaParser(name, source);
        var body = parser.ParseBody();
        return parser._in.Current.Kind == JinjaTokenKind.End ? body
            : throw parser._in.Error($"tag '{parser._in.Current.Text}' closes nothing");
    }

    // Statements up to a tag that ends the body; that tag's name is then at hand.
    private List<Statement> ParseBody(params ReadOnlySpan<string> ends)
    {
        _in.Enter();
        var body = new List<Statement>();
        while (_in.Current.Kind != JinjaTokenKind.End)
        {
            var token = _in.Take();
            if (token.Kind == JinjaTokenKind.Verbatim) body.Add(new DataStatement(token.Line, TracedText.Of(token.Text)));
            else if (token.Kind == JinjaTokenKind.OutputStart)
            {
                body.Add(new OutputStatement(token.Line, _in.ParseTuple()));
                _in.Expect(JinjaTokenKind.OutputEnd);
            }
            else if (_in.Current.Kind == JinjaTokenKind.Name
                && (ends.Contains(_in.Current.Text) || (ends.IsEmpty && IsEnd(_in.Current.Text)))) break;
            else body.Add(ParseTag());
        }
        if (!ends.IsEmpty && _in.Current.Kind == JinjaTokenKind.End) throw _in.Error($"tag '{ends[^1]}' is missing");
        _in.Leave();
        return body;
    }

    private static bool IsEnd(string word) => word is "else" or "elif" || word.StartsWith("end", StringComparison.Ordinal);

    private Statement ParseTag()
    {
        var tag = _in.Expect(JinjaTokenKind.Name);
        switch (tag.Text)
        {
            case "if":
                return ParseIf(tag.Line);
            case "for":
                return ParseFor(tag.Line);
            case "set":
                return ParseSet(tag.Line);
            case "macro":
                return ParseMacro(tag.Line);
            case "call":
                return ParseCall(tag.Line);
            case "with":
                return ParseWith(tag.Line);
            case "block":
                return ParseBlock(tag.Line);
            case "filter":
                var filters = _in.ParseFilterChain();
                EndTag();
                return new FilterBlockStatement(tag.Line, filters, ParseApart("endfilter"));
            case "generation":
                EndTag();
                return new WithStatement(tag.Line, [], ParseApart("endgeneration"));
            case "print":
                var printed = _in.Parse();
                while (_in.Accept(",")) printed = new BinaryExpression(tag.Line, "~", printed, _in.Parse());
                EndTag();
                return new OutputStatement(tag.Line, printed);
            case "break" or "continue":
                if (_loops == 0) throw _in.Error($"tag '{tag.Text}' stands outside a loop");
                EndTag();
                return new LoopControlStatement(tag.Line, tag.Text == "break");
            default:
                throw _in.Error($"tag '{tag.Text}' is not known");
        }
    }

    private void EndTag() => _in.Expect(JinjaTokenKind.TagEnd);

    private void Close()
    {
        _in.Take();
        EndTag();
    }

    // A body that is a function of its own in Jinja: break and continue do not leave it.
    private List<Statement> ParseApart(string end, string? name = null)
    {
        int loops = _loops;
        _loops = 0;
        var body = ParseBody(end);
        _loops = loops;
        _in.Take();
        // Jinja allows the name of a macro or block behind its end.
        if (name is not null) _in.AcceptName(name);
        EndTag();
        return body;
    }

    private IfStatement ParseIf(int line)
    {
        var branches = new List<(Expression?, List<Statement>)>();
        Expression? test = _in.ParseTuple();
        while (true)
        {
            EndTag();
            branches.Add((test, test is null ? ParseBody("endif") : ParseBody("elif", "else", "endif")));
            string end = _in.Take().Text;
            if (end == "endif") break;
            test = end == "elif" ? _in.ParseTuple() : null;
        }
        EndTag();
        return new IfStatement(line, branches);
    }

    private ForStatement ParseFor(int line)
    {
        var target = ParseTargets(attributes: false);
        if (!_in.AcceptName("in")) throw _in.Error("a for tag has no 'in'");
        var items = _in.ParseTuple(conditional: false);
        var filter = _in.AcceptName("if") ? _in.Parse() : null;
        bool recursive = _in.AcceptName("recursive");
        EndTag();
        _loops++;
        var body = ParseBody("else", "endfor");
        _loops--;
        var otherwise = new List<Statement>();
        if (_in.Current.IsName("else"))
        {
            Close();
            otherwise = ParseBody("endfor");
        }
        Close();
        return new ForStatement(line, target, items, filter, recursive, body, otherwise);
    }

    private BlockStatement ParseBlock(int line)
    {
        string name = _in.Expect(JinjaTokenKind.Name).Text;
        bool scoped = _in.AcceptName("scoped");
        if (_in.AcceptName("required")) throw _in.Error($"block '{name}' is required, which only a template that extends another can give");
        EndTag();
        return new BlockStatement(line, scoped, ParseApart("endblock", name));
    }
}
