#include "text/chat/template_language.h"

#include <gtest/gtest.h>

namespace hearth::text {
namespace {

TEST(TemplateLanguage, EachTemplate_IsOfItsLanguage) {
  for (const char* go :
       {"{{ .Prompt }}", "{{- if .System }}<s>{{ .System }}{{ end }}{{ .Response }}", "{{$x := 1}}",
        "{{ range $i, $_ := .Messages }}{{ .Content }}{{ end }}", "[INST] {{ .Prompt }} [/INST]",
        "{{/* note */}}", "{{ json .Messages }}", "{{- printf \"%s\" .Prompt }}", "{{ currentDate }}"}) {
    EXPECT_TRUE(is_go_template(go)) << go;
    EXPECT_FALSE(is_jinja_template(go)) << go;
  }
  for (const char* jinja :
       {"{% for m in messages %}{{ m.content }}{% endfor %}", "{{ messages[0]['content'] }}",
        "{{ bos_token }}hello", "{%- if messages[0].role == 'system' -%}x{%- endif -%}", "{{- endpoint }}",
        "{{ json }}", "{{ not x }}", "{{ .5 }}{% if x %}{% endif %}", "{{ index(\".\") }}"}) {
    EXPECT_TRUE(is_jinja_template(jinja)) << jinja;
    EXPECT_FALSE(is_go_template(jinja)) << jinja;
  }
  for (const char* plain : {"", "hello", "{# a comment #}", "{ }"}) {
    EXPECT_FALSE(is_jinja_template(plain)) << plain;
    EXPECT_FALSE(is_go_template(plain)) << plain;
  }
}

}  // namespace
}  // namespace hearth::text
