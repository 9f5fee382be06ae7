using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Text;

public class ChatTemplateTests
{
    private static readonly Message[] s_dialogue = [new("user", " Hi <b> "), new("assistant", "é😀 yes")];

    // Expected values are Jinja2's with trim_blocks and lstrip_blocks.
    [Theory]
    [InlineData("{{ messages[0].content | trim | upper }}", "HI <B>")]
    [InlineData("{{ messages | length }}{{ messages[1].content | length }}", "26")]
    [InlineData("{{ messages[1]['content'][1:3] }}|{{ messages[1].content[::-1] }}|{{ 'abc'[-2:] }}", "😀 |sey 😀é|bc")]
    [InlineData("{% for m in messages %}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}", "0TrueFalse2 1FalseTrue2 ")]
    [InlineData("{% for m in messages if m.role == 'user' %}{{ loop.index }}{% else %}none{% endfor %}", "1")]
    [InlineData("{% for m in [] %}x{% else %}none{% endfor %}", "none")]
    [InlineData("{% for i in range(9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i > 3 %}{% break %}{% endif %}{{ i }}{% endfor %}", "013")]
    [InlineData("{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}={{ v }};{% endfor %}", "a=1;b=2;")]
    [InlineData("{% set x = 1 %}{% for i in [1, 2] %}{% set x = i %}{% endfor %}{{ x }}", "1")]
    [InlineData("{% set a, b, c, d, e, f = [1, 2, 3, 4, 5, 6] %}{% set g, h, i, j, k, l = [7, 8, 9, 10, 11, 12] %}{% set a, l = [l, a] %}{{ [a, b, h, i, k, l] }}", "[12, 2, 8, 9, 11, 1]")]
    [InlineData("{{ [2 == 2.0, true == 1, false < 1, 9223372036854775807 > 9223372036854775806, -1 < 0.5, 1 == '1'] }}", "[True, True, True, True, True, False]")]
    [InlineData("{% set ns = namespace(x=1) %}{% for i in [1, 2] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}", "4")]
    [InlineData("{% set x %}a{{ 1 }}{% endset %}{{ x ~ x }}", "a1a1")]
    [InlineData("{% set x | upper | trim %} ab {% endset %}[{{ x }}]", "[AB]")]
    [InlineData("{% macro f(a, b='z') %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}{{ f(b='q', a=2) }}", "1z2q")]
    [InlineData("{% set a, b = [1, 2] %}{{ a + b }}{{ 7 // 2 }}{{ -7 // 2 }}{{ -7 % 3 }}{{ 7 / 2 }}{{ 2 ** 3 }}", "33-423.58")]
    [InlineData("{{ 'a' if false }}{{ 'b' if true else 'c' }}{{ not true }}{{ 1 < 2 < 3 }}{{ 1 in [1] }}{{ 'x' not in 'abc' }}", "bFalseTrueTrueTrue")]
    [InlineData("{{ nothing }}{{ nothing is defined }}{{ none is none }}{{ nothing | default('d') }}{{ '' | default('e', true) }}", "FalseTruede")]
    [InlineData("{{ 1 is odd and 2 is even and 'a' is string and {} is mapping and [] is iterable and 3 is not none }}", "True")]
    [InlineData("{{ ['b', 'a'] | sort | join('-') }}{{ [1, 2, 3] | last }}{{ 'abc' | first }}{{ [3, 1] | reverse | list | tojson }}", "a-b3a[1, 3]")]
    [InlineData("{{ messages | map(attribute='role') | join(',') }} {{ messages | selectattr('role', 'equalto', 'user') | list | length }}", "user,assistant 1")]
    [InlineData("{{ [1, 2, 3] | reject('equalto', 2) | join }}{{ {'a': [1, true, none, 'q\"']} | tojson }}", "13{\"a\": [1, true, null, \"q\\\"\"]}")]
    [InlineData("{{ {'a': [1], 'b': {}} | tojson(indent=2) }}", "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}")]
    [InlineData("{{ 'a-b-c'.split('-', 1)[1] }}{{ ' x y '.split() | length }}{{ 'xxaxx'.strip('x') }}{{ 'abc'.startswith('ab') }}{{ 'abc'.replace('b', '') }}", "b-c2aTrueac")]
    [InlineData("a  {%- if true %}  b  {%- endif %}  c", "a  b  c")]
    [InlineData("a\n  {% if true %}\nb\n  {% endif %}\nc\n", "a\nb\nc")]
    [InlineData("{# x #}\na{#- y -#}  b", "ab")]
    [InlineData("{% raw %}{{ x }}{% endraw %}{{ '{{' }}{{ \"\\n\\u00e9\" }}", "{{ x }}{{\né")]
    [InlineData("{{ strftime_now('%d %b %Y') }}{{ strftime_now('%Y-%m-%d') }}", "26 Jul 20242024-07-26")]
    [InlineData("{% generation %}a{% endgeneration %}{{ tools is none }}{{ 'a' 'b' }}{{ (1, 2) | length }}{{ 1.5 }}{{ 2.0 }}", "aTrueab21.52.0")]
    [InlineData("{{ '  a b  c '.split(none, 1) | join('|') }}{{ -1 | abs }}{{ 1e3 }}", "a|b  c 11000.0")]
    [InlineData("{% for i in [1, 2] %}{% macro h() %}{{ i }}{% endmacro %}{{ h() }}{% endfor %}", "12")]
    [InlineData("{% raw %}\n{% if %}{% endraw %}\nx{% raw -%}  a {{ }} {%- endraw %} b", "\n{% if %}xa {{ }} b")]
    [InlineData("{{ 'a\nb' | indent(2) }}{{ '3' | int + 1 }}{{ 'x y'.title() }}{{ 'AB'.lower() | capitalize }}", "a\n  b4X YAb")]
    [InlineData("{{ messages }}", "[{'role': 'user', 'content': ' Hi <b> '}, {'role': 'assistant', 'content': 'é😀 yes'}]")]
    [InlineData("{% set l = range(100000) | list %}{{ l | unique | list | length }}", "100000")]
    [InlineData("{{ '{[0]}{[x]}'.format([7], {'x': 8}) }}{{ '0x_1f'|int(0, 16) }}", "7831")]
    [InlineData("{{ ('word ' * 20) | pprint }}", "('word word word word word word word word word word word word word word word '\n 'word word word word word ')")]
    [InlineData("{{ ['word ' * 20] | pprint }}", "['word word word word word word word word word word word word word word word '\n 'word word word word word ']")]
    public void Renders_what_jinja_renders(string source, string expected) =>
        Assert.Equal(expected, ChatTemplate.Parse("t", source).Render(s_dialogue).Text);

    [Theory]
    [InlineData("{{ 'x' | frobnicate }}", "filter 'frobnicate'")]
    [InlineData("{{ 1 is frobnicated }}", "test 'frobnicated'")]
    [InlineData("a\n{% include 'x' %}", "line 2: tag 'include'")]
    [InlineData("{{ frobnicate(1) }}", "function 'frobnicate'")]
    [InlineData("{{ messages[0].content.frobnicate() }}", "function 'frobnicate'")]
    [InlineData("{{ nothing.x }}", "'nothing' is undefined")]
    [InlineData("{{ messages[7].role }}", "'item 7' is undefined")]
    [InlineData("{{ 'a' + 1 }}", "'+'")]
    [InlineData("{% if true %}a", "'endif' is missing")]
    [InlineData("{% endfor %}", "'endfor' closes nothing")]
    [InlineData("{% break %}", "outside a loop")]
    [InlineData("{{ 1", "not closed")]
    [InlineData("{{ 'a }}", "not closed")]
    [InlineData("{# a", "not closed")]
    [InlineData("{{ 1 $ 2 }}", "'$'")]
    [InlineData("{{ 99999999999999999999 }}", "too large")]
    [InlineData("{{ 9223372036854775807 + 1 }}", "too large")]
    [InlineData("{{ 1 // 0 }}", "division by zero")]
    [InlineData("{% set messages.x = 1 %}", "not a namespace")]
    [InlineData("{{ 'a'.strip('a', 2) }}", "strip")]
    [InlineData("{{ 'abcdefghijk' | truncate(2) }}", "the end fits in")]
    [InlineData("{{ 'a b' | wordwrap(0) }}", "wordwrap takes a width above 0")]
    [InlineData("{{ [1] | join(unknown=1) }}", "'unknown'")]
    [InlineData("{{ strftime_now('%Q') }}", "%Q")]
    [InlineData("{% for a, b in [[1]] %}{% endfor %}", "2 names")]
    public void Refuses_by_name(string source, string named)
    {
        var error = Assert.Throws<ModelFormatException>(() => ChatTemplate.Parse("t", source).Render(s_dialogue));
        Assert.Contains(named, error.Message);
        Assert.StartsWith("t: chat template, line ", error.Message);
    }

    [Fact]
    public void The_origin_of_characters_survives_what_templates_do_with_them()
    {
        const string Source = "{% set c = messages[0].content %}<{{ c | trim }}>{{ (c ~ '!').split('<')[1] }}{{ [c[1:3], 'x'] | join('+') }}{{ c.replace('Hi', '<b>') | upper }}{{ {'k': c} | tojson }}";
        var dialogue = ChatTemplate.Parse("t", Source).Render(s_dialogue);
        var marked = string.Concat(dialogue.Spans.Select(span =>
            (span.MessageIndex == 0 ? "[" : "") + dialogue.Text.Substring(span.Start, span.Length) + (span.MessageIndex == 0 ? "]" : "")));
        Assert.Equal("<[Hi <b>]>[b> ]![Hi]+x[ ]<B>[ <B> ]{\"k\": \"[ Hi <b> ]\"}", marked);
    }

    [Fact]
    public void A_role_that_is_not_a_word_is_refused() =>
        Assert.Contains("<|eot_id|>",
            Assert.Throws<SparseRMException>(() => ChatTemplate.Named("llama3", new()).Render([new("<|eot_id|>", "a")])).Message);

    [Fact]
    public void The_templates_own_refusal_reaches_the_caller() =>
        Assert.Equal("the chat template 'gemma' refuses the dialogue: System role not supported",
            Assert.Throws<SparseRMException>(() => ChatTemplate.Named("gemma", new()).Render([new("system", "a")])).Message);

    [Theory]
    [InlineData("""{"chat_template": "A{{ bos_token }}", "bos_token": "<s>"}""", "A<s>")]
    [InlineData("""{"chat_template": "A{{ bos_token }}", "bos_token": {"content": "<s>"}}""", "A<s>")]
    [InlineData("""{"chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]}""", "D")]
    public void A_folders_template_is_a_string_or_a_list(string config, string expected) =>
        Assert.Equal(expected, ChatTemplate.FromFolder(TokenizerFiles.Folder(("tokenizer_config.json", config)))!.Render([]).Text);

    [Fact]
    public void The_file_wins_over_the_config_and_a_folder_may_have_none()
    {
        var template = ChatTemplate.FromFolder(TokenizerFiles.Folder(("tokenizer_config.json", """{"chat_template": "A"}"""), ("chat_template.jinja", "B")))!;
        Assert.Equal(("model", "B"), (template.Name, template.Source));
        Assert.Equal("df7e70e5021544f4834bbee64a9e3789febc4be81470df629cad6ddb03320a5c", template.Fingerprint);
        Assert.Null(ChatTemplate.FromFolder(TokenizerFiles.Folder(("tokenizer_config.json", "{}"))));
        Assert.Null(ChatTemplate.FromFolder(TokenizerFiles.Folder()));
    }

    [Theory]
    [InlineData("""{"chat_template": 3}""", "neither a string nor a list")]
    [InlineData("""{"chat_template": [{"name": "rag", "template": "T"}]}""", "'default'")]
    [InlineData("""{"chat_template": "{{ 1 | nope }}"}""", "filter 'nope'")]
    public void Refuses_a_folders_template_naming_the_file(string config, string named)
    {
        var error = Assert.Throws<ModelFormatException>(() =>
            ChatTemplate.FromFolder(TokenizerFiles.Folder(("tokenizer_config.json", config))));
        Assert.EndsWith("tokenizer_config.json", error.Path);
        Assert.Contains(named, error.Message);
    }

    [Fact]
    public void Named_takes_a_file_and_refuses_what_is_neither()
    {
        string folder = TokenizerFiles.Folder(("mine.jinja", "{{ messages[0].content }}"));
        Assert.Equal("a", ChatTemplate.Named(Path.Combine(folder, "mine.jinja"), new()).Render([new("user", "a")]).Text);
        Assert.Contains("gemma3, llama3", Assert.Throws<SparseRMException>(() => ChatTemplate.Named("gemma9", new())).Message);
        Assert.Equal("p\na", ChatTemplate.Named("none", new()).Render([new("user", "p"), new("assistant", "a")]).Text);
        Assert.Equal("<|im_start|>user\np<|im_end|>\n", ChatTemplate.Named("chatml", new()).Render([new("user", "p")]).Text);
    }
}
