namespace SparseRM.Text.Jinja;

// Tags that give names to values: set, with, macro, call.
internal sealed partial class JinjaParser
{
    // a, or a, b, or (a, (b, c)).
    private Target ParseTargets(bool attributes)
    {
        var first = ParseTarget(attributes);
        if (!_in.Current.Is(",")) return first;
        var parts = new List<Target> { first };
        while (_in.Accept(",") && (_in.Current.Kind == JinjaTokenKind.Name && !_in.Current.IsName("in") || _in.Current.Is("("))) parts.Add(ParseTarget(attributes));
        return new TupleTarget(parts);
    }

    private Target ParseTarget(bool attributes)
    {
        if (_in.Accept("("))
        {
            _in.Enter();
            var inner = ParseTargets(attributes);
            _in.Leave();
            _in.Expect(")");
            return inner;
        }
        string name = _in.Expect(JinjaTokenKind.Name).Text;
        return new NameTarget(name, attributes && _in.Accept(".") ? _in.Expect(JinjaTokenKind.Name).Text : null);
    }

    private Statement ParseSet(int line)
    {
        var target = ParseTargets(attributes: true);
        if (_in.Accept("="))
        {
            var value = _in.ParseTuple();
            EndTag();
            return new SetStatement(line, target, value);
        }
        if (target is not NameTarget single) throw _in.Error("a set tag with several names has no '='");
        var filters = _in.ParseFilters();
        EndTag();
        return new SetBlockStatement(line, single, filters, ParseApart("endset"));
    }

    private WithStatement ParseWith(int line)
    {
        var values = new List<(Target, Expression)>();
        while (_in.Current.Kind != JinjaTokenKind.TagEnd)
        {
            if (values.Count > 0) _in.Expect(",");
            var target = ParseTarget(attributes: false);
            _in.Expect("=");
            values.Add((target, _in.Parse()));
        }
        EndTag();
        var body = ParseBody("endwith");
        Close();
        return new WithStatement(line, values, body);
    }

    private MacroStatement ParseMacro(int line)
    {
        string name = _in.Expect(JinjaTokenKind.Name).Text;
        var parameters = ParseParameters();
        EndTag();
        return ParseMacroBody(line, name, parameters, "endmacro");
    }

    private CallBlockStatement ParseCall(int line)
    {
        var parameters = _in.Current.Is("(") ? ParseParameters() : [];
        var call = _in.Parse() as CallExpression ?? throw _in.Error("a call tag calls nothing");
        EndTag();
        return new CallBlockStatement(line, call, ParseMacroBody(line, "caller", parameters, "endcall"));
    }

    private MacroStatement ParseMacroBody(int line, string name, List<(string, Expression?)> parameters, string end)
    {
        var outer = _in.Special;
        _in.Special = [];
        var body = ParseApart(end, end == "endmacro" ? name : null);
        var takes = _in.Special;
        _in.Special = outer;
        foreach (string special in takes) outer.Add(special);
        return new MacroStatement(line, name, parameters, takes, body);
    }

    private List<(string, Expression?)> ParseParameters()
    {
        var parameters = new List<(string, Expression?)>();
        _in.Expect("(");
        while (!_in.Accept(")"))
        {
            if (parameters.Count > 0)
            {
                _in.Expect(",");
                if (_in.Accept(")")) break;
            }
            string parameter = _in.Expect(JinjaTokenKind.Name).Text;
            parameters.Add((parameter, _in.Accept("=") ? _in.Parse() : null));
        }
        return parameters;
    }
}
