namespace SparseRM.Text.Jinja;

/// <summary>Kinds of tokens.</summary>
internal enum JinjaTokenKind
{
    /// <summary>Template text outside tags.</summary>
    Verbatim,

    /// <summary><c>{{</c>.</summary>
    OutputStart,

    /// <summary><c>}}</c>.</summary>
    OutputEnd,

    /// <summary><c>{%</c>.</summary>
    TagStart,

    /// <summary><c>%}</c>.</summary>
    TagEnd,

    /// <summary>A name or keyword.</summary>
    Name,

    /// <summary>A string literal, unescaped.</summary>
    String,

    /// <summary>An integer literal.</summary>
    Integer,

    /// <summary>A literal with a point or an exponent.</summary>
    Float,

    /// <summary>An operator or bracket.</summary>
    Operator,

    /// <summary>The end of the template.</summary>
    End,
}

/// <summary>One token.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Text">Its text; string literals without quotes.</param>
/// <param name="Line">Line of the template, from 1.</param>
internal readonly record struct JinjaToken(JinjaTokenKind Kind, string Text, int Line)
{
    /// <summary>Whether this is the given operator.</summary>
    public bool Is(string op) => Kind == JinjaTokenKind.Operator && Text == op;

    /// <summary>Whether this is the given name.</summary>
    public bool IsName(string name) => Kind == JinjaTokenKind.Name && Text == name;
}
