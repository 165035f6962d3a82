// Templates made to hurt: whatever they are, parsing and rendering end soon, with text or an error.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <random>
#include <unordered_set>

#include "tests/support/sanitized.h"
#include "text/chat_template/chat_template.h"

namespace hearth::text {
namespace {

// Of the processor, so that other work on the machine does not count; ten times what the slowest takes on a
// machine of today. Sanitized code is not timed: that it ends is what ctest's own limit shows.
constexpr auto kLongest = std::chrono::seconds(testing::kSanitized ? 60 : 1);

Value conversation() {
  auto value =
      value_from_json(R"({"messages": [{"role": "user", "content": "Hi \u00e9"}], "n": 3, "s": "abc"})");
  return value ? *value : Value();
}

std::chrono::nanoseconds processor_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

std::chrono::nanoseconds time_of(const std::string& source) {
  static const Value context = conversation();
  const auto start = processor_time();
  if (const auto parsed = ChatTemplate::parse(source, "hostile")) {
    const auto text = parsed->render(context);
    EXPECT_LE(text ? text->size() : 0, 4U << 20U);
  }
  return processor_time() - start;
}

std::string repeated(std::string_view text, size_t n) {
  std::string out;
  for (size_t i = 0; i < n; ++i) out += text;
  return out;
}

// Each makes a template of roughly the given size or violence.
using Generator = std::function<std::string(size_t)>;

const std::vector<Generator>& generators() {
  static const std::vector<Generator> kAll = {
      // Nesting.
      [](size_t n) { return "{{ " + repeated("(", n) + "1" + repeated(")", n) + " }}"; },
      [](size_t n) { return "{{ " + repeated("[", n) + repeated("]", n) + " }}"; },
      [](size_t n) { return "{{ " + repeated("{1:", n) + "2" + repeated("}", n) + " }}"; },
      [](size_t n) { return "{{ " + repeated("not ", n) + "1 }}{{ " + repeated("-", n) + "1 }}"; },
      [](size_t n) { return repeated("{% if 1 %}", n) + "x" + repeated("{% endif %}", n); },
      [](size_t n) { return repeated("{% for a in [1,2] %}", n) + "x" + repeated("{% endfor %}", n); },
      [](size_t n) { return "{{ messages" + repeated(".a", n) + " }}{{ s" + repeated("[0]", n) + " }}"; },
      [](size_t n) {
        return "{{ s" + repeated("|upper", n) + " }}{{ 1" + repeated(" if 0 else 1", n) + " }}";
      },
      [](size_t n) { return "{% if 0 %}" + repeated("{% elif 0 %}", n) + "{% endif %}"; },
      [](size_t n) {
        return "{{ 1" + repeated(" + 1", n) + repeated(" ~ 1", n) + repeated(" and 1", n) + " }}";
      },
      // Recursion.
      [](size_t n) {
        return "{% macro m(a) %}{{ " + repeated("(", n % 50) + "m(a)" + repeated(")", n % 50) +
               " }}{% endmacro %}{{ m(1) }}";
      },
      [](size_t) { return "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}"; },
      [](size_t n) {
        return "{% macro m(k) %}{% if k %}{{ m(k-1) }}{{ m(k-1) }}{% endif %}{% endmacro %}{{ m(" +
               std::to_string(n % 90) + ") }}";
      },
      [](size_t) { return "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}"; },
      [](size_t) {
        return "{% macro m() %}{{ caller() }}{% call m() %}{{ m() }}{% endcall %}{% endmacro %}{% call m() "
               "%}{% endcall %}";
      },
      // Loops and steps.
      [](size_t n) {
        return "{% for a in range(" + std::to_string(n * 997) +
               ") %}{% for b in range(99999) %}{{ b }}{% endfor %}{% endfor %}";
      },
      [](size_t) {
        return "{% for a in range(99999) %}{% for b in range(99999) if b < 0 %}{% endfor %}{% endfor %}";
      },
      [](size_t n) { return "{{ range(10**" + std::to_string(n % 30) + ") | list | length }}"; },
      [](size_t) {
        return "{% for a in range(99999) %}{% set x = namespace(a=a, b=[a]) %}{{ loop.length }}{{ loop }}{% "
               "endfor %}";
      },
      // Growth.
      [](size_t n) {
        return "{% set ns = namespace(x='ab') %}{% for i in range(" + std::to_string(n) +
               ") %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x|length }}";
      },
      [](size_t n) {
        return "{% set ns = namespace(x=[1]) %}{% for i in range(" + std::to_string(n) +
               ") %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}";
      },
      [](size_t n) {
        return "{% set ns = namespace(x=[1]) %}{% for i in range(" + std::to_string(n % 60) +
               ") %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x == [ns.x[0], ns.x[1]] }}{{ "
               "ns.x|tojson(indent=99) }}";
      },
      [](size_t n) {
        return "{% set ns = namespace(x={}) %}{% for i in range(" + std::to_string(n) +
               ") %}{% set ns.x = {i: ns.x, 'b': ns.x} %}{% endfor %}{{ ns.x|string|length }}";
      },
      [](size_t n) {
        return "{{ 'a' * " + std::to_string(n * 1'000'003) + " }}{{ [1] * " + std::to_string(n * 1'000'003) +
               " }}";
      },
      [](size_t n) {
        return "{{ 'a' * 10 ** " + std::to_string(n % 25) + " }}{{ [[]] * 10 ** " + std::to_string(n % 25) +
               " }}";
      },
      [](size_t n) {
        return "{{ '%" + std::to_string(n * 99991) + "d' % 1 }}{{ '{:>" + std::to_string(n * 99991) +
               "}'.format(1) }}{{ 'a'.center(10**" + std::to_string(n % 19) + ") }}";
      },
      [](size_t) { return "{% for i in range(99999) %}{{ 'x'.ljust(100000) | length }}{% endfor %}"; },
      [](size_t) {
        return "{% set a = 'ab' * 500000 %}{% for i in range(9999) %}{{ a.replace('a', a) | length }}{% "
               "endfor %}";
      },
      [](size_t) {
        return "{% set a = 'a' * 1000000 %}{% for i in range(9999) %}{{ (a ~ 'b') in (a ~ a) }}{{ a.rfind(a "
               "~ 'c') }}{% endfor %}";
      },
      [](size_t) {
        return "{% set a = '\xC3\xA9' * 500000 %}{% for i in range(9999) %}{{ a[i] }}{{ a[::-1] | length "
               "}}{% endfor %}";
      },
      [](size_t) {
        return "{% set a = ('a,' * 400000).split(',') %}{% for i in range(99) %}{{ a | sort | unique | list "
               "| length }}{% endfor %}";
      },
      [](size_t) {
        return "{% set a = range(90000) | list %}{% for i in a %}{{ i in a }}{{ a | groupby(0) }}{% endfor "
               "%}";
      },
      [](size_t) {
        return "{% set a = 'x' * 1000000 %}{% set l = [a] * 1000 %}{{ l | sort | join(a) }}{{ l | "
               "map('upper') | list }}";
      },
      [](size_t) {
        return "{% set a = 'x' * 100000 %}{% for i in range(99999) %}{{ (a ~ i) == (a ~ 1) }}{{ {a ~ i: 1} "
               "}}{% endfor %}";
      },
      [](size_t) {
        return "{% for i in range(99999) %}{{ 'a' | indent('x' * 100000) }}{{ 'a\\n' * 1000 | indent(100000) "
               "}}{% endfor %}";
      },
      [](size_t) {
        return "{% for i in range(99999) %}{{ strftime_now('%A' * 10000) | wordcount }}{{ 1 | round(20) }}{% "
               "endfor %}";
      },
      [](size_t) {
        return "{% for i in range(99999) %}{{ [1] | batch(99999999, 1) | list }}{{ [1] | slice(99999) | list "
               "}}{% endfor %}";
      },
      // Size.
      [](size_t n) { return repeated("{{ missing" + std::to_string(n) + " }}", 20000); },
      [](size_t n) { return repeated("{%", n * 100) + repeated("{#", n * 100); },
      [](size_t n) { return repeated("{% raw %}", n * 50) + repeated("{{ '", n * 50); },
      [](size_t n) {
        return "{{ missing." + std::string(n * 1000, 'a') + ".b }}{{ '" + std::string(n * 1000, '\\') +
               "' }}";
      },
      [](size_t n) {
        return "{% macro m(" + repeated("a,", n) + "b) %}{% endmacro %}{{ m(" + repeated("1,", n) + "b=1) }}";
      },
  };
  return kAll;
}

// Valid templates whose bytes the mutations shuffle.
constexpr const char* kSeeds[] = {
    "{%- for m in messages if m.role != 'x' recursive -%}{{ loop.index ~ m['content'][::-1] | trim }}{% else "
    "%}n{% endfor %}",
    "{% macro f(a, b=[1, 2], *c) %}{% endmacro %}{% macro g(a, b={'x': 1}) %}{{ a | tojson(indent=2) }}{{ "
    "caller() }}"
    "{% endmacro %}{% call(x) g(1, b=2) %}{{ x is not none and x in [1] }}{% endcall %}",
    "{% set ns = namespace(a=1) %}{% set ns.a, b = (1, 2) %}{% set t | upper %}q{% endset %}{{ '%s' % (t,) "
    "}}{# c #}",
    "{% raw %}{{ }}{% endraw %}{% filter replace('a', 'b') %}aa{% endfilter %}{% with a=1 %}{{ a ** 2 // 3 "
    "}}{% endwith %}",
    "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | join(', ') }}{{ "
    "s[1:-1:2] if n > 1 else 0 }}",
};

std::string mutated(std::string source, std::mt19937& random) {
  static constexpr const char* kPieces[] = {
      "{{", "}}", "{%", "%}", "{#", "#}", "-",    "|",           "(",      ")",    "[",
      "]",  "{",  "}",  "'",  "\\", "\"", " if ", " for ",       " is ",   " in ", "**",
      "~",  ".",  ",",  ":",  "=",  "\n", "\xFF", "99999999999", "endfor", "loop", "caller()"};
  const size_t n_changes = 1 + random() % 6;
  for (size_t i = 0; i < n_changes; ++i) {
    const size_t at = random() % (source.size() + 1);
    const std::string piece = kPieces[random() % std::size(kPieces)];
    if (random() % 2 == 0) {
      source.insert(at, piece);
    } else {
      source.replace(at, std::min<size_t>(random() % 8, source.size() - at), piece);
    }
  }
  return source;
}

TEST(HostileTemplate, Render_AThousandOfThem_EachEndsWithinItsTime) {
  std::mt19937 random(20240726);
  std::chrono::nanoseconds longest{};
  size_t n_templates = 0;
  std::unordered_set<std::string> judged;  // many generators do not heed the size, or not much
  const auto judge = [&](const std::string& source) {
    if (!judged.insert(source).second) return;
    const auto took = time_of(source);
    EXPECT_LT(took, kLongest) << source.substr(0, 300);
    longest = std::max(longest, took);
    ++n_templates;
  };
  for (const size_t n : {3U, 101U, testing::kSanitized ? 500U : 5000U}) {
    for (const Generator& make : generators()) judge(make(n));
  }
  while (n_templates < (testing::kSanitized ? 300 : 1200))
    judge(mutated(kSeeds[n_templates % std::size(kSeeds)], random));
  RecordProperty("longest_us", static_cast<int>(longest.count() / 1000));
  std::printf("%zu templates, the longest %.1f ms\n", n_templates,
              static_cast<double>(longest.count()) / 1e6);
}

}  // namespace
}  // namespace hearth::text
