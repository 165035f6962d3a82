// The commands that talk to a server, at the machine and as the user that it runs as: over its Unix socket.
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/e2e/hearth_process.h"

namespace hearth::testing {
namespace {

class LocalServer : public ::testing::Test {
 protected:
  LocalServer() {
    std::filesystem::create_directory(folder_ / "models");
    write_tiny_model(folder_);
    for (const auto& file : std::filesystem::directory_iterator(folder_.path())) {
      if (file.is_regular_file())
        std::filesystem::rename(file.path(), folder_ / "models" / file.path().filename().string());
    }
  }

  HearthProcess serve(const Arguments& more = {}) {
    Arguments arguments{"serve", "--port", "0", "--offline", "--models", (folder_ / "models").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    HearthProcess server = HearthProcess::start_on_terminal(arguments, {{"HEARTH_HOME", home_}});
    server.read_until("listens on http://");
    const std::string address = server.read_until(";");
    address_ = address.substr(0, address.size() - 1);
    return server;
  }
  Outcome hearth(const Arguments& arguments, Environment more = {}) {
    Environment environment{{"HEARTH_HOME", home_}, {"HEARTH_HOST", address_}, {"HEARTH_API_KEY", ""}};
    environment.insert(environment.end(), more.begin(), more.end());
    return run_hearth(arguments, std::nullopt, environment);
  }

  TemporaryFolder folder_;
  const std::string home_ = (folder_ / "home").string();
  std::string address_;
};

TEST_F(LocalServer, CommandsOfItsUser_NeedNoKey) {
  HearthProcess server = serve();
  const Outcome removed = hearth({"rm", "none"});
  EXPECT_CONTAINS(removed.err, "model 'none:latest' not found");
  // Once a key was made the rest of the machine needs one, and this user still does not.
  ASSERT_EQ(hearth({"key", "create", "first"}).exit_code, 0);
  EXPECT_EQ(hearth({"list"}).exit_code, 0);
  EXPECT_CONTAINS(hearth({"rm", "none"}).err, "model 'none:latest' not found");

  const Outcome elsewhere = hearth({"rm", "none"}, {{"HEARTH_HOME", (folder_ / "other").string()}});
  EXPECT_CONTAINS(elsewhere.err, "needs an API key") << "nobody is known over TCP";
  EXPECT_NE(elsewhere.exit_code, 0);
  const Outcome with_key = hearth({"rm", "none"}, {{"HEARTH_API_KEY", "hk_0123456789ab_00"}});
  EXPECT_CONTAINS(with_key.err, "no such API key") << "a key that was given is used";
}

TEST_F(LocalServer, ModelWithAnAdapter_AnswersWithIt) {
  const auto path = [&](const char* name) { return (folder_ / name).string(); };
  std::string text;
  for (int i = 0; i < 50; ++i) text += "a cat sat on a mat. the dog ran to the den. ";
  std::ofstream(path("text.txt")) << text;
  const std::string base = path("models/tiny.gguf");
  const Outcome learnt =
      run_hearth({"finetune", base, "--data", path("text.txt"), "--output", path("tuned"), "--steps", "40",
                  "--learning-rate", "0.02", "--sequence-tokens", "16", "--rank", "4"});
  ASSERT_EQ(learnt.exit_code, 0) << learnt.err;
  std::ofstream(path("Modelfile")) << "FROM ./models/tiny.gguf\nADAPTER ./tuned\n";
  const Outcome created = hearth({"create", "tuned", "-f", path("Modelfile"), "--models", path("models")});
  ASSERT_EQ(created.exit_code, 0) << created.err;
  EXPECT_CONTAINS(created.err, "adapter.gguf");

  HearthProcess server = serve();
  const Arguments ask{"a cat", "--raw", "--num-predict", "12", "--temperature", "0"};
  const auto answer_of = [&](Arguments arguments) {
    arguments.insert(arguments.end(), ask.begin(), ask.end());
    const Outcome answer = hearth(arguments);
    EXPECT_EQ(answer.exit_code, 0) << answer.err;
    return answer.out;
  };
  const std::string with = answer_of({"run", "tuned"});
  EXPECT_EQ(with, answer_of({"run", base, "--adapter", path("tuned")}));
  EXPECT_EQ(answer_of({"run", "tiny"}), answer_of({"run", base}));
  EXPECT_NE(with, answer_of({"run", "tiny"}));
}

TEST_F(LocalServer, ModelWithoutATemplate_GoesOnWithTheText) {
  HearthProcess server = serve();
  const Arguments how{"a cat", "--num-predict", "12", "--temperature", "0"};
  Arguments of_server{"run", "tiny"};
  Arguments of_file{"run", (folder_ / "models/tiny.gguf").string()};
  for (Arguments* arguments : {&of_server, &of_file})
    arguments->insert(arguments->end(), how.begin(), how.end());
  const Outcome answer = hearth(of_server);
  EXPECT_EQ(answer.exit_code, 0) << answer.err;
  EXPECT_EQ(answer.out, hearth(of_file).out);
  EXPECT_CONTAINS(answer.err, "tiny has no chat template: it goes on with the text as it is");
  of_server.insert(of_server.end(), {"--system", "Be brief."});
  EXPECT_CONTAINS(hearth(of_server).err, "no place for it");
}

TEST_F(LocalServer, RequireKey_MakesNoSocket) {
  HearthProcess server = serve({"--require-key"});
  EXPECT_CONTAINS(hearth({"rm", "none"}).err, "needs an API key");
  EXPECT_FALSE(std::filesystem::exists(home_ + "/run"));
}

TEST_F(LocalServer, EndOfTheServer_TakesItsSocket) {
  {
    HearthProcess server = serve();
    EXPECT_FALSE(std::filesystem::is_empty(home_ + "/run"));
    server.send_signal(SIGTERM);
    EXPECT_EQ(server.wait(), 0);
  }
  EXPECT_TRUE(std::filesystem::is_empty(home_ + "/run"));
  // One that was killed leaves it, and clients are not held up by that.
  HearthProcess server = serve();
  server.send_signal(SIGKILL);
  server.wait();
  EXPECT_FALSE(std::filesystem::is_empty(home_ + "/run"));
  EXPECT_CONTAINS(hearth({"ps"}).err, "no server at");
}

TEST_F(LocalServer, RunOfAModelThatIsNotThere_TriesToPullIt) {
  HearthProcess server = serve();
  const Outcome offline = hearth({"run", "none", "hi"});
  EXPECT_NE(offline.exit_code, 0);
  EXPECT_CONTAINS(offline.err, "The server has no model none; pulling it.");
  EXPECT_CONTAINS(offline.err, "could not pull it");
  EXPECT_CONTAINS(offline.err, "offline");
  const Outcome stranger = hearth({"run", "none", "hi"}, {{"HEARTH_HOME", (folder_ / "other").string()}});
  EXPECT_CONTAINS(stranger.err, "could not pull it");
  EXPECT_CONTAINS(stranger.err, "needs an API key with the scope manage");
  // What is there is not pulled, and a path is none of the server's.
  const Outcome there = hearth({"run", "--num-predict", "2", "--raw", "tiny", "hi"});
  EXPECT_EQ(there.exit_code, 0) << there.err;
  EXPECT_FALSE(contains(there.err, "pulling"));
  const Outcome as_json =
      hearth({"run", "--num-predict", "2", "--raw", "--temperature", "0", "--json", "tiny", "hi"});
  const auto record = nlohmann::json::parse(as_json.out, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(record.is_object()) << as_json.out << as_json.err;
  EXPECT_EQ(record["model"], "tiny");
  EXPECT_EQ(record["eval_count"], 2);
  EXPECT_TRUE(record["response"].is_string());
  EXPECT_FALSE(contains(hearth({"run", "./none.gguf", "hi"}).err, "pull"));
}

}  // namespace
}  // namespace hearth::testing
