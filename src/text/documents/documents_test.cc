// Files and folders as the documents that they hold; broken ones by file, line and byte.
#include "text/documents/documents.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temporary_folder.h"
#include "text/tokenizer/pre_tokenizer.h"

namespace hearth::text {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, std::string_view bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

struct Taken {
  std::vector<std::string> texts;  // of a conversation "role: content\n" for each message
  std::vector<bool> continues;
};

Result<Taken> take_all(const fs::path& path, const DocumentLimits& limits = {}) {
  Taken taken;
  HEARTH_ASSIGN(const std::vector<fs::path> files, find_document_files(path));
  for (const fs::path& file : files) {
    HEARTH_TRY(read_documents(
        file,
        [&](const Document& document) -> Result<void> {
          std::string text(document.text);
          for (const ChatMessage& message : document.messages)
            text += message.role + ": " + message.content + "\n";
          taken.texts.push_back(text);
          taken.continues.push_back(document.continues);
          return {};
        },
        limits));
  }
  return taken;
}

class Documents : public ::testing::Test {
 protected:
  void expect_refused(std::string_view bytes, const char* name, std::string_view expected) {
    const fs::path path = folder.path() / name;
    write(path, bytes);
    const auto taken = take_all(path);
    ASSERT_FALSE(taken) << expected;
    EXPECT_NE(taken.error().message().find(expected), std::string::npos) << taken.error().message();
    EXPECT_NE(taken.error().message().find(path.string()), std::string::npos) << taken.error().message();
  }

  testing::TemporaryFolder folder;
};

TEST_F(Documents, ATextFile_IsOneTextOrSeveral) {
  const fs::path path = folder.path() / "a.txt";
  write(
      path,
      "\n\nOne <|endoftext|> still.\nOn.\n<|endoftext|>\r\n\nTwo: \xC3\xA9.\n<|endoftext|>\n\n<|endoftext|>");
  const auto taken = take_all(path);
  ASSERT_TRUE(taken) << taken.error().message();
  EXPECT_EQ(taken->texts, (std::vector<std::string>{"One <|endoftext|> still.\nOn.", "Two: \xC3\xA9."}));
}

TEST_F(Documents, ALongText_ComesInPartsOfWholeCharacters) {
  std::string lines;
  while (lines.size() < 2'500'000) lines += "a line of a long text\n";
  std::string one_line;
  while (one_line.size() < 2'500'000) one_line += "\xE2\x82\xAC";
  for (const std::string& text : {lines + "end", one_line}) {
    const fs::path path = folder.path() / "long.txt";
    write(path, text);
    const auto taken = take_all(path);
    ASSERT_TRUE(taken) << taken.error().message();
    ASSERT_EQ(taken->continues, (std::vector<bool>{false, true, true}));
    EXPECT_EQ(taken->texts[0] + taken->texts[1] + taken->texts[2], text);
    for (const std::string& part : taken->texts) EXPECT_LE(part.size(), 1U << 20U);
  }
}

TEST_F(Documents, Parts_EndWhereNoWordIsCut) {
  const DocumentLimits limits{.part_bytes = 12, .line_bytes = 100};
  const fs::path path = folder.path() / "a.txt";
  const auto parts_of = [&](std::string_view text) {
    write(path, text);
    return take_all(path, limits).value().texts;
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(parts_of("first line\nsecond line\nthird line"),
            (Texts{"first line\n", "second line\n", "third line"}));
  // Not at the blank line, nor before the indented one.
  EXPECT_EQ(parts_of("first line\n\nsecond line\n  third line\nfourth line"),
            (Texts{"first line\n\nsecond line\n  third line\n", "fourth line"}));
  EXPECT_EQ(parts_of("first line \nsecond\u3000\nthird\n\u3000fourth\r\nfifth line"),
            (Texts{"first line \nsecond\u3000\nthird\n\u3000fourth\r\n", "fifth line"}));
  // There is no such place.
  std::string indented;
  for (int i = 0; i < 100; ++i) indented += "  indent\n";
  for (const std::string& part : parts_of(indented + "end")) EXPECT_LE(part.size(), 100U);
}

// Reading in parts changes no word, whatever the kind of pre-tokenizer.
TEST_F(Documents, Parts_HaveTheWordsOfTheWhole) {
  std::string text;
  for (int i = 0; i < 12; ++i) {
    text +=
        "It's 1,234.5 o'clock (or so)!\nThe end.\n\n  def f(x):\n\treturn x  "
        "\n\u4E2D\u6587\u3002\n\u00E9t\u00E9\n";
    text += "***\nA list:\n- one\n- two \n\u3000indented\n12345678\n'tis\n";
  }
  text += "end";
  const fs::path path = folder.path() / "a.txt";
  write(path, text);
  const std::vector<std::string> parts = take_all(path, {.part_bytes = 40, .line_bytes = 1000}).value().texts;
  ASSERT_GT(parts.size(), 20U);
  for (const PreTokenizerRule& rule : pre_tokenizer_rules()) {
    // Its words go on over lines.
    if (rule.names.front() == "superbpe") continue;
    const auto pre_tokenizer = PreTokenizer::create(rule);
    const auto words_of = [&](const std::string& part, std::vector<std::string>& words) {
      PreTokenizer::Session session(*pre_tokenizer);
      session.split(part, [&](std::string_view word) { words.emplace_back(word); });
    };
    std::vector<std::string> whole;
    std::vector<std::string> in_parts;
    words_of(text, whole);
    for (const std::string& part : parts) words_of(part, in_parts);
    EXPECT_EQ(in_parts, whole) << rule.names.front();
  }
}

TEST_F(Documents, ByteOrderMarks_AreLeftOut) {
  write(folder.path() / "a.txt", "\xEF\xBB\xBFmarked");
  write(folder.path() / "b.JSONL", "\xEF\xBB\xBF{\"text\": \"marked\"}");
  EXPECT_EQ(take_all(folder.path()).value().texts, (std::vector<std::string>{"marked", "marked"}));
}

TEST_F(Documents, LinesOfJson_AreTextsAndConversations) {
  const fs::path path = folder.path() / "a.jsonl";
  write(path,
        "{\"text\": \"One\", \"source\": 1}\n\n"
        "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}, {\"role\": \"assistant\", \"content\": "
        "null}]}\r\n"
        "  \n{\"text\": \"no newline behind\"}");
  const auto taken = take_all(path);
  ASSERT_TRUE(taken) << taken.error().message();
  EXPECT_EQ(taken->texts, (std::vector<std::string>{"One", "user: Hi\nassistant: \n", "no newline behind"}));
}

TEST_F(Documents, OfAFolder_TextFilesAreReadInOrder) {
  write(folder.path() / "b.md", "b");
  write(folder.path() / "a/z.txt", "a/z");
  write(folder.path() / "a/y.jsonl", "{\"text\": \"a/y\"}");
  write(folder.path() / "c.pdf", "\0\1");
  write(folder.path() / ".git/x.txt", "hidden");
  fs::create_directory_symlink(folder.path(), folder.path() / "a/up");
  const auto taken = take_all(folder.path());
  ASSERT_TRUE(taken) << taken.error().message();
  EXPECT_EQ(taken->texts, (std::vector<std::string>{"a/y", "a/z", "b"}));
}

TEST_F(Documents, WhatIsNoText_IsRefusedByItsPlace) {
  expect_refused(std::string_view("one\0two", 7), "a.txt",
                 "byte 3: expected text, found a NUL: a binary file");
  expect_refused("one\n<|endoftext|>\ntw\xFFo", "a.txt", "byte 20: expected UTF-8, found 0xFF");
  expect_refused("cut \xE2\x82", "a.txt", "byte 4: expected UTF-8, found 0xE2");
  expect_refused("{\"text\": \"good\"}\n{\"text\": ", "a.jsonl", "a.jsonl:2: ");
  expect_refused("[]", "a.jsonl", "a.jsonl:1: expected an object, found array");
  expect_refused("{\"prompt\": 1}", "a.jsonl", "expected a member \"text\" or \"messages\", found neither");
  expect_refused("{\"text\": 1}", "a.jsonl", "a.jsonl:1: text: expected a text, found number");
  expect_refused("{\"text\": \"a\\u0000\"}", "a.jsonl",
                 "a.jsonl:1: text: byte 1: expected text, found a NUL");
  expect_refused("{\"messages\": {}}", "a.jsonl", "messages: expected an array, found object");
  expect_refused("{\"messages\": []}", "a.jsonl", "messages: expected some, found none");
  expect_refused("{\"messages\": [1]}", "a.jsonl", "messages[0]: expected an object, found number");
  expect_refused("{\"messages\": [{\"role\": \"user\"}]}", "a.jsonl",
                 "messages[0]: expected a member \"content\"");
  const std::string long_line = "{\"text\": \"" + std::string(17U << 20U, 'a') + "\"}";
  expect_refused("\n" + long_line, "a.jsonl",
                 "a.jsonl:2: expected a line of at most 16777216 bytes, found more");
}

TEST_F(Documents, WhatIsNotThere_IsSaid) {
  EXPECT_EQ(take_all(folder.path() / "none.txt").error().code(), ErrorCode::kNotFound);
  fs::create_directory(folder.path() / "empty");
  write(folder.path() / "empty/a.png", "x");
  const auto taken = take_all(folder.path() / "empty");
  ASSERT_FALSE(taken);
  EXPECT_NE(taken.error().message().find("expected .txt, .md or .jsonl files in it, found none"),
            std::string::npos)
      << taken.error().message();
}

}  // namespace
}  // namespace hearth::text
