using SparseRM.Errors;

namespace SparseRM.Text.Jinja;

/// <summary>Executes the statements of a parsed template once, within a budget of work, bytes and depth.</summary>
internal sealed partial class JinjaEvaluator
{
    private const int LongestShown = 300;
    private readonly JinjaBudget _budget;
    private readonly JinjaScope _template;
    private TracedText.Builder _output = new(512);
    private JinjaScope _scope;
    private int _line;

    private JinjaEvaluator(JinjaScope given, JinjaBudget budget)
    {
        _budget = budget;
        _scope = _template = new JinjaScope(given);
    }

    private enum Flow { Next, Break, Continue }

    /// <summary>Renders the template with the given variables.</summary>
    /// <param name="name">What refusals name.</param>
    /// <param name="template">Its statements.</param>
    /// <param name="given">Variables and functions that it finds.</param>
    /// <param name="budget">What it may spend.</param>
    public static TracedText Render(string name, List<Statement> template, JinjaScope given, JinjaBudget budget)
    {
        var evaluator = new JinjaEvaluator(given, budget);
        try
        {
            evaluator.Run(template);
            return evaluator._output.ToText();
        }
        catch (JinjaException error)
        {
            throw new ModelFormatException(name, $"chat template, line {evaluator._line}: {Shown(error.Message)}", error);
        }
    }

    /// <summary>Text of a template as a message shows it: without control characters, and not without end.</summary>
    public static string Shown(string text)
    {
        if (text.Length > LongestShown) text = text[..(LongestShown - (char.IsHighSurrogate(text[LongestShown - 1]) ? 1 : 0))] + "...";
        return text.Any(char.IsControl) ? string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c)) : text;
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
                Write(JinjaPrint.Print(Evaluate(output.Value), _budget));
                return Flow.Next;
            case IfStatement choice:
                foreach (var (test, body) in choice.Branches)
                    if (test is null || JinjaValues.IsTrue(Evaluate(test))) return RunDeeper(body);
                return Flow.Next;
            case ForStatement loop:
                return RunLoop(loop, Evaluate(loop.Items), _scope, 0);
            case SetStatement set:
                Assign(set.Target, Evaluate(set.Value));
                return Flow.Next;
            case SetBlockStatement block:
                Assign(block.Target, Filtered(Capture(block.Body, Inner(_scope)), block.Filters));
                return Flow.Next;
            case FilterBlockStatement block:
                Write(JinjaPrint.Print(Filtered(Capture(block.Body, Inner(_scope)), block.Filters), _budget));
                return Flow.Next;
            case WithStatement with:
                return RunWith(with);
            case BlockStatement block:
                return RunIn(Inner(block.IsScoped ? _scope : _template), block.Body);
            case MacroStatement macro:
                _scope.Set(macro.Name, Function(macro));
                return Flow.Next;
            case CallBlockStatement block:
                Write(JinjaPrint.Print(EvaluateCall(block.Call, Function(block.Caller)), _budget));
                return Flow.Next;
            case LoopControlStatement control:
                return control.Breaks ? Flow.Break : Flow.Continue;
            default:
                throw new InvalidOperationException(statement.GetType().Name);
        }
    }

    private Flow RunDeeper(List<Statement> body)
    {
        _budget.Enter();
        var flow = Run(body);
        _budget.Leave();
        return flow;
    }

    private Flow RunIn(JinjaScope scope, List<Statement> body)
    {
        var outer = _scope;
        _scope = scope;
        var flow = RunDeeper(body);
        _scope = outer;
        return flow;
    }

    private Flow RunWith(WithStatement with)
    {
        var scope = Inner(_scope);
        var values = with.Values.ConvertAll(item => Evaluate(item.Value));
        for (int i = 0; i < values.Count; i++) Bind(scope, with.Values[i].Target, values[i]);
        return RunIn(scope, with.Body);
    }

    private Flow RunLoop(ForStatement loop, object? value, JinjaScope outer, int depth)
    {
        var items = JinjaValues.Items(value, _budget);
        var caller = _scope;
        if (loop.Filter is not null)
            items = items.FindAll(item =>
            {
                _scope = Inner(outer);
                Bind(_scope, loop.Target, item);
                return JinjaValues.IsTrue(Evaluate(loop.Filter));
            });
        JinjaFunction? again = loop.IsRecursive ? arguments => RunAgain(loop, arguments, outer, depth + 1) : null;
        var state = new JinjaLoop(items, depth, again);
        _scope = caller;
        if (items.Count == 0) return RunIn(Inner(outer), loop.Else);
        for (int i = 0; i < items.Count; i++)
        {
            state.Index = i;
            var scope = Inner(outer);
            scope.Set("loop", state);
            Bind(scope, loop.Target, items[i]);
            if (RunIn(scope, loop.Body) == Flow.Break) break;
        }
        return Flow.Next;
    }

    private TracedText RunAgain(ForStatement loop, JinjaArguments arguments, JinjaScope outer, int depth)
    {
        object? items = arguments.Take("iterable");
        arguments.Done();
        return Captured(() => RunLoop(loop, items, outer, depth));
    }

    private object? Filtered(object? value, List<(string Name, CallArguments Arguments)> filters)
    {
        foreach (var (filter, arguments) in filters) value = JinjaFilters.Apply(filter, value, Arguments($"filter '{filter}'", arguments));
        return value;
    }

    private void Write(TracedText text)
    {
        _budget.Hold(text.Size);
        _budget.Read(text.Text.Length);
        _output.Append(text);
    }
}
