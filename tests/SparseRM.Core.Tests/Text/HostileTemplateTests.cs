using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Text;

public class HostileTemplateTests
{
    private const int SmallStack = 1 << 20;
    private const long MostAllocated = 1L << 30;
    private static readonly Message[] s_dialogue = [new("user", "Hi"), new("assistant", "yes")];

    private static readonly Dictionary<string, string> s_hostile = new()
    {
        // Depth.
        ["map of map"] = "{{ 'a'|map(" + Many("'map'", 100_000, ",") + ") }}",
        ["macro"] = "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        ["macro by call"] = "{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}{% endmacro %}{{ f() }}",
        ["recursive loop"] = "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        ["macro as default"] = "{% macro f(a=f()) %}{{ a }}{% endmacro %}{% macro g(a=g()) %}{% endmacro %}{{ g() }}",
        ["round brackets"] = "{{ " + Many("(", 100_000) + "1" + Many(")", 100_000) + " }}",
        ["lists"] = "{{ " + Many("[", 100_000) + Many("]", 100_000) + " }}",
        ["mappings"] = "{{ " + Many("{'a':", 100_000) + "1" + Many("}", 100_000) + " }}",
        ["targets"] = "{% set " + Many("(", 100_000) + "a" + Many(")", 100_000) + " = 1 %}",
        ["not"] = "{{ " + Many("not ", 100_000) + "1 }}",
        ["minus"] = "{{ " + Many("-", 100_000) + "1 }}",
        ["sum of many"] = "{{ 1" + Many("+1", 100_000) + " }}",
        ["power of many"] = "{{ 1" + Many("**1", 100_000) + " }}",
        ["filters in a row"] = "{{ 1" + Many("|string", 50_000) + " }}",
        ["attributes"] = "{{ a" + Many(".a", 100_000) + " }}",
        ["choices"] = "{{ 1" + Many(" if 0 else 1", 50_000) + " }}",
        ["tests"] = "{{ 1" + Many(" is defined", 50_000) + " }}",
        ["calls"] = "{{ range" + Many("(1)", 100_000) + " }}",
        ["ifs"] = Many("{% if true %}", 50_000),
        ["filter blocks"] = Many("{% filter upper %}", 50_000),
        ["nested list printed"] = "{% set ns = namespace(l=[1]) %}{% for i in range(9999) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}",
        ["nested list to JSON"] = "{% set ns = namespace(l=[1]) %}{% for i in range(9999) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l|tojson }}",
        ["nested list compared"] = "{% set ns = namespace(l=[1], m=[1]) %}{% for i in range(9999) %}{% set ns.l = [ns.l] %}{% set ns.m = [ns.m] %}{% endfor %}{{ ns.l == ns.m }}",
        ["nested list sorted"] = "{% set ns = namespace(l=[1], m=[1]) %}{% for i in range(9999) %}{% set ns.l = [ns.l] %}{% set ns.m = [ns.m] %}{% endfor %}{{ [ns.l, ns.m]|sort }}",
        ["nested tuple as a key"] = "{% set ns = namespace(l=(1,)) %}{% for i in range(9999) %}{% set ns.l = (ns.l,) %}{% endfor %}{{ {ns.l: 1} }}",
        ["namespace in itself"] = "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}",

        // Work.
        ["loops"] = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        ["shared lists compared"] = Doubled("{{ l == m }}"),
        ["shared lists ordered"] = Doubled("{{ l < m }}"),
        ["shared lists found"] = Doubled("{{ l in [m] }}"),
        ["shared lists sorted"] = Doubled("{{ [l, m]|sort }}"),
        ["shared lists printed"] = Doubled("{{ l }}"),
        ["shared lists to JSON"] = Doubled("{{ l|tojson }}"),
        ["shared lists indented"] = Doubled("{{ l|tojson(indent=900) }}"),
        ["shared lists as text"] = Doubled("{{ l|string|length }}"),
        ["shared lists joined"] = Doubled("{{ [l]|join }}"),
        ["shared tuples as keys"] = Doubled("{{ {l: 1}[m] }}").Replace("[", "(", StringComparison.Ordinal).Replace("]", ")", StringComparison.Ordinal),
        ["shared lists as tests"] = Doubled("{{ [l]|select('eq', m)|list }}"),
        ["strip by a long set"] = Long("{% for i in range(9999) %}{% set x = s.strip(s ~ 'b') %}{% endfor %}"),
        ["strip of a long string"] = Long("{% for i in range(99999) %}{% set x = s.strip() %}{% endfor %}"),
        ["trim"] = Long("{% for i in range(99999) %}{% set x = s|trim('a') %}{% endfor %}"),
        ["case"] = Long("{% for i in range(9999) %}{% set x = s.upper() %}{% endfor %}"),
        ["upper in a map"] = Long("{% set l = [s, s, s, s, s, s, s, s] * 1000 %}{{ l|map('upper')|list|length }}"),
        ["length of characters"] = Long("{{ ([s] * 9999)|map('list')|map('length')|sum }}"),
        ["find a long part"] = Long("{% set p = 'a' * 200000 ~ 'b' ~ 'a' %}{% for i in range(9999) %}{% set x = p in s %}{% endfor %}"),
        ["count a long part"] = Long("{{ s.count('a' * 300000 ~ 'ba') }}{% for i in range(9999) %}{{ s.rfind('ab' * 100000) }}{% endfor %}"),
        ["compare long strings"] = Long("{% set t = s ~ 'x' %}{% set u = s ~ 'x' %}{% for i in range(99999) %}{% set x = t == u %}{% endfor %}"),
        ["order long strings"] = Long("{% set t = s ~ 'x' %}{% set u = s ~ 'y' %}{{ ([t, u] * 40000)|sort|length }}"),
        ["sort keys"] = "{% set l = ('b' * 1000) ~ 'a' %}{{ ([l] * 100000)|sort|first }}",
        ["sort keys in order"] = "{{ (range(100000)|map('string')|list * 20)|sort|length }}",
        ["groups"] = Long("{{ ([[s], [s]] * 40000)|groupby(0)|length }}"),
        ["long keys"] = Long("{% set d = {s: 1} %}{% for i in range(99999) %}{% set x = d[s ~ 'x'] %}{% endfor %}"),
        ["dates"] = Long("{% for i in range(9999) %}{{ strftime_now('%c' * 1000) }}{% endfor %}"),
        ["long attribute"] = Long("{{ range(9999)|map(attribute='a.' * 100000)|list }}"),

        // Bytes.
        ["first of a long string"] = "{% set a = ('a'*8000)*8500 %}{{ a|first }}",
        ["first of a long range"] = "{{ range(1000000000)|first }}",
        ["a long range"] = "{{ range(9999999999)|length }}",
        ["multiplied"] = "{{ 'a' * 9999999999 }}",
        ["multiplied list"] = "{{ [1] * 9999999999 }}",
        ["multiplied beyond 64 bits"] = "{{ 'aaaaaaaaaa' * 9223372036854775807 }}",
        ["string doubled"] = "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        ["string doubled by ~"] = "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        ["string doubled by format"] = "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(99) %}{% set ns.s = '%s%s' % (ns.s, ns.s) %}{% endfor %}",
        ["string doubled by braces"] = "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(99) %}{% set ns.s = '{0}{0}'.format(ns.s) %}{% endfor %}",
        ["string doubled by a block"] = "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(99) %}{% set ns.s %}{{ ns.s }}{{ ns.s }}{% endset %}{% endfor %}",
        ["list doubled"] = "{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
        ["list doubled by sum"] = "{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l]|sum(start=[]) %}{% endfor %}",
        ["replace"] = "{% set s = 'a' * 100000 %}{{ s.replace('a', s) }}",
        ["replace nothing"] = "{% set s = 'a' * 100000 %}{{ s.replace('', s) }}",
        ["join"] = "{% set s = 'a' * 100000 %}{% set l = range(100000) | list %}{{ l | join(s) }}",
        ["indent"] = Long("{{ ('\n' * 100000 ~ 'a')|indent(s, blank=true) }}"),
        ["widths of format"] = "{{ '%9999999d' % 1 }}{% for i in range(9999) %}{% set x = '%9999999d' % 1 %}{% endfor %}",
        ["a width beyond all"] = "{{ '%99999999999999999999d' % 1 }}",
        ["a width from an argument"] = "{{ '%*d' % (999999999999, 1) }}",
        ["a precision beyond all"] = "{{ '%.999999999f' % 1.5 }}",
        ["widths of braces"] = "{{ '{:999999999}'.format(1) }}",
        ["a precision of braces"] = "{{ '{:.999999999f}'.format(1.5) }}",
        ["many formats of huge numbers"] = "{% for i in range(99999) %}{% set x = '%.99999f' % 1e300 %}{% endfor %}",
        ["groups of zeros"] = "{% for i in range(9999) %}{% set x = '{:09999999,}'.format(1) %}{% endfor %}",
        ["center"] = "{{ 'a'.center(99999999999) }}",
        ["zfill"] = "{{ 'a'.zfill(99999999999) }}",
        ["tabs"] = "{{ ('\t' * 1000).expandtabs(99999999) }}",
        ["indent of JSON"] = "{{ [[[[1]]]]|tojson(indent='a' * 9999999) }}",
        ["separators of JSON"] = Long("{{ range(99999)|list|tojson(separators=(s, s)) }}"),
        ["power"] = "{{ 9 ** 999999999 }}",
        ["batch"] = "{{ [1]|batch(99999999999, 0)|list }}",
        ["slice"] = "{{ [1]|slice(999999999, 0)|list }}",
        ["lists of characters"] = Long("{% set ns = namespace(l=[]) %}{% for i in range(999) %}{% set ns.l = ns.l + [s|list] %}{% endfor %}"),
        ["scopes held"] = "{% set ns = namespace(l=[]) %}{% for i in range(99999) %}{% for j in range(99) %}{% macro f() %}{{ i }}{% endmacro %}{% set ns.l = [f, ns.l] %}{% endfor %}{% endfor %}",
        ["output"] = Long("{% for i in range(99999) %}{{ s }}{% endfor %}"),
        ["escapes"] = Long("{% for i in range(9999) %}{{ (s ~ '<')|e|forceescape|forceescape }}{% endfor %}"),
        ["addresses"] = Long("{% for i in range(9999) %}{{ (s ~ '/')|urlencode|urlencode }}{% endfor %}"),
        ["splits"] = Long("{% for i in range(9999) %}{% set x = s.split('a') %}{% endfor %}"),
    };

    // Named by their kind, since their sources are long.
    public static TheoryData<string> Hostile => [.. s_hostile.Keys];

    [Theory, MemberData(nameof(Hostile))]
    public void A_hostile_template_ends_with_a_refusal(string kind)
    {
        string source = s_hostile[kind];
        Exception? found = null;
        long allocated = 0;
        var thread = new Thread(() =>
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            found = Record.Exception(() => ChatTemplate.Parse("t", source).Render(s_dialogue));
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }, SmallStack);
        thread.IsBackground = true;
        thread.Start();
        // A bound that is missing takes hours; the refusals below take some tenths of a second on an idle machine.
        Assert.True(thread.Join(TimeSpan.FromMinutes(2)), "the render does not end");
        var refusal = Assert.IsType<ModelFormatException>(found);
        Assert.StartsWith("t: chat template, line 1", refusal.Message);
        Assert.InRange(refusal.Message.Length, 1, 500);
        Assert.InRange(allocated, 0, MostAllocated);
    }

    [Fact]
    public void The_hostile_templates_of_the_field_are_refused()
    {
        string[] files = Directory.GetFiles(SharedData.Shared("field", "hostile", "jinja"), "*.jinja");
        Assert.Equal(4, files.Length);
        foreach (string file in files)
            Assert.Throws<ModelFormatException>(() => ChatTemplate.Named(file, new()).Render(s_dialogue));
    }

    [Fact]
    public void Many_literals_in_a_row_are_joined_in_no_time() =>
        Assert.Equal(240_000, ChatTemplate.Parse("t", "{{ " + Many("'a' ", 160_000) + Many("\"b\" ", 40_000) + Many("'cc'", 20_000) + " }}").Render(s_dialogue).Text.Length);

    [Fact]
    public void A_long_dialogue_is_not_taken_for_hostile()
    {
        var messages = Enumerable.Range(0, 3000).Select(i => new Message(i % 2 == 0 ? "user" : "assistant", new string('x', 500) + i)).ToArray();
        foreach (string name in ChatTemplate.Names)
            Assert.Contains("2999", ChatTemplate.Named(name, new("<s>")).Render(messages).Text);
        const string Quadratic = "{% set ns = namespace(t='', n=0) %}{% for m in messages %}{% for o in messages[loop.index0:] %}{% if o.role == 'user' %}{% set ns.n = ns.n + 1 %}{% break %}{% endif %}{% endfor %}{% set ns.t = ns.t + m.content %}{% endfor %}{{ ns.t }}";
        Assert.EndsWith("299", ChatTemplate.Parse("t", Quadratic).Render(messages[..300]).Text);
    }

    [Fact]
    public void A_cancelled_token_ends_a_render()
    {
        using var source = new CancellationTokenSource();
        var template = ChatTemplate.Parse("t", "{% for a in range(1000) %}{{ raise_exception('went on') if a == 900 }}{% for b in range(900) %}{% endfor %}{% endfor %}");
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => template.Render(s_dialogue, cancellationToken: source.Token));
        using var later = new CancellationTokenSource(TimeSpan.FromMilliseconds(20));
        Assert.Throws<OperationCanceledException>(() =>
        {
            for (int i = 0; i < 10_000; i++) ChatTemplate.Parse("t", "{% for a in range(99) %}{% for b in range(99) %}{% endfor %}{% endfor %}").Render(s_dialogue, cancellationToken: later.Token);
        });
        using var soon = new CancellationTokenSource();
        var sort = ChatTemplate.Parse("t", "{{ range(100000)|list|sort|length }}");
        soon.CancelAfter(1);
        Assert.ThrowsAny<OperationCanceledException>(() =>
        {
            for (int i = 0; i < 1000; i++) sort.Render(s_dialogue, cancellationToken: soon.Token);
        });
    }

    /// <summary>Bounds of the work hold only while each character that is looked at is paid for; reading alone, a block of characters a unit, costs an eighth.</summary>
    [Theory]
    [InlineData("isupper"), InlineData("islower"), InlineData("istitle"), InlineData("isalpha"), InlineData("isspace"), InlineData("isdigit"), InlineData("isprintable")]
    public void Each_character_that_is_looked_at_is_paid_for(string method)
    {
        string Loop(string use) => "{% set s = '1' * 8000 %}{% for i in range(3000) %}{% set x = " + use + " %}{% endfor %}";
        Assert.Equal("", ChatTemplate.Parse("t", Loop("s.startswith('2')")).Render(s_dialogue).Text);
        var refusal = Assert.Throws<ModelFormatException>(() => ChatTemplate.Parse("t", Loop($"s.{method}()")).Render(s_dialogue));
        Assert.Contains("units of work", refusal.Message);
    }

    public static TheoryData<string, string, int, int> Lists => new()
    {
        // A quarter of a unit for an item that is walked over; 40 bytes for one that is built, and four of them for each list of a slice.
        { "{% set v = {" + string.Join(',', Enumerable.Range(0, 4000).Select(i => $"{i}:0")) + "}.values() %}", "v|first", 1300, 1600 },
        { "", "[1]|slice(1000)", 280, 330 },
        // 64 characters that are compared at once are a unit.
        { "{% set s = 'a' * 64000 %}", "s.startswith('b')", 1300, 1700 },
    };

    [Theory, MemberData(nameof(Lists))]
    public void Lists_are_paid_for_by_their_items(string made, string use, int passes, int refused)
    {
        string Loop(int times) => made + "{% for i in range(" + times + ") %}{% set x = " + use + " %}{% endfor %}";
        Assert.Equal("", ChatTemplate.Parse("t", Loop(passes)).Render(s_dialogue).Text);
        Assert.Throws<ModelFormatException>(() => ChatTemplate.Parse("t", Loop(refused)).Render(s_dialogue));
    }

    private static string Many(string part, int count, string separator = "") => string.Join(separator, Enumerable.Repeat(part, count));

    private static string Doubled(string use) =>
        "{% set l = [1] %}{% set m = [1] %}" + Many("{% set l = [l, l] %}{% set m = [m, m] %}", 45) + use;

    private static string Long(string use) => "{% set s = 'a' * 400000 %}" + use;
}
