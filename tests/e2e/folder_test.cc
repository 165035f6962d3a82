// The commands on a Hugging Face folder: a tiny model, a byte-level tokenizer of the printable characters.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/e2e/hearth_process.h"
#include "tests/support/huggingface_folder.h"
#include "tests/support/safetensors_writer.h"
#include "tests/support/tiny_llama.h"

namespace hearth::testing {
namespace {

using nlohmann::json;

class FolderCommands : public ::testing::Test {
 protected:
  FolderCommands() {
    const std::string bytes = TinyLlama({}, 3).gguf().add_u32("llama.vocab_size", 285).build();
    const auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "tiny.gguf");
    write_folder(as_huggingface(*file), folder_.path(), 2);
    write_file(folder_.path() / "tokenizer.json", byte_level_tokenizer_json());
    write_file(folder_.path() / "generation_config.json", R"({"eos_token_id": [2, 5]})");
  }

  TemporaryFolder folder_;
};

TEST_F(FolderCommands, Tokenize_GivesTheIdsOfItsVocabulary) {
  const Outcome outcome = run_hearth({"tokenize", folder_.path(), "ab !"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "67 68 97 3\n");
}

TEST_F(FolderCommands, Run_ContinuesTheTextTheSameWayTwice) {
  const std::vector<std::string> line{"run", folder_.path(),  "Hello", "--temperature",
                                      "0",   "--num-predict", "8"};
  const Outcome once = run_hearth(line);
  EXPECT_EQ(once.exit_code, 0) << once.err;
  EXPECT_EQ(run_hearth(line).out, once.out);
}

TEST_F(FolderCommands, Inspect_SaysWhatItIsAndThatItRuns) {
  const Outcome outcome = run_hearth({"inspect", folder_.path(), "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const json object = json::parse(outcome.out);
  EXPECT_EQ(object.at("format"), "safetensors");
  EXPECT_EQ(object.at("n_parts"), 2);
  EXPECT_EQ(object.at("metadata").at("llama.block_count"), 2);
  EXPECT_TRUE(object.at("hearth").at("runs")) << object.at("hearth").dump();
}

TEST_F(FolderCommands, WithoutTokenizer_SaysWhatIsMissing) {
  std::filesystem::remove(folder_.path() / "tokenizer.json");
  const Outcome outcome = run_hearth({"run", folder_.path(), "Hello"});
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_NE(outcome.err.find("tokenizer.json"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace hearth::testing
