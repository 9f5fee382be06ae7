"""Writes cases.jsonl: templates with what Jinja2 renders, set up as transformers' apply_chat_template does.

Run with Jinja2 3.1.6 (Python 3.11): python make.py
"""
import datetime
import json
import pathlib

import jinja2
import jinja2.ext
import jinja2.nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(jinja2.ext.Extension):
    """The tag that transformers adds; it renders what it encloses."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
env.filters["tojson"] = tojson
env.globals["raise_exception"] = raise_exception
env.globals["strftime_now"] = lambda form: datetime.datetime(2024, 7, 26).strftime(form)

MESSAGES = [
    {"role": "system", "content": " Be brief. \n"},
    {"role": "user", "content": "Ist es groß? ÀÉ 😀 <b>it's</b> \"q\"", "name": "Ann"},
    {"role": "assistant", "content": None, "reasoning_content": "\nhm\n", "tool_calls": [
        {"type": "function", "id": "c1", "function": {"name": "weather", "arguments": {
            "city": "Oslo", "days": 3, "exact": True, "unit": None, "t": -1.5, "big": 123456789012345678901234567890,
            "tiny": 1e-07, "huge": 1e22, "tags": ["a", "b\n", "é"], "more": {}, "none": []}}}]},
    {"role": "tool", "content": "{\"t\": 4}", "tool_call_id": "c1"},
    {"role": "assistant", "content": "Four."},
]
ARGUMENTS = {
    "tools": [{"type": "function", "function": {"name": "weather", "description": "of a <thing> 'q'", "parameters": {
        "type": "object", "properties": {"city": {"type": "string", "enum": ["Oslo", "Rom"]}, "days": {"type": "integer"}}, "required": ["city"]}}}],
    "rows": [{"n": "b", "v": 2, "s": {"k": "X"}}, {"n": "A", "v": 1, "s": {"k": "y"}}, {"n": "a", "v": 3, "s": {}}, {"n": "B", "v": 2}],
    "nums": [3, 1, 2.5, -4, 0, True],
    "words": ["pear", "Apple", "fig", "apple", "Fig"],
    "text": "Hello big WORLD, it's a-b (c) ok\tßx",
    "lines": "one\n\n  two\r\nthree\x0bfour\n",
    "html": "<a href='x'>&amp;</a>",
    "enable_thinking": False, "n": 42, "f": 3.14159, "neg": -7, "zero": 0, "big": 10 ** 25, "d": {"b": 2, "A": 1, "c": [1, {"x": None}]},
}


def expressions():
    texts = ["text", "messages[1].content", "''", "'  a b  c '", "lines", "'ǆ ŉ ﬁ İI ΑΣ. ΣΑΣ'", "'x'", "'123'", "'١٢²½'", "'aXbXcX'"]
    for t in texts:
        for m in ("upper", "lower", "capitalize", "title", "swapcase", "casefold", "strip", "lstrip", "rstrip", "splitlines", "split", "rsplit",
                  "isdigit", "isalpha", "isalnum", "isspace", "isupper", "islower", "istitle", "isnumeric", "isdecimal", "isascii", "isprintable",
                  "isidentifier"):
            yield f"{t}.{m}()"
        for f in ("upper", "lower", "capitalize", "title", "trim", "length", "wordcount", "reverse", "list", "first", "last", "string", "escape",
                  "urlencode", "tojson", "center(20)", "indent", "indent(2, true, true)", "indent('> ')", "truncate(8)", "truncate(8, true)",
                  "truncate(9, false, '..', 0)", "int", "float", "sort", "unique|list", "batch(3)|list", "replace('a', 'bb')", "replace('', '-', 3)",
                  "trim('xa ')", "default('z', true)", "tojson(ensure_ascii=True)", "max", "min", "join('/')", "e|e", "safe|upper", "forceescape"):
            yield f"{t}|{f}"
        for m in ("split('X')", "split('X', 1)", "rsplit('X', 1)", "split(' ', 1)", "split(none, 1)", "rsplit(none, 1)", "rsplit(' ', 2)",
                  "splitlines(true)", "strip('xH \\t')", "strip('ß😀')", "startswith('a')", "startswith(('a', 'H'))", "startswith('b', 6)", "endswith('x')",
                  "endswith(('x', 'X'), 1, -1)", "find('a')", "find('a', 3)", "find('', 99)", "rfind('a')", "rfind('')", "count('a')", "count('')",
                  "count('a', 2, 9)", "replace('a', '<>')", "replace('a', 'b', 1)", "removeprefix('He')", "removesuffix('x')", "partition(' ')", "rpartition(' ')",
                  "zfill(8)", "ljust(12, '.')", "rjust(12)", "center(11, '*')", "center(12, '*')", "expandtabs(4)", "index('zzz')", "join(['a', 'b'])"):
            yield f"{t}.{m}"
    for i in ("0", "-1", "99", "1:3", "::-1", "::2", "-3:", ":-2", "5:2:-1", "'x'", "99:", "-99:2", "0.5"):
        for v in ("text", "messages[1].content", "words", "(1, 2, 3)", "d", "nothing", "n"):
            yield f"{v}[{i}]"
    values = ["none", "true", "false", "0", "1", "1.0", "-2.5", "''", "'a'", "'A'", "[]", "[1]", "(1,)", "()", "{}", "{'a': 1}", "nothing", "range(3)", "d.items()",
              "[1]|map('string')", "dict", "big", "'upper'|safe"]
    for v in values:
        for t in ("defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false", "mapping", "sequence", "iterable",
                  "callable", "escaped", "lower", "upper", "even", "odd", "filter", "test", "divisibleby(2)", "in([1, 'a', none])", "sameas(1)", "sameas(none)",
                  "eq(1)", "ne 1", "lt(2)", "ge(1)", "in 'abc'"):
            yield f"{v} is {t}"
        for f in ("string", "tojson", "length", "list", "int", "float", "abs", "round", "default('z')", "default('z', true)", "first", "last", "join(',')",
                  "int(7)", "float(1.5)", "sum", "items|list", "dictsort", "reverse|list", "bool"):
            yield f"{v}|{f}" if f != "bool" else f"'y' if {v} else 'n'"
        yield f"[{v}]|string"
        yield f"{v}"
        for w in ("1", "'a'", "[1]", "nothing", "none", "1.0", "{'a': 1}", "(1,)"):
            for op in ("==", "!=", "<", "in", "+", "*"):
                yield f"({v}) {op} {w}"
    numbers = ["0", "1", "-1", "42", "3.14159", "2.5", "-2.5", "0.1", "1e16", "123456789.0", "1e22", "1.5e300", "5e-324", "0.0001", "0.00001", "2.675", "1e15", "-0.0",
               "100", "1234567", "true", "99.95", "0.5", "1.5", "1e-7", "9.995", "255"]
    for x in numbers:
        yield x
        for f in ("%d", "%5d|", "%-5d|", "%05d", "%+d", "% d", "%i", "%x", "%#X", "%o", "%#o", "%08.3f", "%f", "%.0f", "%#.0f", "%e", "%.3E", "%g", "%#g", "%.3g", "%.10g", "%s", "%r",
                  "%10.4s|", "%+.2e", "%.17g", "%c", "%5.3d", "%%%d", "%-08d|", "%+05d", "%#010x"):
            yield f"'{f}' % {x}"
        for f in ("", ":", ":d", ":5", ":<8|", ":>8", ":^9", ":+", ":,", ":_", ":.2f", ":010.3f", ":e", ":.3g", ":g", ":%", ":.1%", ":x", ":#x", ":b", ":o", ":.3", ":.10", ":*^12.2f",
                  ":=+10", ":,.2f", ":012,", "!r", "!s:>6", ":c", ":n", ":G"):
            yield f"'{{{f}}}'.format({x})"
        for f in ("round", "round(1)", "round(2)", "round(-1)", "round(2, 'ceil')", "round(1, 'floor')", "round(0, 'ceil')", "int", "float", "abs", "string", "tojson", "filesizeformat",
                  "filesizeformat(true)"):
            yield f"{x}|{f}"
        for y in ("2", "-3", "0.7", "0", "2.0"):
            for op in "+ - * / // % **".split():
                yield f"({x}) {op} ({y})"
    for s in ("'12'", "' -7 '", "'1_000'", "'3.9'", "'0x1f'", "'1e3'", "'inf'", "'nan'", "'-inf'", "'abc'", "''", "'1__0'", "'٣'", "'1_0.5'", "'_1'", "'+5'", "'- 5'"):
        for f in ("int", "float", "int(-1)", "int(0, 16)", "int(0, 0)", "int(base=8)"):
            yield f"{s}|{f}"
    yield from """'%s and %s' % ('a', 1)
'%(a)s %(b)05.1f' % {'a': 'x', 'b': 2}
'%s' % none
'%s' % ['a', "b'c"]
'%r' % 'it\\'s'
'%a' % 'é😀'
'%*d|%-*d|' % (6, 1, 4, 2)
'%.*f' % (2, 3.14159)
'%s %s' % 'a'
'%s' % ('a', 'b')
'a%' % 1
'%q' % 1
'%d' % 'a'
'%c%c' % ('x', 955)
'%-10s|%10s|%.2s|' % ('ab', 'cd', '😀éx')
'%s' % {'a': 1}
'%(a)s' % 'x'
'%%' % ()
'no' % 1
'no' % {'a': 1}
'%s, %s!'|format('Hello', 'World')
'%(a)s'|format(a=3)
'%s'|format
'{} {}'.format('a', 1)
'{1} {0} {a}'.format('x', 'y', a='z')
'{0[a]} {0[b][1]} {1.role}'.format({'a': 1, 'b': [2, 3]}, messages[0])
'{:>{w}}|{:<{w}}|'.format('a', 'b', w=5)
'{!r} {!s} {!a}'.format('é', 'é', 'é')
'{:s} {:10} {:.2} {:^7}|'.format('a', 'b', 'cde', '😀')
'{{}} {}'.format(1)
'{'.format(1)
'}'.format(1)
'{} {0}'.format(1)
'{}'.format()
'{:d}'.format('a')
'{:s}'.format(1)
'{a}'.format_map({'a': 5})
'{:05}'.format('a')
'{:é>5}'.format(3)
'{} {}'.format([1, 'a'], {'b': none})
rows|map(attribute='n')|join
rows|map(attribute='s.k')|list
rows[:2]|map(attribute='s.k')|list
rows|map(attribute='x', default='-')|join
rows|map('length')|list
words|map('upper')|join(',')
words|map('replace', 'p', 'P')|list
words|map('truncate', 3, true, '')|list
rows|selectattr('v')|map(attribute='n')|list
rows|selectattr('v', '==', 2)|map(attribute='n')|list
rows|selectattr('v', 'equalto', 2)|list|length
rows|selectattr('v', '>', 1)|map(attribute='n')|list
rows|selectattr('v', 'gt', 1)|map(attribute='n')|list
rows|rejectattr('v', 'in', [1, 2])|map(attribute='n')|list
rows|rejectattr('s', 'defined')|map(attribute='n')|list
nums|select('>', 1)|list
nums|select|list
nums|reject('odd')|list
nums|select('divisibleby', 2)|list
nums|sort
nums|sort(reverse=true)
words|sort
words|sort(case_sensitive=true)
words|sort(true)
rows|sort(attribute='v')|map(attribute='n')|list
rows|sort(attribute='v,n')|map(attribute='n')|list
rows|sort(attribute='v', reverse=true)|map(attribute='n')|list
rows|sort
words|unique|list
words|unique(true)|list
rows|unique(attribute='v')|map(attribute='n')|list
[[1], [1]]|unique|list
[1, 1.0, true, 'a', (1, 2), (1, 2)]|unique|list
rows|groupby('v')|list|length
rows|groupby('n')|map(attribute='grouper')|list
rows|groupby('n', case_sensitive=true)|map(attribute='0')|list
rows|groupby('x', default='d')|map('first')|list
nums|sum
nums|sum(start=10)
rows|sum(attribute='v')
[[1], [2]]|sum(start=[])
words|sum
nums|max
nums|min
words|max
words|min(case_sensitive=true)
rows|max(attribute='v')
[]|max
[]|first
words|batch(2)|list
words|batch(2, '-')|list
words|slice(3)|list
words|slice(3, '-')|list
range(7)|slice(3)|map('list')|list
d|dictsort
d|dictsort(true)
{'x': 2, 'y': 1}|dictsort(by='value')
{'x': 2, 'y': 1}|dictsort(false, 'value', true)
d|items|list
d.items()
d.keys()
d.values()
d.items()|list
d.get('zz')
d.get('zz', 5)
d.get('b')
d|length
d|list
d|first
d|join('-')
d.b
d['b']
d.zz
d.c[1].x
d|attr('b')
d|attr('items') is callable
text|attr('upper') is defined
{1: 'a', 1.5: 'b', none: 'c', true: 'd', (1, 2): 'e'}
{1: 'a', none: 'b', true: 'c', 2.5: 'd'}|tojson
{(1, 2): 'e'}|tojson
{[1]: 2}
d == {'A': 1, 'b': 2, 'c': [1, {'x': none}]}
(1, 2) == [1, 2]
(1, 2) < (1, 3)
[1, 'a'] < [1, 'b']
[1, 'a'] < [1, 2]
'a' < 'B'
'é' < 'z'
'😀' > '￿'
1 < 'a'
none < 1
1 == 1.0 == true
0.1 + 0.2
7 // 2
-7 // 2
-7 % 3
7.5 % -2
2 ** 10
2 ** -1
2 ** 0.5
(-8) ** 0.5
-2 ** 2
2 ** 3 ** 2
1 + true
'ab' * 3
3 * 'ab'
[1] * 2
(1, 2) + (3,)
[1] + (2,)
'a' + 1
'a' ~ 1 ~ none ~ 1.0 ~ [1]
1 if true
(1 if false) is defined
not 1 == 2
not true and false
1 < 2 < 3 > 2
1 in [1, 2] and 2 not in [1]
'a' in {'a': 1}
1 in 'abc'
1 in range(3)
none in [none]
(1,)
()
(1, 2,)
[1, 2,]
{'a': 1,}
1, 2
'a' 'b' "c"
'\\n\\t\\x41\\u00e9\\'\\\\'
"it's"
'"'
['it\\'s', "q\\"'", '\\n\\x00\\x7f\\u200b', 'é😀']
[1.0, 1e100, -0.0, 1e16, 123456.789e3]
0x1F + 0b11 + 0o17
1_000
1.5e3
messages[2].tool_calls
messages[2]
messages[2].tool_calls[0].function.arguments|tojson
messages[2].tool_calls[0].function.arguments|tojson(indent=2)
messages[2].tool_calls[0].function.arguments|tojson(indent=0)
messages[2].tool_calls[0].function.arguments|tojson(separators=(',', ':'))
messages[2].tool_calls[0].function.arguments|tojson(ensure_ascii=true)
messages[2].tool_calls[0].function.arguments|tojson(sort_keys=true)
messages[2].tool_calls[0].function.arguments|tojson(false, 4, (',', ': '), true)
messages[2].tool_calls[0].function.arguments|tojson(indent='--')
messages[2].tool_calls[0].function.arguments.items()|list
tools|tojson
tools|string
tools[0].function|tojson(indent=4)
text|tojson
'\\x00\\x1f\\x7f\\u2028"\\\\/'|tojson
[none, true, 1.0, 1e400]|tojson
nothing|tojson
range(3)|tojson
range(3)|list|tojson
(1, 2)|tojson
messages[0].nothing is defined
messages[2].content is none
messages[4].tool_calls is defined
'tool_calls' in messages[2]
'tool_calls' in messages[4]
messages[2]|length
messages[-1].role
messages[0].keys()|list
messages|length
messages|last
messages[1:]|map(attribute='role')|join(' ')
messages|selectattr('role', 'equalto', 'user')|first
messages|selectattr('tool_calls', 'defined')|list|length
messages|map(attribute='content')|select('string')|list
enable_thinking is defined and enable_thinking is false
add_generation_prompt
documents is none
bos_token is defined
nothing is defined
nothing
nothing == nothing
nothing.x
nothing['x']
nothing()
nothing|length
nothing|list
nothing|upper
nothing|join
nothing + 'a'
nothing ~ 'a'
-nothing
[nothing]
messages.append(1)
d.update({'z': 1})
d.pop('b')
[1].sort()
[3, 1].index(1)
[3, 1].count(3)
(3, 1).index(9)
range(5)
range(1, 10, 3)|list
range(5, 0, -2)|list
range(0)|list
range(1, 2, 0)
range(5)[2]
range(5)|last
range(5)|sum
range(100001)
namespace(a=1)
namespace({'a': 1}, b=2).b
dict(a=1, b='x')
dict({'a': 1}, b=2)
dict([('a', 1), ('b', 2)])
dict
(1, 2)|first
text|frobnicate
text.frobnicate()
text is frobnicated
html|escape
html|e
html|safe
html|safe + html
html + html|safe
html|e ~ html
html|escape|length
(html|safe).upper()
[html|safe]
html|urlencode
{'a b': 'c/d', 'é': 1}|urlencode
[('a', 1), ('b', '&')]|urlencode
big
-big
big|string
big|tojson
[big]
big is number
big is integer
big == big
big > 1
big|float
'%d' % big
'%x' % big
'{:,}'.format(big)
f|round(2)
n|string|length
text.encode
text.__class__
text.split.__name__
''.join(['a', 'b'])
', '.join(words)
''.join([1])
words|join(', ', 'x')
rows|join(', ', attribute='n')
words|join('<')
text[:5]|upper ~ text[5:]|lower
text|replace('l', 'L')|replace('o', '0', 1)
text|upper|lower|title
text|trim|length
text is string and text|length > 3 or nothing
text|default('x')|length
cycler('a', 'b').next()
joiner('|')() ~ '.'
words|map('first')|join
words|map('list')|map('length')|sum
[[1, 2], [3]]|map('sum')|list
[[1, 2], [3]]|map('join', '-')|list
words|select('in', ['fig', 'pear'])|join(' ')
words|select('filter')|list
['upper', 'x']|select('filter')|list
words|map('nope')|list
words|select('nope')|list
words|map
{'a': {'b': [10, 20]}}.a.b[1]
{'a': {'b': [10, 20]}}['a']['b']|last
[{'x': [5]}]|map(attribute='x.0')|list
'a.b.c'.split('.')[-1]
'abc'|list|reverse|join
'abc'|reverse
'x'|center(5)|replace(' ', '.')
'a b c'.split()|map('upper')|join('+')
'key: value'.partition(': ')
('a', 'b') in [('a', 'b')]
'a' is in ['a']
3 is not divisibleby 2
3 is divisibleby 3
'abc' is eq 'abc'
none is none and none is not defined""".split("\n")
    for code in "aAwdebBmyYCHIpMSfjUWVGuDFTRnth%x":
        yield f"strftime_now('%{code}')"
    yield from ("strftime_now('%d %b %Y')", "strftime_now('%-d %B, %Y')", "strftime_now('%A %-m/%-d/%y %I:%M %p')", "strftime_now('%c')", "strftime_now('%j%%')", "strftime_now('%^a %_d %e')")


TEMPLATES = [
    "{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}",
    "{% for w in words %}{{ loop.cycle('odd', 'even') }}{{ loop.previtem }}<{{ w }}>{{ loop.nextitem }} {% endfor %}",
    "{% for r in rows %}{{ loop.changed(r.v) }},{% endfor %}",
    "{% for r in rows if r.v > 1 %}{{ loop.index }}{{ r.n }}{{ loop.length }}{% else %}none{% endfor %}",
    "{% for r in [] %}x{% else %}none{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, (a, b) in [('x', (1, 2))] %}{{ k }}{{ a }}{{ b }}{% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}{% endfor %}",
    "{% for k in d %}{{ k }}{% endfor %}",
    "{% for c in 'aé😀' %}[{{ c }}]{% endfor %}",
    "{% for i in range(10) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% for g in rows|groupby('v') %}{{ g.grouper }}:{% for r in g.list %}{{ r.n }}{% endfor %};{% endfor %}",
    "{% for v, items in rows|groupby('v') %}{{ v }}{{ items|length }} {% endfor %}",
    "{% for row in words|batch(2, '-') %}{{ row|join('+') }}|{% endfor %}",
    "{% for col in words|slice(2) %}{{ col|join('+') }}|{% endfor %}",
    "{% for t in [{'v': 1, 'c': [{'v': 2, 'c': [{'v': 3}]}]}] recursive %}{{ loop.depth }}{{ t.v }}{% if t.c %}({{ loop(t.c) }}){% endif %}{% endfor %}",
    "{% for m in messages recursive %}{{ m.role }} {% endfor %}",
    "{% set g = words|map('upper') %}{% for w in g %}{{ w }}{% endfor %}|{% for w in g %}{{ w }}{% endfor %}",
    "{% set g = words|map('upper') %}{{ g|first }}{{ g|first }}{{ g|list|length }}",
    "{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}",
    "{% set ns = namespace(x=1, y=[]) %}{% for i in [1, 2] %}{% set ns.x = ns.x + i %}{% set ns.y = ns.y + [i] %}{% endfor %}{{ ns.x }}{{ ns.y }}",
    "{% set ns = namespace() %}{% set ns.a, b = 1, 2 %}{{ ns.a }}{{ b }}",
    "{% if true %}{% set y = 3 %}{% endif %}{{ y }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, (e, g)) = (3, (4, 5)) %}{{ c }}{{ e }}{{ g }}",
    "{% set x %}a {{ n }} b{% endset %}[{{ x }}]",
    "{% set x | upper | replace('A', 'z') %}a {{ n }} b{% endset %}[{{ x }}]",
    "{% set ns = namespace() %}{% set ns.t %}hey{% endset %}{{ ns.t }}",
    "{% set d.b = 5 %}",
    "{% macro f(a, b='z', c=a) %}{{ a }}{{ b }}{{ c }};{% endmacro %}{{ f(1) }}{{ f(1, 2) }}{{ f(b=3, a=4) }}{{ f() }}",
    "{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, x=3) }}{{ f() }}",
    "{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}",
    "{% macro f(a) %}{% endmacro %}{{ f(b=2) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(*[1]) }}{{ f(**{'a': 2}) }}{{ f(*'x') }}",
    "{% macro wrap(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call wrap('b') %}hi {{ n }}{% endcall %}",
    "{% macro each(l) %}{% for x in l %}{{ caller(x, loop.index) }}{% endfor %}{% endmacro %}{% call(x, i='?') each(words) %}{{ i }}{{ x }} {% endcall %}",
    "{% macro f() %}{{ caller is defined }}{% endmacro %}{{ f() }}",
    "{% macro f() %}x{% endmacro %}{% call f() %}y{% endcall %}",
    "{% macro fact(k) %}{% if k < 2 %}1{% else %}{{ k * (fact(k - 1)|int) }}{% endif %}{% endmacro %}{{ fact(6) }}",
    "{% macro f() %}{{ n }}{{ q }}{% endmacro %}{% set q = 7 %}{{ f() }}",
    "{% for i in [1, 2] %}{% macro h() %}{{ i }}{% endmacro %}{{ h() }}{% endfor %}",
    "{% filter upper %}abc {{ text }}{% endfilter %}",
    "{% filter replace('a', 'b')|trim %} a a {% endfilter %}",
    "{% with %}{% set x = 1 %}{{ x }}{% endwith %}{{ x }}",
    "{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% set a = 5 %}{% with a = 1, b = a %}{{ b }}{% endwith %}{{ a }}",
    "{% block x %}a{{ n }}{% set z = 1 %}{{ z }}{% endblock x %}{{ z }}",
    "{% for i in [1, 2] %}{% block b scoped %}{{ i }}{% endblock %}{% endfor %}",
    "{% for i in [1, 2] %}{% block c %}[{{ i }}]{% endblock %}{% endfor %}",
    "{% generation %}a{% set x = 1 %}{{ x }}{% endgeneration %}{{ x }}",
    "{% for i in [1] %}{% generation %}{{ i }}{{ loop.index }}{% endgeneration %}{% endfor %}",
    "{% if n == 1 %}a{% elif n == 42 %}b{% elif true %}c{% else %}d{% endif %}",
    "{% if messages[0]['role'] == 'system' and not nothing %}y{% else %}n{% endif %}",
    "{% raw %}{{ x }}{% endraw %}{# c #}{{- '' -}}  x",
    "a\n  {% if true %}\n  b\n  {%- endif %}\n c {{- 1 -}} \n d\n",
    "  {%+ if true %}x{% endif +%}\ny",
    "  {# c #}\nx\n  {#- d -#}  y",
    "{{ raise_exception('no') }}",
    "{% set c = cycler('a', 'b', 'c') %}{{ c.next() }}{{ c.next() }}{{ c.current }}{% set _ = c.reset() %}{{ c.next() }}",
    "{% set j = joiner(', ') %}{% for w in words %}{{ j() }}{{ w }}{% endfor %}",
    "{% print n %}{% print 1, 2 %}",
    "{% for m in messages %}{{ m.role ~ ': ' ~ m.content }}\n{% endfor %}",
    "{% for m in messages %}{% if m.tool_calls %}{% for c in m.tool_calls %}{% set c = c.function %}{{ c.name }}({% for k, v in c.arguments|items %}{{ k }}={{ v }}{{ ', ' if not loop.last }}{% endfor %}){% endfor %}{% endif %}{% endfor %}",
    "{% macro render(t, depth=0) %}{% if t is mapping %}{% for k, v in t|dictsort %}{{ '  ' * depth }}{{ k }}:\n{{ render(v, depth + 1) }}{% endfor %}{% elif t is iterable and t is not string %}{% for v in t %}{{ render(v, depth + 1) }}{% endfor %}{% else %}{{ '  ' * depth }}{{ t }}\n{% endif %}{% endmacro %}{{ render(tools[0]) }}",
    "{% set loop_messages = messages %}{% if messages[0].role == 'system' %}{% set loop_messages = messages[1:] %}{% endif %}{{ loop_messages|length }}",
    "{% for m in messages|reverse %}{{ m.role }} {% endfor %}",
    "{% for i in range(3) %}{% for j in range(i) %}{{ loop.index }}{{ i }}{{ j }} {% endfor %}{% endfor %}",
    "{% set x = [] %}{% set _ = x.append(1) %}",
    "{% do x %}",
    "{% include 'x' %}",
    "{% for x in 5 %}{% endfor %}",
    "{% for x in none %}{% endfor %}",
    "{% for x in nothing %}a{% else %}b{% endfor %}",
    "{{ 'a' if n > 1 else 'b' if n else 'c' }}{{ ('x' if false) ~ '.' }}",
    "{{ messages|map(attribute='role')|unique|sort|join(',') }}",
    "{{ (messages|length - 1) // 2 * 2 == 4 }}",
    "{%- for m in messages -%}\n  {{- m.role }}\n{% endfor -%}\n end",
    "\n{{ n }}\n",
    "{{ n }}\n\n",
    "x {%- set y = 2 -%} z\n{{ y }}",
]


def layout():
    """Filters of a page's layout."""
    html = ["html", "'a <b>x</b>  <!-- c <i> --> y'", "'<!<!-- a -->-- b --> c'", "'1 < 2 and 3 > 2'", "'a <b'", "'&lt;b&gt; &amp;amp; &quot;x&quot; &#39;y&#39; &#x41;&#955;'",
            "'AT&T &ampx &copy &copy; &eacute;t&eacute; &notit'", "messages[1].content", "text", "lines", "none", "5", "'<p>a\n\t b</p>'", "'x --> y'", "'&lt'", "'&;&#;&'"]
    for v in html:
        yield f"{v}|striptags"
        yield f"({v})|safe|striptags|upper"
    wide = ["text", "lines", "'Look, goof-ball -- use the -b option! a--b well-known x-y 1-2'", "'a' * 30", "'aaaa-bbbbbbbbbbbb-c'", "'  lead and trail  '", "''", "'   '",
            "'über-groß 😀😀😀 Straße'", "'one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen'", "'ab - cd -- ef --- gh'", "'--- ----'",
            "'a\n\nb c'", "5", "'x\ty z'"]
    for v in wide:
        for a in ("", "(5)", "(10)", "(1)", "(7, false)", "(7, true, '|')", "(8, false, none, false)", "(9, break_on_hyphens=false)", "(0)", "(12, wrapstring='<br>')"):
            yield f"{v}|wordwrap{a}"
    for v in ("{'class': 'a b', 'id': 3, 'x': none, 'y': nothing}", "{}", "{'a': '<\"&>'}", "{'a': '<b>'|safe}", "{'a b': 1}", "{'a=': 1}", "{'ä': 'ö'}", "[1]", "{1: 2}", "d", "{'<': 1}"):
        yield f"{v}|xmlattr"
        yield f"{v}|xmlattr(false)"
    for v in ("messages", "messages[2].tool_calls", "tools", "rows", "d", "text", "'a b ' * 40", "[text * 3]", "{'k': text * 3, 'a': [1, 2]}", "words * 12", "nums", "(1,)", "('x' * 90,)", "('x' * 78, 1)",
              "[]", "{}", "''", "none", "nothing", "1.5", "big", "'x' * 100", "['x' * 100]", "{'b': {'d': 'y' * 60, 'c': ['z' * 40, 'z' * 40]}}", "range(3)", "lines * 9", "{2: 'a'}",
              "[[['a' * 30, 'b' * 30], 'c' * 30]]", "'it\'s \"q\" ' * 12", "['it\'s \"q\" ' * 12]", "{'😀': '😀 ' * 50}", "messages[1].content", "html|safe", "{'z': 1, 'Z': 2, 'é': 3, '😀': 4, '\uffff': 5}"):
        yield f"({v})|pprint"
    for v in ("'see http://a.com/x?y=1&z=2.'", "'(www.a.org) <https://b.de/p_(q)>, c.com, d.xyz'", "'mail me@x.org or mailto:you@y.net now'", "'@a@b x@y a:b@c.de www.x@y.com'", "'http://1.2.3.4:80/ http://[::1]/ http://x'",
              "'HTTP://A.COM ftp://a.b tel:123'", "'https://münchen.de/ä https://xn--mnchen-3ya.de'", "text", "html", "lines", "none", "'https://a.com/' ~ 'b' * 30", "'a.com\n(b.net)'", "'http://a.com).'", "messages[1].content",
              "'((http://a.com/(x)))'", "'https://a.com/&gt;'", "'x.info/y#z a.b.com: .com'"):
        for a in ("", "(10)", "(12, true)", "(target='_blank')", "(none, false, 't', 'b a')", "(extra_schemes=['tel:', 'ftp://'])", "(extra_schemes=['x'])", "(-3)"):
            yield f"{v}|urlize{a}"


def left_out(template, rendered):
    """Values that depend on the machine's memory, complex numbers, and arithmetic beyond 64 bits, which this engine refuses."""
    computed = any(part in template for part in ("{{ (big) +", "{{ (big) *", "big is even", "big is odd", "big is divisibleby"))
    return (" at 0x" in rendered or "built-in" in rendered or "<class" in rendered or ("**" in template and "j)" in rendered) or computed
            or template.startswith(("{{ [1]|map('string') is", "{{ dict is")) and ("lower" in template or "upper" in template))


def main():
    cases = []
    seen = set()
    for template in [*(f"{{{{ {e} }}}}" for e in expressions()), *TEMPLATES, *(f"{{{{ {e} }}}}" for e in layout())]:
        if template in seen:
            continue
        seen.add(template)
        variables = {"tools": None, "documents": None, **ARGUMENTS}
        try:
            rendered = env.from_string(template).render(messages=MESSAGES, add_generation_prompt=False, **variables)
        except Exception:
            cases.append({"template": template, "error": True})
            continue
        if not left_out(template, rendered):
            cases.append({"template": template, "rendered": rendered})
    folder = pathlib.Path(__file__).parent
    head = {"jinja2": jinja2.__version__, "messages": MESSAGES, "arguments": ARGUMENTS}
    with open(folder / "cases.jsonl", "w", encoding="utf-8") as file:
        for line in [head, *cases]:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    print(len(cases), "cases,", sum("error" in case for case in cases), "of them errors")


main()
