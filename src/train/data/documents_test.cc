// Files and folders as the documents that they hold; broken ones by file, line and byte.
#include "train/data/documents.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temporary_folder.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, std::string_view bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

struct Taken {
  std::vector<std::string> texts;  // of a conversation "role: content\n" for each message
  std::vector<bool> continues;
  ReadReport report;
};

Result<Taken> take_all(const fs::path& path) {
  Taken taken;
  HEARTH_ASSIGN(taken.report, read_documents(path, [&](const Document& document) -> Result<void> {
                  std::string text(document.text);
                  for (const text::ChatMessage& message : document.messages)
                    text += message.role + ": " + message.content + "\n";
                  taken.texts.push_back(text);
                  taken.continues.push_back(document.continues);
                  return {};
                }));
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
  EXPECT_EQ(taken->report.n_files, 1U);
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

TEST_F(Documents, LinesOfJson_AreTextsAndConversations) {
  const fs::path path = folder.path() / "a.jsonl";
  write(path,
        "{\"text\": \"One\", \"source\": 1}\n\n"
        "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}, {\"role\": \"assistant\", \"content\": "
        "\"Yo\"}]}\r\n"
        "  \n{\"text\": \"no newline behind\"}");
  const auto taken = take_all(path);
  ASSERT_TRUE(taken) << taken.error().message();
  EXPECT_EQ(taken->texts,
            (std::vector<std::string>{"One", "user: Hi\nassistant: Yo\n", "no newline behind"}));
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
  EXPECT_EQ(taken->report.n_left_out, 2U);  // the PDF and the link
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
  EXPECT_NE(taken.error().message().find("found none among 1 of other kinds"), std::string::npos)
      << taken.error().message();
}

}  // namespace
}  // namespace hearth::train
