namespace SparseRM.Text.Jinja;

internal sealed partial class JinjaEvaluator
{
    private object? Evaluate(Expression expression)
    {
        _budget.Enter();
        _budget.Spend(1);
        object? value = expression switch
        {
            LiteralExpression literal => literal.Value,
            NameExpression name => _scope.Get(name.Name),
            ListExpression { IsTuple: true } tuple => new JinjaTuple(EvaluateAll(tuple.Items)),
            ListExpression list => new JinjaList(EvaluateAll(list.Items)),
            DictExpression dict => EvaluateDict(dict),
            AttributeExpression attribute => JinjaMethods.Attribute(Evaluate(attribute.Target), attribute.Name, _budget),
            IndexExpression index => JinjaOperators.Index(Evaluate(index.Target), Evaluate(index.Index), _budget),
            SliceExpression slice =>
                JinjaOperators.Slice(Evaluate(slice.Target), EvaluateOptional(slice.Start), EvaluateOptional(slice.Stop),
                EvaluateOptional(slice.Step), _budget),
            CallExpression call => EvaluateCall(call, null),
            FilterExpression filter =>
                JinjaFilters.Apply(filter.Name, Evaluate(filter.Target), Arguments(filter.Callee, filter.Arguments)),
            TestExpression test =>
                JinjaTests.Apply(test.Name, Evaluate(test.Target), Arguments(test.Callee, test.Arguments)) != test.Negated,
            UnaryExpression { Operator: "not" } unary => !JinjaValues.IsTrue(Evaluate(unary.Operand)),
            UnaryExpression unary => JinjaOperators.Unary(unary.Operator, Evaluate(unary.Operand), _budget),
            BinaryExpression { Operator: "and" } both =>
                Evaluate(both.Left) is var left && JinjaValues.IsTrue(left) ? Evaluate(both.Right) : left,
            BinaryExpression { Operator: "or" } either =>
                Evaluate(either.Left) is var left && JinjaValues.IsTrue(left) ? left : Evaluate(either.Right),
            BinaryExpression binary => JinjaOperators.Binary(binary.Operator, Evaluate(binary.Left), Evaluate(binary.Right), _budget),
            CompareExpression compare => EvaluateCompare(compare),
            ConditionalExpression choice =>
                JinjaValues.IsTrue(Evaluate(choice.Test)) ? Evaluate(choice.Then) : choice.Else is null
                ? new JinjaUndefined("the missing else of an inline if") : Evaluate(choice.Else),
            _ => throw new InvalidOperationException(expression.GetType().Name),
        };
        _budget.Leave();
        return value;
    }

    private object? EvaluateOptional(Expression? expression) => expression is null ? null : Evaluate(expression);

    private List<object?> EvaluateAll(List<Expression> items)
    {
        if (items.Count > 0) _budget.Items(items.Count);
        var values = new List<object?>(items.Count);
        foreach (var item in items) values.Add(Evaluate(item));
        return values;
    }

    private JinjaDict EvaluateDict(DictExpression dict)
    {
        _budget.Items(4L * dict.Items.Count);
        _budget.Hold(JinjaScope.Size);
        var values = new JinjaDict();
        foreach (var (key, value) in dict.Items)
        {
            object? name = Evaluate(key);
            if (name is TracedText text) _budget.Read(text.Text.Length);
            values.Set(name, Evaluate(value));
        }
        return values;
    }

    private JinjaArguments Arguments(string callee, CallArguments arguments)
    {
        var positional = EvaluateAll(arguments.Positional);
        if (arguments.Spread is not null)
        {
            var spread = JinjaValues.Items(Evaluate(arguments.Spread), _budget);
            _budget.Items(spread.Count);
            positional.AddRange(spread);
        }
        if (arguments.Named.Count == 0 && arguments.SpreadNamed is null) return new JinjaArguments(callee, positional, [], _budget);
        var named = new List<(string, object?)>(arguments.Named.Count);
        foreach (var (name, value) in arguments.Named) named.Add((name, Evaluate(value)));
        if (arguments.SpreadNamed is not null)
        {
            var spread = Evaluate(arguments.SpreadNamed) as JinjaDict ?? throw new JinjaException("what ** spreads is not a mapping");
            _budget.Items(2L * spread.Count);
            foreach (var (key, value) in spread.Entries) named.Add((JinjaValues.Text(key, "the name of an argument").Text, value));
        }
        return new JinjaArguments(callee, positional, named, _budget);
    }

    private object? EvaluateCall(CallExpression call, JinjaFunction? caller)
    {
        object? target = Evaluate(call.Target);
        string callee = call.Target switch
        {
            NameExpression name => name.Name,
            AttributeExpression attribute => attribute.Name.Text,
            _ => "the called value",
        };
        if (target is JinjaUndefined) throw new JinjaException($"function '{callee}' is not known");
        JinjaFunction? function = target is JinjaLoop loop ? loop.Call : target as JinjaFunction;
        if (function is null) throw new JinjaException($"'{callee}' is {JinjaValues.TypeName(target)}, not a function");
        var arguments = Arguments(callee, call.Arguments);
        return function(caller is null ? arguments : arguments.With("caller", caller));
    }

    private bool EvaluateCompare(CompareExpression compare)
    {
        object? left = Evaluate(compare.First);
        foreach (var (op, operand) in compare.Rest)
        {
            object? right = Evaluate(operand);
            if (!JinjaOperators.Compare(op, left, right, _budget)) return false;
            left = right;
        }
        return true;
    }
}
