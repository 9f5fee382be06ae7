namespace SparseRM.Text.Jinja;

/// <summary>Parses a template into statements; tags, filters and tests that are not known are refused by name.</summary>
internal sealed class JinjaParser
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
            else ParseTag(body);
        }
        if (!ends.IsEmpty && _in.Current.Kind == JinjaTokenKind.End) throw _in.Error($"tag '{ends[^1]}' is missing");
        _in.Leave();
        return body;
    }

    private static bool IsEnd(string word) =>
        word is "else" or "elif" or "endif" or "endfor" or "endset" or "endmacro" or "endgeneration" or "endraw";

    private void ParseTag(List<Statement> body)
    {
        var tag = _in.Expect(JinjaTokenKind.Name);
        switch (tag.Text)
        {
            case "if":
                body.Add(ParseIf(tag.Line));
                break;
            case "for":
                body.Add(ParseFor(tag.Line));
                break;
            case "set":
                body.Add(ParseSet(tag.Line));
                break;
            case "macro":
                body.Add(ParseMacro(tag.Line));
                break;
            case "break" or "continue":
                if (_loops == 0) throw _in.Error($"tag '{tag.Text}' stands outside a loop");
                EndTag();
                body.Add(new LoopControlStatement(tag.Line, tag.Text == "break"));
                break;
            case "generation":
                // transformers marks the assistant's text so for training; it renders as what it encloses.
                EndTag();
                body.AddRange(ParseBody("endgeneration"));
                Close();
                break;
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
        bool parenthesis = _in.Accept("(");
        var targets = new List<string> { _in.Expect(JinjaTokenKind.Name).Text };
        while (_in.Accept(",")) targets.Add(_in.Expect(JinjaTokenKind.Name).Text);
        if (parenthesis) _in.Expect(")");
        if (!_in.AcceptName("in")) throw _in.Error("a for tag has no 'in'");
        var items = _in.ParseTuple(conditional: false);
        var filter = _in.AcceptName("if") ? _in.Parse() : null;
        if (_in.Current.IsName("recursive")) throw _in.Error("'recursive' loops are not supported");
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
        return new ForStatement(line, targets, items, filter, body, otherwise);
    }

    private Statement ParseSet(int line)
    {
        var targets = new List<(string Name, string? Attribute)>();
        do
        {
            string name = _in.Expect(JinjaTokenKind.Name).Text;
            targets.Add((name, _in.Accept(".") ? _in.Expect(JinjaTokenKind.Name).Text : null));
        }
        while (_in.Accept(","));
        if (_in.Accept("="))
        {
            var value = _in.ParseTuple();
            EndTag();
            return new SetStatement(line, targets, value);
        }
        if (targets.Count > 1) throw _in.Error("a set tag with several names has no '='");
        var filters = _in.ParseFilters();
        EndTag();
        var body = ParseBody("endset");
        Close();
        return new SetBlockStatement(line, targets[0].Name, targets[0].Attribute, filters, body);
    }

    private MacroStatement ParseMacro(int line)
    {
        string name = _in.Expect(JinjaTokenKind.Name).Text;
        var parameters = new List<(string, Expression?)>();
        _in.Expect("(");
        while (!_in.Accept(")"))
        {
            if (parameters.Count > 0) _in.Expect(",");
            string parameter = _in.Expect(JinjaTokenKind.Name).Text;
            parameters.Add((parameter, _in.Accept("=") ? _in.Parse() : null));
        }
        EndTag();
        int loops = _loops;
        _loops = 0;
        var body = ParseBody("endmacro");
        _loops = loops;
        // Jinja allows the macro's name after endmacro.
        _in.Take();
        _in.AcceptName(name);
        EndTag();
        return new MacroStatement(line, name, parameters, body);
    }
}
