namespace SparseRM.Text.Jinja;

// What stands behind a value: filters and tests.
internal sealed partial class JinjaExpressionParser
{
    private Expression ParseFiltersAndTests(Expression value)
    {
        while (true)
        {
            int line = Current.Line;
            if (Accept("|"))
            {
                var (filter, arguments) = ParseFilter();
                value = new FilterExpression(line, value, filter, arguments);
            }
            else if (AcceptName("is")) value = ParseTest(value, line);
            else if (Current.Is("(")) value = new CallExpression(line, value, ParseArguments());
            else return value;
        }
    }

    private (string Name, CallArguments Arguments) ParseFilter()
    {
        string filter = Expect(JinjaTokenKind.Name).Text;
        if (!JinjaFilters.Names.Contains(filter)) throw Error($"filter '{filter}' is not known");
        return (filter, Current.Is("(") ? ParseArguments() : CallArguments.None);
    }

    private Expression ParseTest(Expression value, int line)
    {
        bool negated = AcceptName("not");
        string test = Expect(JinjaTokenKind.Name).Text;
        if (!JinjaTests.Names.Contains(test)) throw Error($"test '{test}' is not known");
        var arguments = CallArguments.None;
        if (Current.Is("(")) arguments = ParseArguments();
        else if (StartsExpression && !Current.Is("-") && !Current.Is("+")
            && !IsKeyword(Current.Text)) arguments = new CallArguments([ParsePostfix(ParsePrimary())], []);
        return new TestExpression(line, value, test, arguments, negated);
    }

    private bool IsKeyword(string word) =>
        Current.Kind == JinjaTokenKind.Name && word is "else" or "or" or "and" or "is" or "if" or "in" or "not";
}
