// The language, construct by construct: each template beside what Python's Jinja2 makes of it.
#include <gtest/gtest.h>

#include "text/chat_template/chat_template.h"

namespace hearth::text {
namespace {

constexpr const char* kContext =
    R"({"n": 3, "f": 2.5, "s": "Hello World", "u": "h\u00e9llo \ud83d\ude42", "e": "", "none_": null, "t": true,
"xs": [3, 1, 2], "words": ["b", "A", "c"], "d": {"b": 1, "a": {"x": [1, 2]}, "items": "shadowed"},
"people": [{"name": "Ann", "age": 30, "tags": ["x"]}, {"name": "bob", "age": 25}, {"name": "Cid", "age": 30}]})";

struct Case {
  const char* source;
  const char* expected;  // null: refused, when it is parsed or when it is rendered
};

Result<std::string> render(const char* source) {
  const auto context = value_from_json(kContext);
  if (!context) return context.error();
  const auto parsed = ChatTemplate::parse(source, "test");
  return parsed ? parsed->render(*context) : Result<std::string>(parsed.error());
}

void expect_all(std::initializer_list<Case> cases) {
  for (const Case& each : cases) {
    const auto text = render(each.source);
    if (each.expected == nullptr) {
      EXPECT_FALSE(text) << each.source << " gives " << *text;
    } else if (text) {
      EXPECT_EQ(*text, each.expected) << each.source;
    } else {
      ADD_FAILURE() << each.source << ": " << text.error().message();
    }
  }
}

TEST(ChatTemplateLanguage, Whitespace_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {"a\n{% if t %}\nb\n{% endif %}\nc\n", "a\nb\nc"},
      {"a\n  {% if t %}\n  b\n  {% endif %}\nc", "a\n  b\nc"},
      {"a  {%- if t -%}  b  {%- endif -%}  c", "abc"},
      {R"(a {{- " b " -}} c)", "a b c"},
      {"  {%+ if t %}x{% endif %}", "  x"},
      {"{% if t +%}\nx{% endif %}", "\nx"},
      {"a\n  {# note #}\nb", "a\nb"},
      {"a {#- note -#} b", "ab"},
      {"x  {% if t %}y{% endif %}", "x  y"},
      {"{{ n }}\nb", "3\nb"},
      {"{{ n }}  {% if t %}y{% endif %}", "3  y"},
      {"a\r\nb\rc\r\n", "a\nb\nc"},
      {"a\n\n", "a\n"},
      {"{% raw %}{{ n }}{% if %}{% endraw %}", "{{ n }}{% if %}"},
      {"{%- raw -%}  {{ n }}  {%- endraw -%}  b", "{{ n }}b"},
      {"{% raw %}\na\n{% endraw %}\nb", "\na\nb"},
      {R"({{ {"a": {"b": 1}}["a"]["b"] }})", "1"},
      {R"({{ "}}" }}{{ '%}' }})", "}}%}"},
  });
}

TEST(ChatTemplateLanguage, Literals_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {R"({{ "a\n\t\x41\u00e9\"\q" }})", "a\n\tA\303\251\"\\q"},
      {R"({{ "a" "b" 'c' }})", "abc"},
      {"{{ 1_000 }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1e3 }} {{ 1.5e-7 }} {{ 1e16 }} {{ 123456789.125 }}",
       "1000 31 5 15 1000.0 1.5e-07 1e+16 123456789.125"},
      {"{{ true }} {{ True }} {{ none }} {{ None }} {{ false }}", "True True None None False"},
      {R"({{ [1, "a", 2.0, none, [true], (1,), ()] }})", "[1, 'a', 2.0, None, [True], (1,), ()]"},
      {R"({{ {"a": 1, 2: "b", "a": 3} }})", "{'a': 3, 2: 'b'}"},
      {R"({{ ["it's", 'q"', "\n\u00e9\u200b\\"] }})", "[\"it's\", 'q\"', '\\n\303\251\\u200b\\\\']"},
      {"{{ 1, 2 }}", "(1, 2)"},
      {"{{ 1.0 }} {{ 0.1 + 0.2 }} {{ 1e-5 }} {{ -0.0 }}", "1.0 0.30000000000000004 1e-05 -0.0"},
  });
}

TEST(ChatTemplateLanguage, Arithmetic_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {"{{ 7 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 7.5 "
       "// 2 }} {{ -7.5 % 2 }}",
       "3.5 3 -4 2 -2 1024 0.5 3.0 0.5"},
      {"{{ 1 + 2 * 3 - 4 }} {{ (1 + 2) * 3 }} {{ -2 ** 2 }} {{ 2 ** 3 ** 2 }} {{ 1 - 2 - 3 }}",
       "3 9 4 64 -4"},
      {R"({{ true + 1 }} {{ "ab" * 3 }} {{ [1] * 2 }} {{ [1] + [2] }} {{ (1,) + (2,) }} {{ 3 * "x" }} {{ "x" * -1 }})",
       "2 ababab [1, 1] [1, 2] (1, 2) xxx "},
      {R"({{ "a" ~ 1 ~ none ~ 2.0 ~ missing }})", "a1None2.0"},
      {R"({{ "a" ~ 1 + 2 }})", nullptr},
      {"{{ 1 / 0 }}", nullptr},
      {"{{ 1 // 0 }}", nullptr},
      {R"({{ "a" + 1 }})", nullptr},
      {R"({{ 1 + "a" }})", nullptr},
      {"{{ none + 1 }}", nullptr},
      {R"({{ -"a" }})", nullptr},
  });
}

TEST(ChatTemplateLanguage, Comparison_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {R"({{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 }} {{ "a" < "b" }} {{ [1, 2] < [1, 3] }} {{ "a" != "b" }} {{ true == 1 }})",
       "True False True True True True True"},
      {R"({{ "ell" in s }} {{ 2 in xs }} {{ "b" in d }} {{ "z" not in d }} {{ 5 in range(10) }} {{ "x" in missing }})",
       "True True True True True False"},
      {R"({{ {"a": [1]} == {"a": [1.0]} }} {{ [1] == (1,) }} {{ missing == other }} {{ none == missing }})",
       "True False True False"},
      {R"({{ 1 < "a" }})", nullptr},
      {R"({{ 1 in "a" }})", nullptr},
      {"{{ 1 in 5 }}", nullptr},
      {"{{ none < 1 }}", nullptr},
  });
}

TEST(ChatTemplateLanguage, Logic_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {R"({{ 0 or "a" }} {{ 1 and "b" }} {{ "" and 1 }}| {{ not 1 }} {{ not "" }} {{ 1 or missing.x }})",
       "a b | False True 1"},
      {R"({{ "y" if n > 2 else "n" }} {{ "y" if n > 5 }} {{ 1 if false else 2 if false else 3 }})", "y  3"},
      {"{{ not n is none }} {{ n is not none }} {{ not missing is defined }} {{ n is defined and s is string "
       "}}",
       "True True True True"},
  });
}

TEST(ChatTemplateLanguage, Index_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {R"({{ s[0] }} {{ s[-1] }} {{ u[1] }} {{ xs[0] }} {{ xs[-1] }} {{ xs[9] }}| {{ d["b"] }} {{ d.b }} {{ d["zz"] }}| {{ xs.0 }})",
       "H d \303\251 3 2 | 1 1 | 3"},
      {"{{ s[1:4] }} {{ s[::-1] }} {{ s[-5:] }} {{ s[:-6] }} {{ u[::2] }} {{ xs[1:] }} {{ xs[::-1] }} {{ "
       "xs[5:1] }} {{ xs[-2:] }} {{ (1,2,3)[:2] }} {{ s[4:0:-2] }}",
       "ell dlroW olleH World Hello hlo\360\237\231\202 [1, 2] [2, 1, 3] [] [1, 2] (1, 2) ol"},
      {R"({{ d.a.x[1] }} {{ d["a"]["x"][0] }} {{ d["items"] }} {{ people[0].name }} {{ people[1]["age"] }})",
       "2 1 shadowed Ann 25"},
      {"{{ missing.x }}", nullptr},
      {"{{ d.zz.y }}", nullptr},
      {"{{ none_.x }}|{{ n.x }}", "|"},
      {"{{ xs[::0] }}", nullptr},
      {R"({{ s["x"] }})", ""},
  });
}

TEST(ChatTemplateLanguage, Undefined_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {R"([{{ missing }}] {{ missing is defined }} {{ missing is undefined }} {{ missing | default("d") }} {{ missing | length }} {{ missing | list }} {{ missing or 1 }})",
       "[] False True d 0 [] 1"},
      {"{% for x in missing %}a{% else %}none{% endfor %}", "none"},
      {"{{ missing + 1 }}", nullptr},
      {"{{ missing() }}", nullptr},
      {"{{ missing | tojson }}", nullptr},
      {"{{ missing | int }}", nullptr},
      {R"({{ s.__class__ }}{{ s["__class__"] | string | length }})", "0"},
      {"{{ s.__class__.__mro__ }}", nullptr},
  });
}

TEST(ChatTemplateLanguage, If_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {"{% if n == 1 %}a{% elif n == 3 %}b{% else %}c{% endif %}{% if e %}x{% else %}y{% endif %}", "by"},
      {"{% if t %}{% set v = 1 %}{% endif %}{{ v }}", "1"},
  });
}

TEST(ChatTemplateLanguage, For_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {R"({% for x in xs %}{{ loop.index }}:{{ x }}{{ "," if not loop.last }}{% endfor %})", "1:3,2:1,3:2"},
      {"{% for x in xs %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ "
       "loop.last }}{{ loop.length }};{% endfor %}",
       "032TrueFalse3;121FalseFalse3;210FalseTrue3;"},
      {"{% for x in xs %}{{ loop.previtem }}<{{ x }}<{{ loop.nextitem }};{% endfor %}", "<3<1;3<1<2;1<2<;"},
      {R"({% for x in xs %}{{ loop.cycle("a", "b") }}{% endfor %}{% for x in [1,1,2] %}{{ loop.changed(x) }}{% endfor %})",
       "abaTrueFalseTrue"},
      {"{% for x in xs if x > 1 %}{{ x }}{{ loop.length }}{% else %}no{% endfor %}", "3222"},
      {"{% for x in xs if x > 10 %}{{ x }}{% else %}no{% endfor %}", "no"},
      {"{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "b=1;a={'x': [1, 2]};items=shadowed;"},
      {R"({% for k in d %}{{ k }}{% endfor %}{% for c in "ab" %}{{ c }}.{% endfor %}{% for (a, b), c in [((1, 2), 3)] %}{{ a + b + c }}{% endfor %})",
       "baitemsa.b.6"},
      {"{% set v = 0 %}{% for x in xs %}{% set v = v + x %}{{ v }}{% endfor %}={{ v }}", "312=0"},
      {"{% for x in range(5) %}{% if x == 1 %}{% continue %}{% endif %}{% if x == 3 %}{% break %}{% endif "
       "%}{{ x }}{% endfor %}",
       "02"},
      {R"({% for x in [{"v": 1, "c": [{"v": 2, "c": []}]}] recursive %}{{ x.v }}@{{ loop.depth }}{% if x.c %}({{ loop(x.c) }}){% endif %}{% endfor %})",
       "1@1(2@2)"},
      {"{% for x in xs %}{% for y in [1] %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}",
       "111213"},
      {"{% for a, b in [[1]] %}{% endfor %}", nullptr},
      {"{% for x in 5 %}{% endfor %}", nullptr},
      {"{% for x in none_ %}{% endfor %}", nullptr},
      {"{% set ns = namespace(stop=false) %}{% for x in xs if not ns.stop %}{{ x }}{% set ns.stop = true "
       "%}{% endfor %}",
       "3"},
  });
}

TEST(ChatTemplateLanguage, Set_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {"{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set x %}in {{ a }}{% endset %}[{{ x }}]", "12[in 1]"},
      {"{% set x | upper | trim %} abc {% endset %}[{{ x }}]", "[ABC]"},
      {"{% set ns = namespace(a=1) %}{% for x in xs %}{% set ns.a = ns.a + x %}{% endfor %}{{ ns.a }}{{ "
       "ns.zz is defined }}",
       "7False"},
      {"{% set d.x = 1 %}", nullptr},
      {"{% set x %}{% set y = 1 %}{% endset %}{{ y is defined }}", "False"},
  });
}

TEST(ChatTemplateLanguage, Macro_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {"{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(1, c=9) "
       "}} {{ m(b=5, a=4) }}",
       "121 131 129 454"},
      {"{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}", "(1, 2){'x': 3}"},
      {"{% macro m(a) %}[{{ a }}{{ caller(7) }}]{% endmacro %}{% call(x) m(1) %}<{{ x }}>{% endcall %}",
       "[1<7>]"},
      {R"({% macro m() %}{{ caller() if caller else "none" }}{% endmacro %}{{ m() }}{% call m() %}c{% endcall %})",
       "nonec"},
      {"{% macro f(n) %}{{ n if n <= 1 else (f(n - 1) | int) * n }}{% endmacro %}{{ f(5) }}", "120"},
      {"{% macro m(a) %}{{ a is defined }}{% endmacro %}{{ m() }}", "False"},
      {"{% set g = 1 %}{% macro m() %}{{ g }}{% endmacro %}{% set g = 2 %}{{ m() }}", "2"},
      {"{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", nullptr},
      {"{% macro m(a) %}{% endmacro %}{{ m(zz=2) }}", nullptr},
      {R"({% macro m(a) %}{{ a }}{% endmacro %}{{ m(*[4]) }}{{ m(**{"a": 5}) }}{{ m.name }})", "45m"},
  });
}

TEST(ChatTemplateLanguage, Blocks_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {"{% filter upper %}a{{ n }}b{% endfilter %}{% with a = 1, b = n %}{{ a + b }}{% endwith %}{{ a is "
       "defined }}",
       "A3B4False"},
      {R"({% print 1, "a" %})", "1a"},
  });
}

TEST(ChatTemplateLanguage, Globals_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {"{{ range(3) }} {{ range(1, 4) | list }} {{ range(5, 0, -2) | list }} {{ range(3)[-1] }} {{ "
       "range(10)[2:4] | list }}",
       "range(0, 3) [1, 2, 3] [5, 3, 1] 2 [2, 3]"},
      {R"({{ dict(a=1, **{"b": 2}) }} {{ dict([("x", 1)]) }})", "{'a': 1, 'b': 2} {'x': 1}"},
      {R"({% set c = cycler("a", "b") %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{% set j = joiner("|") %}{{ j() }}x{{ j() }})",
       "ababx|"},
      {R"({{ raise_exception("no") }})", nullptr},
      {"{{ range(10**9) }}", nullptr},
  });
}

TEST(ChatTemplateLanguage, Strings_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {R"({{ s.upper() }} {{ s.lower() }} {{ s.title() }} {{ "they're x".title() }} {{ "aB".swapcase() }} {{ "hELLO".capitalize() }} {{ u.upper() }})",
       "HELLO WORLD hello world Hello World They'Re X Ab Hello H\303\211LLO \360\237\231\202"},
      {R"([{{ "  a ".strip() }}] [{{ " a ".lstrip() }}] [{{ " a ".rstrip() }}] {{ "xxaxx".strip("x") }} {{ "abcba".lstrip("ab") }} {{ "\u00e9a\u00e9".strip("\u00e9") }})",
       "[a] [a ] [ a] a cba a"},
      {R"({{ "a,b,,c".split(",") }} {{ " a  b ".split() }} {{ "a,b,c".split(",", 1) }} {{ "a,b,c".rsplit(",", 1) }} {{ "a b  c ".split(none, 1) }} {{ "a b c".rsplit(None, 1) }})",
       "['a', 'b', '', 'c'] ['a', 'b'] ['a', 'b,c'] ['a,b', 'c'] ['a', 'b  c '] ['a b', 'c']"},
      {R"({{ "a\nb\r\nc\n".splitlines() }} {{ "a\nb".splitlines(true) }} {{ "a=b=c".partition("=") }} {{ "a=b=c".rpartition("=") }} {{ "x".partition("=") }})",
       R"(['a', 'b', 'c'] ['a\n', 'b'] ('a', '=', 'b=c') ('a=b', '=', 'c') ('x', '', ''))"},
      {R"({{ s.startswith("Hell") }} {{ s.endswith(("x", "ld")) }} {{ s.startswith("World", 6) }} {{ s.find("o") }} {{ s.rfind("o") }} {{ s.find("z") }} {{ s.index("W") }} {{ s.count("l") }} {{ u.find("l") }} {{ "aaa".count("") }})",
       "True True True 4 7 -1 6 3 2 4"},
      {R"({{ s.replace("l", "L") }} {{ s.replace("l", "L", 1) }} {{ "ab".replace("", "-") }} {{ "-".join(["a", "b"]) }} {{ "ab".removeprefix("a") }} {{ "ab".removesuffix("b") }})",
       "HeLLo WorLd HeLlo World -a-b- a-b b a"},
      {R"([{{ "ab".center(5) }}] [{{ "a".center(4) }}] [{{ "a".ljust(3, "*") }}] [{{ "a".rjust(3) }}] {{ "-5".zfill(4) }} {{ "12".isdigit() }} {{ "a1".isalnum() }} {{ "ab".isalpha() }} {{ " ".isspace() }} {{ "AB".isupper() }} {{ "a b".islower() }} {{ "".isdigit() }})",
       "[  ab ] [ a  ] [a**] [  a] -005 True True True True True True False"},
      {R"({{ "{} {}".format(1, "a") }} {{ "{1}{0}".format("a", "b") }} {{ "{x:>4}|{y:.2f}|{z:05d}|{w:,}".format(x="a", y=1.005, z=42, w=1234567) }} {{ "{{}}".format() }} {{ "{0[a]} {0!r}".format({"a": "q"}) }} {{ "{:^5}|{:+d}|{:x}|{:%}".format("a", 3, 255, 0.5) }})",
       "1 a ba    a|1.00|00042|1,234,567 {} q {'a': 'q'}   a  |+3|ff|50.000000%"},
      {R"({{ "%s=%d %5.1f|%-4s|%04d|%r|%x|%%" % ("a", 3, 2.25, "b", 7, "q", 255) }} {{ "%(k)s" % {"k": 1} }} {{ "%s" % xs }})",
       "a=3   2.2|b   |0007|'q'|ff|% 1 [3, 1, 2]"},
      {R"({{ "%d" % "a" }})", nullptr},
      {R"({{ "%s %s" % (1,) }})", nullptr},
      {R"({{ "".join([1]) }})", nullptr},
      {R"({{ "a".split("") }})", nullptr},
      {R"({{ "a".index("z") }})", nullptr},
  });
}

TEST(ChatTemplateLanguage, Dicts_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {R"({{ d.keys() | list }} {{ d.get("b") }} {{ d.get("q") }} {{ d.get("q", 5) }} {{ {"a": 1}.items() }} {{ {"a": 1}.values() }} {{ {"a": 1}.keys() }} {{ d | length }} {{ {"a": 1}.copy() }})",
       "['b', 'a', 'items'] 1 None 5 dict_items([('a', 1)]) dict_values([1]) dict_keys(['a']) 3 {'a': 1}"},
      {R"({{ d.pop("b") }})", nullptr},
      {"{{ d.update({}) }}", nullptr},
      {"{{ xs.append(1) }}", nullptr},
      {"{{ xs.index(1) }} {{ xs.count(3) }} {{ (1, 2, 1).count(1) }}", "1 1 2"},
      {"{{ xs.index(9) }}", nullptr},
      {"{{ {[1]: 2} }}", nullptr},
  });
}

TEST(ChatTemplateLanguage, TextFilters_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {R"({{ " a " | trim }}|{{ "xax" | trim("x") }}|{{ s | upper }}|{{ s | lower }}|{{ "foo bar-baz (q" | title }}|{{ "aBC" | capitalize }}|{{ 5 | string + "a" }}|{{ 12 | upper }})",
       "a|a|HELLO WORLD|hello world|Foo Bar-Baz (Q|Abc|5a|12"},
      {R"({{ "a<b>&\"'" | e }}|{{ "<" | safe | e }}|{{ ("<" | safe) + "<" }}|{{ ("<" | e) ~ "<" }}|{{ "<" | forceescape }}|{{ ("<" | safe) is escaped }})",
       "a&lt;b&gt;&amp;&#34;&#39;|<|<&lt;|&lt;<|&lt;|True"},
      {R"({{ "a\nb\n\nc" | indent }}|{{ "a\nb" | indent(2, true) }}|{{ "a\n\nb" | indent(2, blank=true) }}|{{ "a\nb" | indent("> ") }})",
       "a\n    b\n\n    c|  a\n  b|a\n  \n  b|a\n> b"},
      {R"({{ "a-b-a" | replace("a", "x") }}|{{ "aaa" | replace("a", "b", 2) }}|{{ 121 | replace(1, 3) }}|{{ "%s-%s" | format(1, "a") }}|{{ "%(a)s" | format(a=1) }}|{{ "foo bar baz qux" | truncate(9) }}|{{ "foo bar baz qux" | truncate(9, true) }}|{{ "foo bar" | truncate(5) }}|{{ "a b, c_d" | wordcount }}|{{ "x" | center(5) }}|{{ "a b/\u00e9" | urlencode }}|{{ {"a": "b c"} | urlencode }})",
       "x-b-x|bba|323|1-a|1|foo...|foo ba...|foo bar|3|  x  |a%20b/%C3%A9|a=b+c"},
  });
}

TEST(ChatTemplateLanguage, ToJson_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {R"({{ {"a": [1, 2.0, true, none, "x\"\n\u00e9</"], "b": {}} | tojson }})",
       "{\"a\": [1, 2.0, true, null, \"x\\\"\\n\303\251</\"], \"b\": {}}"},
      {R"({{ {"a": [1, {"b": 2}], "e": [], "f": {}} | tojson(indent=2) }})",
       "{\n  \"a\": [\n    1,\n    {\n      \"b\": 2\n    }\n  ],\n  \"e\": [],\n  \"f\": {}\n}"},
      {R"({{ {"b": 1, "a": 2} | tojson(sort_keys=true, separators=(",", ":")) }} {{ "\u00e9\U0001f642" | tojson(ensure_ascii=true) }} {{ {1: 2, none: 3, true: 4, 1.5: 5} | tojson }} {{ (1, "a") | tojson }} {{ 1e100 | tojson }})",
       R"({"a":2,"b":1} "\u00e9\ud83d\ude42" {"1": 4, "null": 3, "1.5": 5} [1, "a"] 1e+100)"},
      {"{{ range(3) | tojson }}", nullptr},
  });
}

TEST(ChatTemplateLanguage, NumberFilters_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {R"({{ "42" | int }} {{ "x" | int }} {{ "x" | int(7) }} {{ "3.7" | int }} {{ 3.9 | int }} {{ "ff" | int(0, 16) }} {{ "0x1f" | int(base=16) }} {{ " 1_0 " | int }} {{ "1.5" | float }} {{ "q" | float }} {{ true | int }} {{ none | int }})",
       "42 0 7 3 3 255 31 10 1.5 0.0 1 0"},
      {R"({{ 2.5 | round }} {{ 3.5 | round }} {{ 2.675 | round(2) }} {{ 42.55 | round(1, "floor") }} {{ 2.1 | round(0, "ceil") }} {{ 7 | round }} {{ -3 | abs }} {{ -2.5 | abs }} {{ 1234.5 | round(-2) }})",
       "2.0 4.0 2.67 42.5 3.0 7 3 2.5 1200.0"},
  });
}

TEST(ChatTemplateLanguage, SequenceFilters_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {R"({{ xs | first }} {{ xs | last }} {{ "abc" | first }} {{ [] | first }}|{{ xs | length }} {{ u | length }} {{ d | count }} {{ "ab" | list }} {{ d | list }} {{ d | first }})",
       "3 2 a |3 7 3 ['a', 'b'] ['b', 'a', 'items'] b"},
      {R"({{ xs | sort }} {{ words | sort }} {{ words | sort(case_sensitive=true) }} {{ xs | sort(reverse=true) }} {{ people | sort(attribute="age") | map(attribute="name") | list }} {{ people | sort(attribute="age,name") | map(attribute="name") | join(",") }})",
       "[1, 2, 3] ['A', 'b', 'c'] ['A', 'b', 'c'] [3, 2, 1] ['bob', 'Ann', 'Cid'] bob,Ann,Cid"},
      {R"({{ [1, "a"] | sort }})", nullptr},
      {R"({{ ["a", "A", "b"] | unique | list }} {{ [1, 1.0, 2] | unique | list }} {{ xs | reverse | list }} {{ "abc" | reverse }} {{ xs | join("-") }} {{ people | join(",", attribute="name") }} {{ xs | sum }} {{ people | sum(attribute="age") }} {{ xs | min }} {{ xs | max }} {{ people | max(attribute="age") == people[0] }} {{ [] | max }})",
       "['a', 'b'] [1, 2] [2, 1, 3] cba 3-1-2 Ann,bob,Cid 6 85 1 3 True "},
      {R"({{ {"b": 1, "A": 2} | dictsort }} {{ {"b": 1, "a": 2} | dictsort(by="value") }} {{ {"a": 1} | items | list }} {{ [1, 2, 3] | batch(2, 0) | list }} {{ [1, 2, 3] | slice(2) | list }} {{ [1, 2, 3] | slice(2, 9) | list }})",
       "[('A', 2), ('b', 1)] [('b', 1), ('a', 2)] [('a', 1)] [[1, 2], [3, 0]] [[1, 2], [3]] [[1, 2], [3, "
       "9]]"},
      {R"({% for age, group in people | groupby("age") %}{{ age }}:{{ group | map(attribute="name") | join("+") }};{% endfor %})",
       "25:bob;30:Ann+Cid;"},
      {R"({{ e | default("x") }}|{{ e | default("x", true) }}|{{ none_ | d("x") }}|{{ none_ | d("x", true) }})",
       "|x|None|x"},
      {"{{ 5 | length }}", nullptr},
      {"{{ none_ | items | list }}", nullptr},
  });
}

TEST(ChatTemplateLanguage, SelectionFilters_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {R"({{ xs | map("string") | list }} {{ ["a"] | map("upper") | first }} {{ people | map(attribute="tags.0", default="-") | list }} {{ ["a-b"] | map("replace", "-", "+") | join }})",
       "['3', '1', '2'] A ['x', '-', '-'] a+b"},
      {R"({{ xs | select("gt", 1) | list }} {{ xs | reject("odd") | list }} {{ [0, 1, ""] | select | list }} {{ people | selectattr("age", "equalto", 30) | map(attribute="name") | list }} {{ people | rejectattr("tags") | list | length }} {{ people | selectattr("tags", "defined") | list | length }} {{ none_ | select | list }})",
       "[3, 2] [2] [1] ['Ann', 'Cid'] 2 1 []"},
      {"{{ xs | select | length }}", nullptr},
      {R"({{ "y" if xs | select("gt", 99) else "n" }})", "y"},
      {R"({{ xs | map("nope") | list }})", nullptr},
      {"{% set g = xs | select %}{{ g | first }}{{ g | list }}{{ g | list }}", "3[1, 2][]"},
  });
}

TEST(ChatTemplateLanguage, Tests_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {"{{ n is number }} {{ n is integer }} {{ f is float }} {{ f is integer }} {{ t is boolean }} {{ t is "
       "integer }} {{ t is number }} {{ t is true }} {{ 1 is true }} {{ s is string }} {{ d is mapping }} {{ "
       "xs is sequence }} {{ s is sequence }} {{ d.items() is sequence }} {{ xs is iterable }} {{ n is "
       "iterable }} {{ range is callable }} {{ s is callable }}",
       "True True True False True False True True False True True True True False True False True False"},
      {R"({{ 3 is odd }} {{ 3 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ "ab" is lower }} {{ "AB" is upper }} {{ 1 is eq 1 }} {{ 1 is ne(2) }} {{ 1 is in [1] }} {{ 1 is lt 2 }} {{ 2 is sameas 2 }} {{ none is none }} {{ n is not none }} {{ "upper" is filter }} {{ "odd" is test }})",
       "True False True False True True True True True True True True True True True"},
  });
}

TEST(ChatTemplateLanguage, Syntax_Rendered_GivesWhatJinja2Gives) {
  expect_all({
      {"{% if %}{% endif %}", nullptr},
      {"{% if t %}", nullptr},
      {"{{ n", nullptr},
      {"{{ n | nope }}", nullptr},
      {"{{ n is nope }}", nullptr},
      {"{% nope %}", nullptr},
      {"{{ 1 + }}", nullptr},
      {"{{ (1 }}", nullptr},
      {R"({{ "a }})", nullptr},
      {"{# a", nullptr},
      {"{% raw %}a", nullptr},
      {"{% break %}", nullptr},
      {"{% set true = 1 %}", nullptr},
      {"{% macro m(a=1, b) %}{% endmacro %}", nullptr},
      {"{{ f(a=1, 2) }}", nullptr},
      {"{% if false %}{{ n | nope }}{% endif %}ok", "ok"},
      {R"({{ "ok" if true else n | nope }})", "ok"},
      {R"({{ n | nope if false else "ok" }})", "ok"},
      {"{% endfor %}", nullptr},
      {"{{ a b }}", nullptr},
      {"{{ 1 is odd is even }}", nullptr},
  });
}

}  // namespace
}  // namespace hearth::text
