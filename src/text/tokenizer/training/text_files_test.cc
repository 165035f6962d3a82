#include "text/tokenizer/training/text_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "tests/support/temporary_folder.h"
#include "text/tokenizer/pre_tokenizer.h"

namespace hearth::text {
namespace {

using Texts = std::vector<std::string>;
using testing::TemporaryFolder;

std::string write(const std::filesystem::path& path, std::string_view content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
  return path.string();
}

class TextFiles : public ::testing::Test {
 protected:
  Result<Texts> read(std::string_view name, std::string_view content, const TextFileLimits& limits = {}) {
    Texts texts;
    HEARTH_TRY(read_texts(
        write(folder_ / name, content),
        [&](std::string_view text) {
          texts.emplace_back(text);
          return Result<void>();
        },
        limits));
    return texts;
  }
  // Without the folder's path.
  std::string refusal(std::string_view name, std::string_view content, const TextFileLimits& limits = {}) {
    const auto result = read(name, content, limits);
    return result ? "" : result.error().message().substr(folder_.path().string().size() + 1);
  }

  TemporaryFolder folder_;
};

TEST_F(TextFiles, Read_SmallFile_IsOneText) {
  EXPECT_EQ(*read("a.txt", "one\n\n  two\r\nthree"), Texts{"one\n\n  two\r\nthree"});
  EXPECT_EQ(*read("a.bin", "anything\n"), Texts{"anything\n"});
  EXPECT_EQ(*read("a.txt", "\xEF\xBB\xBFmarked"), Texts{"marked"});
  EXPECT_EQ(*read("a.txt", ""), Texts{});
}

TEST_F(TextFiles, Read_LargeFile_IsCutBetweenLinesThatHaveNoSpaceThere) {
  const TextFileLimits limits{.piece_bytes = 12, .line_bytes = 100};
  EXPECT_EQ(*read("a.txt", "first line\nsecond line\nthird line\n", limits),
            (Texts{"first line\n", "second line\n", "third line\n"}));
  // Not at the blank line, nor before the indented one.
  EXPECT_EQ(*read("a.txt", "first line\n\nsecond line\n  third line\nfourth line\n", limits),
            (Texts{"first line\n\nsecond line\n  third line\n", "fourth line\n"}));
  EXPECT_EQ(*read("a.txt", "first line \nsecond\u3000\nthird\n\u3000fourth\r\nfifth line ends", limits),
            (Texts{"first line \nsecond\u3000\nthird\n\u3000fourth\r\n", "fifth line ends"}));
}

TEST_F(TextFiles, Read_NoPlaceToCut_CutsBehindALineAllTheSame) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "  indented\n";
  const Texts pieces = *read("a.txt", text, {.piece_bytes = 16, .line_bytes = 64});
  EXPECT_GT(pieces.size(), 5U);
  std::string together;
  for (const std::string& piece : pieces) {
    EXPECT_TRUE(piece.ends_with('\n'));
    EXPECT_LE(piece.size(), 64U + 16U);
    together += piece;
  }
  EXPECT_EQ(together, text);
}

// Reading in pieces changes no word, whatever the kind of pre-tokenizer.
TEST_F(TextFiles, Read_Pieces_HaveTheWordsOfTheWhole) {
  std::string text;
  for (int i = 0; i < 12; ++i) {
    text +=
        "It's 1,234.5 o'clock (or so)!\nThe end.\n\n  def f(x):\n\treturn x  "
        "\n\u4E2D\u6587\u3002\n\u00E9t\u00E9\n";
    text += "***\nA list:\n- one\n- two \n\u3000indented\n12345678\n'tis\n";
  }
  const Texts pieces = *read("a.txt", text, {.piece_bytes = 40, .line_bytes = 1000});
  ASSERT_GT(pieces.size(), 20U);
  for (const PreTokenizerRule& rule : pre_tokenizer_rules()) {
    // Its words go on over lines.
    if (rule.names.front() == "superbpe") continue;
    const auto pre_tokenizer = PreTokenizer::create(rule);
    const auto words_of = [&](const std::string& part, Texts& words) {
      PreTokenizer::Session session(*pre_tokenizer);
      session.split(part, [&](std::string_view word) { words.emplace_back(word); });
    };
    Texts whole;
    Texts in_pieces;
    words_of(text, whole);
    for (const std::string& piece : pieces) words_of(piece, in_pieces);
    EXPECT_EQ(in_pieces, whole) << rule.names.front();
  }
}

TEST_F(TextFiles, Read_JsonLines_GivesTheStrings) {
  EXPECT_EQ(*read("a.jsonl", R"({"text": "one\ntwo", "id": 7}

{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": null, "tool_calls": []}]})"
                             "\r\n"
                             R"({"messages": []}
{"text": "\u00e9"})"),
            (Texts{"one\ntwo", "hi", "\u00E9"}));
  // Blocks of a file end anywhere.
  EXPECT_EQ(*read("b.JSONL", "\xEF\xBB\xBF{\"text\": \"a\"}\n{\"text\": \"bcdefghijk\"}\n",
                  {.piece_bytes = 3, .line_bytes = 100}),
            (Texts{"a", "bcdefghijk"}));
}

TEST_F(TextFiles, Read_JsonLinesOfAnotherForm_NameTheLine) {
  EXPECT_EQ(refusal("a.jsonl", "{\"text\": \"a\"}\n[1]\n"),
            R"(a.jsonl: line 2: expected {"text": "..."} or {"messages": [{"role", "content"}, ...]})");
  EXPECT_EQ(refusal("a.jsonl", "{\"text\": 1}"), R"(a.jsonl: line 1: expected "text" to be a string)");
  EXPECT_EQ(refusal("a.jsonl", "\n{\"messages\": [{\"role\": \"user\"}]}"),
            R"(a.jsonl: line 2: expected each of "messages" to have a "content")");
  EXPECT_EQ(refusal("a.jsonl", "{\"messages\": [7]}"),
            R"(a.jsonl: line 1: expected each of "messages" to have a "content")");
  EXPECT_EQ(refusal("a.jsonl", "{\"messages\": [{\"content\": [1]}]}"),
            R"(a.jsonl: line 1: expected "content" to be a string)");
  EXPECT_NE(refusal("a.jsonl", "{\"prompt\": \"a\"}"), "");
  EXPECT_TRUE(refusal("a.jsonl", "{\"text\": \"a\"").starts_with("a.jsonl: line 1: JSON: byte "));
  EXPECT_TRUE(refusal("a.jsonl", "{\"text\": \"\xFF\"}").starts_with("a.jsonl: line 1: JSON: byte "));
}

TEST_F(TextFiles, Read_WhatIsNoText_NamesTheByte) {
  const TextFileLimits small{.piece_bytes = 4, .line_bytes = 8};
  EXPECT_EQ(refusal("a.txt", "abc\ndef\nx\xC3y\n", small), "a.txt: byte 9: expected UTF-8, found 0xc3");
  EXPECT_EQ(refusal("a.txt", "abc\ndef\n\xE4\xB8", small), "a.txt: byte 8: expected UTF-8, found 0xe4");
  EXPECT_EQ(refusal("a.txt", "\xEF\xBB\xBFx\xFF"), "a.txt: byte 4: expected UTF-8, found 0xff");
  const std::string_view with_nul("ab\nc\0d\n", 7);
  for (const char* name : {"a.txt", "a.jsonl"}) {
    EXPECT_EQ(refusal(name, with_nul),
              fmt::format("{}: byte 4: expected text, found a NUL byte (a binary file?)", name));
  }
}

TEST_F(TextFiles, Read_LineBeyondTheLimit_IsRefusedByWhereItBegins) {
  const TextFileLimits small{.piece_bytes = 4, .line_bytes = 8};
  const std::string expected = "expected a line of at most 8 bytes, found a longer one";
  EXPECT_EQ(refusal("a.txt", "12345678\n12345678\n", small), "");
  EXPECT_EQ(refusal("a.txt", "12345678\n123456789\n", small), "a.txt: byte 9: " + expected);
  EXPECT_EQ(refusal("a.txt", "  \n  \n1234567890123456789", small), "a.txt: byte 6: " + expected);
  EXPECT_EQ(refusal("a.jsonl", "{\"text\": \"\"}", small), "a.jsonl: byte 0: " + expected);
}

TEST_F(TextFiles, Read_SinkSaysNo_EndsTheReading) {
  const std::string file = write(folder_ / "a.jsonl", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n");
  int n = 0;
  const auto read = read_texts(file, [&](std::string_view /*text*/) -> Result<void> {
    ++n;
    return make_error(ErrorCode::kCancelled, "enough");
  });
  EXPECT_EQ(read.error().code(), ErrorCode::kCancelled);
  EXPECT_EQ(n, 1);
}

TEST_F(TextFiles, Find_Folder_TakesTextsBelowInOrder) {
  for (const char* name :
       {"b.txt", "a/z.md", "a/y.JSONL", "a/b/c.txt", "picture.png", "a/data.json", "z.txt/inner.md"})
    write(folder_ / name, "x");
  std::filesystem::create_directory_symlink(folder_.path(), folder_ / "loop");
  Texts found;
  const auto files = find_text_files(folder_.path());
  ASSERT_TRUE(files) << files.error().message();
  for (const auto& path : *files) {
    found.push_back(path.lexically_relative(folder_.path()).string());
  }
  EXPECT_EQ(found, (Texts{"a/b/c.txt", "a/y.JSONL", "a/z.md", "b.txt", "z.txt/inner.md"}));
  EXPECT_EQ(*find_text_files(folder_ / "picture.png"),
            std::vector<std::filesystem::path>{folder_ / "picture.png"});
}

TEST_F(TextFiles, Find_WhatIsNotThereOrNoFile_IsRefusedByName) {
  const auto missing = find_text_files(folder_ / "missing.txt");
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message().find("missing.txt: "), std::string::npos);
  std::filesystem::create_directory(folder_ / "empty");
  EXPECT_EQ(find_text_files(folder_ / "empty").error().code(), ErrorCode::kInvalidArgument);
  ASSERT_EQ(::mkfifo((folder_ / "pipe.txt").c_str(), 0600), 0);
  EXPECT_EQ(find_text_files(folder_ / "pipe.txt").error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(read_texts(folder_ / "pipe.txt", nullptr).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(read_texts(folder_ / "missing.txt", nullptr).error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace hearth::text
