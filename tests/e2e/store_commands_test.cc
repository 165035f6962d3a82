// The commands that work on the store's folder: history, rollback, diff, sign, verify, export, import, gc.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "store/store_fixture.h"
#include "tests/e2e/hearth_process.h"
#include "tests/support/tiny_llama.h"

namespace hearth::testing {
namespace {

using nlohmann::json;
using store::name_of;

class StoreCommands : public ::testing::Test {
 protected:
  // Of the store's folder.
  Outcome hearth(Arguments arguments) {
    arguments.insert(arguments.end(), {"--models", store_.root().string()});
    return run_hearth(arguments);
  }
  json hearth_json(Arguments arguments) {
    arguments.emplace_back("--json");
    const Outcome outcome = hearth(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return json::parse(outcome.out, nullptr, false);
  }
  void write(const std::string& name, const std::string& model) {
    ASSERT_TRUE(store_->write_manifest(name_of(name), store_.put_manifest_blobs(model)));
  }

  store::TestStore store_;
};

TEST_F(StoreCommands, HistoryAndRollback_TellAndUndoChanges) {
  for (const char* text : {"one", "second", "three"}) write("tiny", text);
  const Outcome table = hearth({"history", "tiny"});
  EXPECT_EQ(table.exit_code, 0) << table.err;
  EXPECT_CONTAINS(table.out, "3 (current)");
  EXPECT_CONTAINS(table.out, "weights");
  EXPECT_CONTAINS(table.out, "created");

  const json history = hearth_json({"history", "tiny"});
  EXPECT_EQ(history["model"], "tiny:latest");
  ASSERT_EQ(history["versions"].size(), 3U);
  EXPECT_EQ(history["versions"][0]["version"], 3);
  EXPECT_EQ(history["versions"][0]["change"], "weights");
  EXPECT_EQ(history["versions"][2]["missing"], json::array());

  const json back = hearth_json({"rollback", "tiny", "1"});
  EXPECT_EQ(back["version"], 4);
  EXPECT_EQ(back["digest"], history["versions"][2]["digest"]);
  EXPECT_EQ(hearth_json({"history", "tiny"})["versions"][0]["change"], "back to 1");
  EXPECT_CONTAINS(hearth({"rollback", "tiny"}).err, "as version 5");

  std::filesystem::remove(store_->blob_path(store::Digest::of("second")));
  const Outcome missing = hearth({"rollback", "tiny", "2"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_CONTAINS(missing.err, store::Digest::of("second").text());
  EXPECT_CONTAINS(hearth({"history", "tiny"}).out, "1 blob missing");
  EXPECT_EQ(hearth({"rollback", "tiny", "77"}).exit_code, 1);
  EXPECT_EQ(hearth({"rollback", "tiny", "0"}).exit_code, 2);
  EXPECT_EQ(hearth({"history", "none"}).exit_code, 1);
}

TEST_F(StoreCommands, GcKeepVersions_DeletesOldOnesAndTheirBlobs) {
  for (const char* text : {"one", "second", "three"}) write("tiny", text);
  const json nothing = hearth_json({"gc", "--min-age", "0s"});
  EXPECT_EQ(nothing["versions"], 0);
  EXPECT_EQ(nothing["blobs"], json::array());
  const json would = hearth_json({"gc", "--min-age", "0s", "--keep-versions", "1", "--dry-run"});
  EXPECT_EQ(would["versions"], 1);
  EXPECT_EQ(would["dry_run"], true);
  EXPECT_EQ(hearth_json({"history", "tiny"})["versions"].size(), 3U);
  const Outcome done = hearth({"gc", "--min-age", "0s", "--keep-versions", "1"});
  EXPECT_EQ(done.out, store::Digest::of("one").text() + "\n");
  EXPECT_CONTAINS(done.err, "1 former version");
  EXPECT_EQ(hearth_json({"history", "tiny"})["versions"].size(), 2U);
  EXPECT_EQ(hearth({"gc", "--keep-versions", "-1"}).exit_code, 2);
}

// --- diff

std::string bytes_of_file(const std::filesystem::path& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

class Diff : public StoreCommands {
 protected:
  // A model of real weights, with texts beside them.
  void write_model(const std::string& name, const std::string& weights, const std::string& system,
                   const std::string& parameters) {
    namespace media = store::media_type;
    store::Manifest manifest;
    manifest.config = store_.put_blob(
        media::kConfig, store::ModelConfig{"gguf", "llama", {"llama"}, "1K", system, {}}.serialise());
    manifest.layers = {store_.put_blob(media::kModel, weights), store_.put_blob(media::kSystem, system),
                       store_.put_blob(media::kParams, parameters)};
    ASSERT_TRUE(store_->write_manifest(name_of(name), manifest.serialise()));
  }
  std::string weights_of(const TinyLlamaShape& shape, uint32_t seed) {
    const std::string path = (folder_ / "w.gguf").string();
    TinyLlama(shape, seed).gguf().write(path);
    return bytes_of_file(path);
  }
  json diff(Arguments arguments, int exit_code) {
    arguments.insert(arguments.begin(), "diff");
    arguments.emplace_back("--json");
    const Outcome outcome = hearth(arguments);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
    return json::parse(outcome.out, nullptr, false);
  }
  static json find(const json& report, const std::string& section, const std::string& name) {
    for (const json& difference : report["differences"]) {
      if (difference["section"] == section && difference.value("name", "") == name) return difference;
    }
    return {};
  }

  TemporaryFolder folder_;
};

TEST_F(Diff, SameModels_AreTheSame) {
  write_model("a", weights_of({}, 1), "s", "{}");
  ASSERT_TRUE(store_->copy(name_of("a"), name_of("b")));
  const json report = diff({"a", "b"}, 0);
  EXPECT_EQ(report["same"], true);
  EXPECT_EQ(report["differences"], json::array());
  const Outcome text = hearth({"diff", "a", "b"});
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_EQ(text.out, "");
}

TEST_F(Diff, WhatDiffers_IsNamed) {
  TinyLlamaShape wider;
  wider.ffn_width = 128;
  wider.context_tokens = 512;
  wider.tied = true;
  write_model("a", weights_of({}, 1), "You help.\nBe brief.\n", R"({"temperature":0.5,"top_k":3})");
  write_model("a", weights_of(wider, 1), "You help.\nBe kind.\n", R"({"temperature":0.7,"stop":["x"]})");
  const json report = diff({"a@1", "a"}, 1);
  EXPECT_EQ(report["same"], false);
  EXPECT_EQ(find(report, "metadata", "llama.feed_forward_length")["before"], "96 (u32)");
  EXPECT_EQ(find(report, "metadata", "llama.feed_forward_length")["after"], "128 (u32)");
  EXPECT_EQ(find(report, "metadata", "tokenizer.ggml.tokens"), json()) << "the same";
  EXPECT_EQ(find(report, "tensors", "blk.0.ffn_up.weight")["after"], "F32 [128, 64]");
  EXPECT_EQ(find(report, "tensors", "output.weight")["change"], "removed");
  EXPECT_EQ(find(report, "tensors", "blk.0.attn_q.weight"), json()) << "contents are not compared";
  EXPECT_EQ(find(report, "parameters", "temperature")["after"], "0.7");
  EXPECT_EQ(find(report, "parameters", "top_k")["change"], "removed");
  EXPECT_EQ(find(report, "parameters", "stop")["change"], "added");
  EXPECT_EQ(find(report, "system", "")["lines"], json({"-Be brief.", "+Be kind."}));
  EXPECT_EQ(find(report, "layers", "weights")["change"], "changed");

  const Outcome text = hearth({"diff", "a@1", "a@2"});
  EXPECT_EQ(text.exit_code, 1);
  EXPECT_CONTAINS(text.out, "llama.feed_forward_length: 96 (u32) -> 128 (u32)");
  EXPECT_CONTAINS(text.out, "  -Be brief.\n  +Be kind.\n");
  EXPECT_CONTAINS(text.out, "  - output.weight: F32");
  EXPECT_CONTAINS(text.err, "--content");
}

TEST_F(Diff, Content_IsComparedWhereItIsAsked) {
  write_model("a", weights_of({}, 1), "s", "{}");
  write_model("b", weights_of({}, 2), "s", "{}");
  EXPECT_EQ(find(diff({"a", "b"}, 1), "tensors", "blk.0.attn_q.weight"), json());
  const json found = find(diff({"a", "b", "--content"}, 1), "tensors", "blk.0.attn_q.weight");
  EXPECT_EQ(found["change"], "changed");
  EXPECT_CONTAINS(found["before"].get<std::string>(), "F32 [64, 64] sha256:");
}

TEST_F(Diff, Trouble_IsExitCodeTwo) {
  write_model("a", weights_of({}, 1), "s", "{}");
  write_model("b", "no GGUF file", "s", "{}");
  for (const Arguments& arguments : std::vector<Arguments>{
           {"diff", "a", "none"}, {"diff", "a", "a@7"}, {"diff", "a", "b"}, {"diff", "a", "a@x"}}) {
    const Outcome outcome = hearth(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments[2];
    EXPECT_CONTAINS(outcome.err, "error:");
  }
  EXPECT_EQ(hearth({"diff", "a"}).exit_code, 2);
}

// --- sign, verify, export, import

TEST_F(StoreCommands, Sign_IsWhatVerifyAsksFor) {
  const TemporaryFolder keys;
  const std::string key = (keys / "key").string();
  write("tiny", "model");
  const json made = json::parse(run_hearth({"sign", "--new-key", key, "--json"}).out);
  EXPECT_EQ(made["key"].get<std::string>().size(), 64U);
  EXPECT_EQ(run_hearth({"sign", "--new-key", key}).exit_code, 1) << "nothing is overwritten";
  const Outcome unsigned_yet = hearth({"verify", "--verify-key", key + ".pub"});
  EXPECT_EQ(unsigned_yet.exit_code, 1);
  EXPECT_CONTAINS(unsigned_yet.out, "not signed: model 'tiny:latest'");

  const json made_signature = hearth_json({"sign", "tiny", "--key", key});
  EXPECT_EQ(made_signature["key"], made["key"]);
  EXPECT_EQ(made_signature["signed_as"], "registry.ollama.ai/library/tiny:latest");
  const json verified = hearth_json({"verify", "tiny", "--verify-key", key + ".pub"});
  EXPECT_EQ(verified["signatures"],
            json({{{"model", "tiny:latest"}, {"signed", true}, {"key", made["key"]}}}));
  ASSERT_TRUE(store_->copy(name_of("tiny"), name_of("copy")));
  EXPECT_EQ(hearth({"verify", "--verify-key", key + ".pub"}).exit_code, 1) << "the copy has another name";
  EXPECT_EQ(hearth({"verify"}).exit_code, 0);
  EXPECT_EQ(hearth({"verify", "--verify-key", key}).exit_code, 1) << "a private key";
  EXPECT_EQ(run_hearth({"sign"}).exit_code, 2);
  EXPECT_EQ(hearth({"sign", "tiny"}).exit_code, 2);
}

TEST_F(StoreCommands, ExportAndImport_CarryAModelToAnotherStore) {
  const TemporaryFolder folder;
  const store::TestStore other;
  const std::string key = (folder / "key").string();
  const std::string file = (folder / "tiny.hearth").string();
  write("tiny", "model");
  ASSERT_EQ(run_hearth({"sign", "--new-key", key}).exit_code, 0);
  ASSERT_EQ(hearth({"sign", "tiny", "--key", key}).exit_code, 0);
  const json exported = hearth_json({"export", "tiny", "-o", file});
  EXPECT_EQ(exported["models"][0]["model"], "tiny:latest");
  EXPECT_EQ(hearth({"export", "tiny", "-o", file}).exit_code, 1) << "it is there already";
  EXPECT_EQ(hearth({"export", "tiny", "-o", file, "--force"}).exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(file + ".partial"));

  const Outcome imported =
      run_hearth({"import", file, "--models", other.root().string(), "--verify-key", key + ".pub", "--json"});
  ASSERT_EQ(imported.exit_code, 0) << imported.err;
  const json list = json::parse(imported.out);
  EXPECT_EQ(list["models"][0]["model"], "tiny:latest");
  EXPECT_EQ(list["models"][0]["signatures"], 1);
  EXPECT_EQ(other->manifest(name_of("tiny"))->bytes, store_->manifest(name_of("tiny"))->bytes);

  // Through a pipe, under another name.
  const Outcome stream = hearth({"export", "tiny", "-o", "-"});
  ASSERT_EQ(stream.exit_code, 0) << stream.err;
  EXPECT_EQ(stream.out, bytes_of_file(file));
  const Outcome piped =
      run_hearth({"import", "-", "--name", "team/x:v2", "--models", other.root().string()}, stream.out);
  EXPECT_EQ(piped.exit_code, 0) << piped.err;
  EXPECT_TRUE(other->manifest(name_of("team/x:v2")));
  EXPECT_EQ(run_hearth({"import", "/dev/null", "--models", other.root().string()}).exit_code, 1);
  EXPECT_EQ(hearth({"export", "none", "-o", file + "2"}).exit_code, 1);
  EXPECT_FALSE(std::filesystem::exists(file + "2"));
}

// What another program that knows the format makes of it.
TEST_F(StoreCommands, Skopeo_ReadsAnExport) {
  if (std::system("command -v skopeo > /dev/null") != 0) GTEST_SKIP() << "skopeo is not installed";
  const TemporaryFolder folder;
  const std::string file = (folder / "tiny.hearth").string();
  write("tiny", "model");
  ASSERT_EQ(hearth({"export", "tiny", "-o", file}).exit_code, 0);
  const std::string raw = (folder / "raw").string();
  ASSERT_EQ(std::system(fmt::format("skopeo inspect --raw oci-archive:{} > {}", file, raw).c_str()), 0);
  EXPECT_EQ(bytes_of_file(raw), store_->manifest(name_of("tiny"))->bytes);
}

}  // namespace
}  // namespace hearth::testing
