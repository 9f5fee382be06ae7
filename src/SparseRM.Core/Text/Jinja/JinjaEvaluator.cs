using System.Runtime.CompilerServices;
using SparseRM.Errors;

namespace SparseRM.Text.Jinja;

/// <summary>Executes the statements of a parsed template once, within a budget of steps and depth.</summary>
internal sealed partial class JinjaEvaluator
{
    private const int Deepest = 400;
    private readonly string _name;
    private readonly JinjaBudget _budget = new();
    private readonly JinjaScope _globals = new(null);
    private TracedText.Builder _output = new();
    private JinjaScope _scope;
    private int _depth, _line;

    private JinjaEvaluator(string name, IEnumerable<KeyValuePair<string, object?>> variables)
    {
        _name = name;
        foreach (var (key, value) in JinjaFunctions.All(name).Concat(variables)) _globals.Set(key, value);
        _scope = new JinjaScope(_globals);
    }

    private enum Flow { Next, Break, Continue }

    /// <summary>Renders the template with the given variables.</summary>
    public static TracedText Render(string name, List<Statement> template, IEnumerable<KeyValuePair<string, object?>> variables)
    {
        var evaluator = new JinjaEvaluator(name, variables);
        try
        {
            evaluator.Run(template);
            return evaluator._output.ToText();
        }
        catch (JinjaException error)
        {
            throw new ModelFormatException(name, $"chat template, line {evaluator._line}: {error.Message}", error);
        }
    }

    private Flow Run(List<Statement> body)
    {
        foreach (var statement in body)
        {
            _budget.Spend(1);
            _line = statement.Line;
            var flow = Run(statement);
            if (flow != Flow.Next) return flow;
        }
        return Flow.Next;
    }

    private Flow Run(Statement statement)
    {
        switch (statement)
        {
            case DataStatement data:
                Write(data.Text);
                return Flow.Next;
            case OutputStatement output:
                Write(JinjaValues.Print(Evaluate(output.Value)));
                return Flow.Next;
            case IfStatement choice:
                foreach (var (test, body) in choice.Branches)
                    if (test is null || JinjaValues.IsTrue(Evaluate(test))) return RunDeeper(body);
                return Flow.Next;
            case ForStatement loop:
                return RunLoop(loop);
            case SetStatement set:
                RunSet(set);
                return Flow.Next;
            case SetBlockStatement block:
                object? captured = Capture(block.Body, new JinjaScope(_scope));
                foreach (var (filter, arguments) in block.Filters) captured = JinjaFilters.Apply(filter, captured,
                    Arguments($"filter '{filter}'", arguments));
                Assign(block.Name, block.Attribute, captured);
                return Flow.Next;
            case MacroStatement macro:
                var home = _scope;
                _scope.Set(macro.Name, (JinjaFunction)(arguments => CallMacro(macro, home, arguments)));
                return Flow.Next;
            case LoopControlStatement control:
                return control.Breaks ? Flow.Break : Flow.Continue;
            default:
                throw new InvalidOperationException(statement.GetType().Name);
        }
    }

    private Flow RunDeeper(List<Statement> body)
    {
        Enter();
        var flow = Run(body);
        _depth--;
        return flow;
    }

    private Flow RunLoop(ForStatement loop)
    {
        var items = JinjaValues.Items(Evaluate(loop.Items));
        _budget.Spend(items.Count);
        var outer = _scope;
        if (loop.Filter is not null)
            items = items.FindAll(item =>
            {
                _scope = new JinjaScope(outer);
                Bind(loop.Targets, item);
                return JinjaValues.IsTrue(Evaluate(loop.Filter));
            });
        _scope = outer;
        if (items.Count == 0) return RunDeeper(loop.Else);
        var state = new JinjaLoop(items);
        for (int i = 0; i < items.Count; i++)
        {
            state.Index = i;
            _scope = new JinjaScope(outer);
            _scope.Set("loop", state);
            Bind(loop.Targets, items[i]);
            if (RunDeeper(loop.Body) == Flow.Break) break;
        }
        _scope = outer;
        return Flow.Next;
    }

    private void RunSet(SetStatement set)
    {
        object? value = Evaluate(set.Value);
        if (set.Targets.Count == 1)
        {
            Assign(set.Targets[0].Name, set.Targets[0].Attribute, value);
            return;
        }
        var parts = Unpack(value, set.Targets.Count);
        for (int i = 0; i < parts.Count; i++) Assign(set.Targets[i].Name, set.Targets[i].Attribute, parts[i]);
    }

    private void Bind(List<string> targets, object? item)
    {
        if (targets.Count == 1)
        {
            _scope.Set(targets[0], item);
            return;
        }
        var parts = Unpack(item, targets.Count);
        for (int i = 0; i < parts.Count; i++) _scope.Set(targets[i], parts[i]);
    }

    private static List<object?> Unpack(object? value, int count)
    {
        var parts = JinjaValues.Items(value);
        return parts.Count == count ? parts : throw new JinjaException($"{parts.Count} values do not go into {count} names");
    }

    private void Assign(string name, string? attribute, object? value)
    {
        if (attribute is null) _scope.Set(name, value);
        else if (_scope.Get(name) is JinjaNamespace space) space.Attributes[attribute] = value;
        else throw new JinjaException($"'{name}.{attribute}' cannot be set: '{name}' is not a namespace");
    }

    private void Write(TracedText text)
    {
        _budget.SpendText(text.Text.Length);
        _output.Append(text);
    }

    private TracedText Capture(List<Statement> body, JinjaScope scope)
    {
        var (output, outer) = (_output, _scope);
        (_output, _scope) = (new TracedText.Builder(), scope);
        RunDeeper(body);
        var text = _output.ToText();
        (_output, _scope) = (output, outer);
        return text;
    }

    private TracedText CallMacro(MacroStatement macro, JinjaScope home, JinjaArguments arguments)
    {
        // A macro sees what surrounds its definition, not what surrounds its call.
        var scope = new JinjaScope(home);
        foreach (var (name, otherwise) in macro.Parameters)
            scope.Set(name, arguments.TryTake(name, out object? value) ? value : otherwise is null ? new JinjaUndefined(name)
                : Evaluate(otherwise));
        arguments.Done();
        int line = _line;
        var text = Capture(macro.Body, scope);
        _line = line;
        return text;
    }

    private void Enter()
    {
        if (++_depth > Deepest || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw new JinjaException($"goes deeper than {Deepest} levels of expressions, blocks and macros");
    }
}
