namespace SparseRM.Text.Jinja;

/// <summary>An expression; <paramref name="Line"/> is where it begins.</summary>
internal abstract record Expression(int Line);

/// <summary>A literal string, number, boolean or none.</summary>
internal sealed record LiteralExpression(int Line, object? Value) : Expression(Line);

/// <summary>A variable.</summary>
internal sealed record NameExpression(int Line, string Name) : Expression(Line);

/// <summary><c>[a, b]</c>, or <c>(a, b)</c>.</summary>
internal sealed record ListExpression(int Line, List<Expression> Items, bool IsTuple) : Expression(Line);

/// <summary><c>{a: b}</c>.</summary>
internal sealed record DictExpression(int Line, List<(Expression Key, Expression Value)> Items) : Expression(Line);

/// <summary><c>target.name</c>.</summary>
internal sealed record AttributeExpression(int Line, Expression Target, TracedText Name) : Expression(Line);

/// <summary><c>target[index]</c>.</summary>
internal sealed record IndexExpression(int Line, Expression Target, Expression Index) : Expression(Line);

/// <summary><c>target[start:stop:step]</c>.</summary>
internal sealed record SliceExpression(int Line, Expression Target, Expression? Start, Expression? Stop, Expression? Step)
    : Expression(Line);

/// <summary>Arguments of a call, filter or test.</summary>
internal sealed record CallArguments(List<Expression> Positional, List<(string Name, Expression Value)> Named)
{
    /// <summary>No arguments.</summary>
    public static readonly CallArguments None = new([], []);

    /// <summary>What <c>*</c> spreads, if anything.</summary>
    public Expression? Spread { get; set; }

    /// <summary>What <c>**</c> spreads, if anything.</summary>
    public Expression? SpreadNamed { get; set; }
}

/// <summary><c>target(arguments)</c>.</summary>
internal sealed record CallExpression(int Line, Expression Target, CallArguments Arguments) : Expression(Line);

/// <summary><c>target | name(arguments)</c>.</summary>
internal sealed record FilterExpression(int Line, Expression Target, string Name, CallArguments Arguments) : Expression(Line)
{
    /// <summary>What messages call it.</summary>
    public string Callee { get; } = $"filter '{Name}'";
}

/// <summary><c>target is name(arguments)</c>.</summary>
internal sealed record TestExpression(int Line, Expression Target, string Name, CallArguments Arguments, bool Negated) : Expression(Line)
{
    /// <summary>What messages call it.</summary>
    public string Callee { get; } = $"test '{Name}'";
}

/// <summary><c>not</c>, <c>-</c> or <c>+</c>.</summary>
internal sealed record UnaryExpression(int Line, string Operator, Expression Operand) : Expression(Line);

/// <summary>Arithmetic, <c>~</c>, <c>and</c>, <c>or</c>.</summary>
internal sealed record BinaryExpression(int Line, string Operator, Expression Left, Expression Right) : Expression(Line);

/// <summary>A chain of comparisons, as in Python.</summary>
internal sealed record CompareExpression(int Line, Expression First, List<(string Operator, Expression Operand)> Rest) : Expression(Line);

/// <summary><c>a if test else b</c>.</summary>
internal sealed record ConditionalExpression(int Line, Expression Test, Expression Then, Expression? Else) : Expression(Line);

/// <summary>A statement; <paramref name="Line"/> is where it begins.</summary>
internal abstract record Statement(int Line);

/// <summary>Template text.</summary>
internal sealed record DataStatement(int Line, TracedText Text) : Statement(Line);

/// <summary><c>{{ value }}</c>.</summary>
internal sealed record OutputStatement(int Line, Expression Value) : Statement(Line);

/// <summary><c>{% if %}</c> with its branches; the last may be without a test.</summary>
internal sealed record IfStatement(int Line, List<(Expression? Test, List<Statement> Body)> Branches) : Statement(Line);

/// <summary>What a value is assigned to.</summary>
internal abstract record Target;

/// <summary>A variable, or an attribute of a namespace.</summary>
internal sealed record NameTarget(string Name, string? Attribute) : Target;

/// <summary>Several targets that a value is unpacked into.</summary>
internal sealed record TupleTarget(List<Target> Parts) : Target;

/// <summary><c>{% for target in items if filter recursive %}</c>.</summary>
internal sealed record ForStatement(int Line, Target Target, Expression Items, Expression? Filter, bool IsRecursive, List<Statement> Body,
    List<Statement> Else) : Statement(Line);

/// <summary><c>{% set target = value %}</c>.</summary>
internal sealed record SetStatement(int Line, Target Target, Expression Value) : Statement(Line);

/// <summary><c>{% set name %}body{% endset %}</c>, through filters.</summary>
internal sealed record SetBlockStatement(int Line, NameTarget Target, List<(string Name, CallArguments Arguments)> Filters,
    List<Statement> Body) : Statement(Line);

/// <summary><c>{% filter a | b %}body{% endfilter %}</c>.</summary>
internal sealed record FilterBlockStatement(int Line, List<(string Name, CallArguments Arguments)> Filters, List<Statement> Body) : Statement(Line);

/// <summary><c>{% with target = value %}</c>; without values the block of <c>{% generation %}</c>, which transformers marks for training.</summary>
internal sealed record WithStatement(int Line, List<(Target Target, Expression Value)> Values, List<Statement> Body) : Statement(Line);

/// <summary><c>{% block name %}</c>: rendered where it stands; sees the variables around it only if it is scoped.</summary>
internal sealed record BlockStatement(int Line, bool IsScoped, List<Statement> Body) : Statement(Line);

/// <summary><c>{% macro name(parameters) %}</c>; a call block's body is one without a name.</summary>
/// <param name="Line">Where it begins.</param>
/// <param name="Name">Its name.</param>
/// <param name="Parameters">Names and defaults.</param>
/// <param name="Takes">Which of varargs, kwargs and caller its body uses.</param>
/// <param name="Body">What it renders.</param>
internal sealed record MacroStatement(int Line, string Name, List<(string Name, Expression? Default)> Parameters, IReadOnlySet<string> Takes,
    List<Statement> Body) : Statement(Line);

/// <summary><c>{% call(parameters) macro(arguments) %}body{% endcall %}</c>.</summary>
internal sealed record CallBlockStatement(int Line, CallExpression Call, MacroStatement Caller) : Statement(Line);

/// <summary><c>{% break %}</c> or <c>{% continue %}</c>.</summary>
internal sealed record LoopControlStatement(int Line, bool Breaks) : Statement(Line);
