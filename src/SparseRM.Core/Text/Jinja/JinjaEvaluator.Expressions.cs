namespace SparseRM.Text.Jinja;

internal sealed partial class JinjaEvaluator
{
    private object? Evaluate(Expression expression)
    {
        Enter();
        _budget.Spend(1);
        object? value = expression switch
        {
            LiteralExpression literal => literal.Value,
            NameExpression name => _scope.Get(name.Name),
            ListExpression list => EvaluateAll(list.Items),
            DictExpression dict => EvaluateDict(dict),
            AttributeExpression attribute => JinjaMethods.Attribute(Evaluate(attribute.Target), attribute.Name),
            IndexExpression index => JinjaOperators.Index(Evaluate(index.Target), Evaluate(index.Index)),
            SliceExpression slice =>
                JinjaOperators.Slice(Evaluate(slice.Target), EvaluateOptional(slice.Start), EvaluateOptional(slice.Stop),
                EvaluateOptional(slice.Step), _budget),
            CallExpression call => EvaluateCall(call),
            FilterExpression filter =>
                JinjaFilters.Apply(filter.Name, Evaluate(filter.Target), Arguments($"filter '{filter.Name}'", filter.Arguments)),
            TestExpression test =>
                JinjaTests.Apply(test.Name, Evaluate(test.Target), Arguments($"test '{test.Name}'", test.Arguments)) != test.Negated,
            UnaryExpression unary => EvaluateUnary(unary),
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
        _depth--;
        return value;
    }

    private object? EvaluateOptional(Expression? expression) => expression is null ? null : Evaluate(expression);

    private List<object?> EvaluateAll(List<Expression> items)
    {
        var values = new List<object?>(items.Count);
        foreach (var item in items) values.Add(Evaluate(item));
        return values;
    }

    private JinjaDict EvaluateDict(DictExpression dict)
    {
        var values = new JinjaDict();
        foreach (var (key, value) in dict.Items) values[JinjaValues.Text(Evaluate(key), "a mapping's key").Text] = Evaluate(value);
        return values;
    }

    private JinjaArguments Arguments(string callee, CallArguments arguments)
    {
        var named = new List<(string, object?)>(arguments.Named.Count);
        var positional = EvaluateAll(arguments.Positional);
        foreach (var (name, value) in arguments.Named) named.Add((name, Evaluate(value)));
        return new JinjaArguments(callee, positional, named, _budget);
    }

    private object? EvaluateCall(CallExpression call)
    {
        object? target = Evaluate(call.Target);
        string callee = call.Target switch
        {
            NameExpression name => name.Name,
            AttributeExpression attribute => attribute.Name,
            _ =>
            "the called value"
        };
        if (target is JinjaUndefined) throw new JinjaException($"function '{callee}' is not known");
        if (target is not JinjaFunction function) throw new JinjaException($"'{callee}' is {JinjaValues.TypeName(target)}, not a function");
        return function(Arguments(callee, call.Arguments));
    }

    private object? EvaluateUnary(UnaryExpression unary)
    {
        object? value = Evaluate(unary.Operand);
        if (unary.Operator == "not") return !JinjaValues.IsTrue(value);
        return JinjaOperators.Binary(unary.Operator, 0L, value, _budget);
    }

    private bool EvaluateCompare(CompareExpression compare)
    {
        object? left = Evaluate(compare.First);
        foreach (var (op, operand) in compare.Rest)
        {
            object? right = Evaluate(operand);
            if (!JinjaOperators.Compare(op, left, right)) return false;
            left = right;
        }
        return true;
    }
}
