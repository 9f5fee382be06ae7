using System.Globalization;
using System.Text;

namespace SparseRM.Text.Jinja;

// Literals, names, brackets and arguments.
internal sealed partial class JinjaExpressionParser
{
    /// <summary>Arguments in brackets.</summary>
    public CallArguments ParseArguments()
    {
        Enter();
        Expect("(");
        var arguments = new CallArguments([], []);
        for (bool first = true; !Accept(")"); first = false)
        {
            if (!first)
            {
                Expect(",");
                if (Accept(")")) break;
            }
            if (arguments.SpreadNamed is not null) throw Error("an argument follows **");
            if (Accept("**")) arguments.SpreadNamed = Parse();
            else if (Current.Kind == JinjaTokenKind.Name && tokens[_at + 1].Is("="))
            {
                string argument = Take().Text;
                Expect("=");
                arguments.Named.Add((argument, Parse()));
            }
            else if (arguments.Spread is not null || arguments.Named.Count > 0) throw Error("a positional argument follows a named one or *");
            else if (Accept("*")) arguments.Spread = Parse();
            else arguments.Positional.Add(Parse());
        }
        Leave();
        return arguments;
    }

    private Expression ParsePrimary()
    {
        var token = Take();
        switch (token.Kind)
        {
            case JinjaTokenKind.Name:
                return token.Text switch
                {
                    "true" or "True" => new LiteralExpression(token.Line, true),
                    "false" or "False" => new LiteralExpression(token.Line, false),
                    "none" or "None" => new LiteralExpression(token.Line, null),
                    _ => Named(token),
                };
            case JinjaTokenKind.String:
                if (Current.Kind != JinjaTokenKind.String) return new LiteralExpression(token.Line, TracedText.Of(token.Text));
                var text = new StringBuilder(token.Text);
                while (Current.Kind == JinjaTokenKind.String) text.Append(Take().Text);
                return new LiteralExpression(token.Line, TracedText.Of(text.ToString()));
            case JinjaTokenKind.Integer:
                return new LiteralExpression(token.Line, long.Parse(token.Text, CultureInfo.InvariantCulture));
            case JinjaTokenKind.Float:
                return new LiteralExpression(token.Line, double.Parse(token.Text, CultureInfo.InvariantCulture));
            case JinjaTokenKind.Operator when token.Text == "(":
                return ParseParenthesis(token.Line);
            case JinjaTokenKind.Operator when token.Text == "[":
                return new ListExpression(token.Line, ParseItems("]"), IsTuple: false);
            case JinjaTokenKind.Operator when token.Text == "{":
                return ParseDict(token.Line);
            default:
                throw Error($"expected a value, found {Shown(token)}");
        }
    }

    private NameExpression Named(JinjaToken token)
    {
        if (token.Text is "varargs" or "kwargs" or "caller") Special.Add(token.Text);
        return new NameExpression(token.Line, token.Text);
    }

    private Expression ParseParenthesis(int line)
    {
        if (Accept(")")) return new ListExpression(line, [], IsTuple: true);
        var value = ParseTuple();
        Expect(")");
        return value;
    }

    private List<Expression> ParseItems(string close)
    {
        var items = new List<Expression>();
        while (!Accept(close))
        {
            if (items.Count > 0)
            {
                Expect(",");
                if (Accept(close)) break;
            }
            items.Add(Parse());
        }
        return items;
    }

    private DictExpression ParseDict(int line)
    {
        var items = new List<(Expression, Expression)>();
        while (!Accept("}"))
        {
            if (items.Count > 0)
            {
                Expect(",");
                if (Accept("}")) break;
            }
            var key = Parse();
            Expect(":");
            items.Add((key, Parse()));
        }
        return new DictExpression(line, items);
    }
}
