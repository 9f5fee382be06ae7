namespace SparseRM.Text.Jinja;

// Assignments, captured output and macros.
internal sealed partial class JinjaEvaluator
{
    private JinjaScope Inner(JinjaScope outer)
    {
        _budget.Hold(JinjaScope.Size);
        return new JinjaScope(outer);
    }

    private void Assign(Target target, object? value)
    {
        switch (target)
        {
            case NameTarget { Attribute: { } attribute } named:
                if (_scope.Get(named.Name) is not JinjaNamespace space)
                    throw new JinjaException($"'{named.Name}.{attribute}' cannot be set: '{named.Name}' is not a namespace");
                space.Attributes[attribute] = value;
                break;
            case NameTarget named:
                _scope.Set(named.Name, value);
                break;
            case TupleTarget tuple:
                var parts = Unpack(value, tuple.Parts.Count);
                for (int i = 0; i < parts.Count; i++) Assign(tuple.Parts[i], parts[i]);
                break;
        }
    }

    private void Bind(JinjaScope scope, Target target, object? value)
    {
        if (target is NameTarget named)
        {
            scope.Set(named.Name, value);
            return;
        }
        var targets = ((TupleTarget)target).Parts;
        var parts = Unpack(value, targets.Count);
        for (int i = 0; i < parts.Count; i++) Bind(scope, targets[i], parts[i]);
    }

    private List<object?> Unpack(object? value, int count)
    {
        var parts = JinjaValues.Items(value, _budget);
        return parts.Count == count ? parts : throw new JinjaException($"{parts.Count} values do not go into {count} names");
    }

    private TracedText Capture(List<Statement> body, JinjaScope scope) => Captured(() => RunIn(scope, body));

    private TracedText Captured(Action render)
    {
        var output = _output;
        _output = new TracedText.Builder();
        _budget.Hold(JinjaScope.Size);
        render();
        var text = _output.ToText();
        _budget.Hold(text.Size);
        _output = output;
        return text;
    }

    private JinjaFunction Function(MacroStatement macro)
    {
        // A macro sees what surrounds its definition, not what surrounds its call.
        var home = _scope;
        _budget.Hold(JinjaScope.Size);
        return arguments => CallMacro(macro, home, arguments);
    }

    private TracedText CallMacro(MacroStatement macro, JinjaScope home, JinjaArguments arguments)
    {
        var scope = Inner(home);
        var (outer, line) = (_scope, _line);
        _scope = scope;
        foreach (var (name, otherwise) in macro.Parameters)
            scope.Set(name, arguments.TryTake(name, out object? value) ? value
                : otherwise is null ? new JinjaUndefined(name) : Evaluate(otherwise));
        if (macro.Takes.Contains("caller") && !macro.Parameters.Exists(parameter => parameter.Name == "caller"))
            scope.Set("caller", arguments.TryTakeNamed("caller", out object? caller) ? caller : new JinjaUndefined("caller"));
        if (macro.Takes.Contains("varargs")) scope.Set("varargs", new JinjaTuple(arguments.TakeRest()));
        if (macro.Takes.Contains("kwargs"))
        {
            var rest = new JinjaDict();
            foreach (var (name, value) in arguments.TakeNamed()) rest.Set(name, value);
            scope.Set("kwargs", rest);
        }
        arguments.Done();
        _scope = outer;
        var text = Capture(macro.Body, scope);
        _line = line;
        return text;
    }
}
