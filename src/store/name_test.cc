#include "store/name.h"

#include <gtest/gtest.h>

namespace hearth::store {
namespace {

TEST(ModelName, Text_HasItsDefaults) {
  struct Case {
    const char* text;
    ModelName name;
    const char* shortest;
  };
  const Case cases[] = {
      {"tiny", {"registry.ollama.ai", "library", "tiny", "latest"}, "tiny:latest"},
      {"tiny:q4", {"registry.ollama.ai", "library", "tiny", "q4"}, "tiny:q4"},
      {"user/tiny", {"registry.ollama.ai", "user", "tiny", "latest"}, "user/tiny:latest"},
      {"library/tiny:1.5b", {"registry.ollama.ai", "library", "tiny", "1.5b"}, "tiny:1.5b"},
      {"hf.co/user/repo-GGUF:Q4_K_M",
       {"hf.co", "user", "repo-GGUF", "Q4_K_M"},
       "hf.co/user/repo-GGUF:Q4_K_M"},
      {"localhost:5000/a/b", {"localhost:5000", "a", "b", "latest"}, "localhost:5000/a/b:latest"},
      {"http://127.0.0.1:5000/a/b:c", {"127.0.0.1:5000", "a", "b", "c"}, "127.0.0.1:5000/a/b:c"},
      {"Registry.Ollama.AI/Library/Tiny:Latest",
       {"Registry.Ollama.AI", "Library", "Tiny", "Latest"},
       "Tiny:Latest"},
      {"_a/_b", {"registry.ollama.ai", "_a", "_b", "latest"}, "_a/_b:latest"},
  };
  for (const Case& c : cases) {
    const auto name = ModelName::parse(c.text);
    ASSERT_TRUE(name) << name.error().message();
    EXPECT_EQ(*name, c.name) << c.text;
    EXPECT_EQ(name->text(), c.shortest);
    EXPECT_EQ(*ModelName::parse(name->full_text()), *name);
    EXPECT_EQ(ModelName::parse(name->text())->key(), name->key());
    EXPECT_EQ(*ModelName::from_manifest_path(name->manifest_path()), *name);
  }
}

TEST(ModelName, Case_IsNoDifference) {
  EXPECT_TRUE(
      same_model(*ModelName::parse("HF.co/User/Repo:q4_k_m"), *ModelName::parse("hf.co/user/repo:Q4_K_M")));
  EXPECT_FALSE(same_model(*ModelName::parse("a:b"), *ModelName::parse("a:c")));
}

TEST(ModelName, WhatCouldBeAnotherPath_IsRefused) {
  const std::string hostile[] = {"",
                                 ":",
                                 "/",
                                 "a/",
                                 "/a",
                                 "a:",
                                 ":a",
                                 "a/b/c/d",
                                 "..",
                                 "../a",
                                 "a/..",
                                 "a/../b",
                                 "../../a",
                                 "a:..",
                                 "./a",
                                 ".a",
                                 "a\\b",
                                 "..\\a",
                                 "a b",
                                 "a\nb",
                                 "a%2fb",
                                 "a*",
                                 "-a",
                                 "a/-b",
                                 "a.b/c",
                                 "a/b@c",
                                 "a//b",
                                 "a:b:c",
                                 "h/n/m:t/",
                                 "\xC3\xA9",
                                 "a\xEF\xBC\x8F"
                                 "b",
                                 "C:\\a",
                                 "file:///etc",
                                 "http://",
                                 "a:b/c/d:",
                                 "~a",
                                 "$HOME",
                                 "a;b",
                                 std::string("a\0b", 3),
                                 std::string("\0", 1),
                                 std::string(81, 'a'),
                                 std::string(4096, 'a'),
                                 "n/" + std::string(81, 'a'),
                                 std::string(81, 'n') + "/a",
                                 "a:" + std::string(81, 't'),
                                 std::string(351, 'h') + "/n/m"};
  for (const std::string& text : hostile) {
    const auto name = ModelName::parse(text);
    ASSERT_FALSE(name) << text;
    EXPECT_EQ(name.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_LT(name.error().message().size(), 400U) << "an error does not repeat it all";
  }
}

TEST(ModelName, LongestParts_AreTaken) {
  const std::string text = std::string(350, 'h') + "/" + std::string(80, 'n') + "/" + std::string(80, 'm') +
                           ":" + std::string(80, 't');
  EXPECT_TRUE(ModelName::parse(text));
}

TEST(ModelName, PathThatIsNoManifest_IsRefused) {
  for (const char* path : {"", "a", "a/b/c", "a/b/c/d/e", "a/b/../d", "a/b/c/.d", "a/b/c/", "/b/c/d"}) {
    EXPECT_FALSE(ModelName::from_manifest_path(path)) << path;
  }
}

}  // namespace
}  // namespace hearth::store
