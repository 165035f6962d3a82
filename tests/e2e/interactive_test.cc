// hearth run on a terminal: the session.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/e2e/hearth_process.h"
#include "tests/support/tiny_llama.h"

namespace hearth::testing {
namespace {

constexpr const char* kCtrlC = "\x03";
constexpr const char* kCtrlD = "\x04";

class Session : public ::testing::Test {
 protected:
  // A session at its first prompt.
  HearthProcess begin(int64_t context_tokens = 256, Arguments options = {},
                      const std::string& chat_template = "") {
    Arguments arguments{"run", write_tiny_model(folder_, context_tokens, chat_template), "--temperature",
                        "0"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    auto session = HearthProcess::start_on_terminal(arguments, {{"HEARTH_HOME", home().string()}});
    session.read_until(">>> ");
    return session;
  }
  std::filesystem::path home() const { return folder_ / "home"; }

  TemporaryFolder folder_;
};

TEST_F(Session, Bye_Ends) {
  auto session = begin();
  session.type("/bye\n");
  EXPECT_EQ(session.wait(), 0);
}

TEST_F(Session, CtrlD_Ends) {
  auto session = begin();
  session.type(kCtrlD);
  EXPECT_EQ(session.wait(), 0);
}

TEST_F(Session, Text_IsAnsweredAndThePromptComesBack) {
  auto session = begin(256, {"--num-predict", "5", "--verbose"});
  session.type("hello\n");
  session.read_until("eval count:");
  session.read_until("5 token(s)");
  session.read_until(">>> ");
  session.type("/bye\n");
  EXPECT_EQ(session.wait(), 0);
}

TEST_F(Session, SetParameter_ChangesTheNextAnswerAndIsShown) {
  auto session = begin(256, {"--num-predict", "5", "--verbose"});
  session.type("/set parameter num_predict 3\n");
  session.read_until(">>> ");
  session.type("/show parameters\n");
  session.read_until("num_predict            3");
  session.read_until(">>> ");
  session.type("hello\n");
  session.read_until("3 token(s)");
}

TEST_F(Session, SetParameterOutOfRange_IsRefusedAndTheSessionGoesOn) {
  auto session = begin();
  session.type("/set parameter top_p 7\n");
  session.read_until("top_p: expected 0 to 1");
  session.read_until(">>> ");
  session.type("/set parameter temprature 1\n");
  session.read_until("did you mean temperature?");
  session.read_until(">>> ");
  session.type("/stet\n");
  session.read_until("did you mean /set?");
  session.read_until(">>> ");
  session.type("/bye\n");
  EXPECT_EQ(session.wait(), 0);
}

TEST_F(Session, ChatTemplate_GetsTheWholeConversation) {
  // "N:" and the messages so far, so that its length tells what the model is given.
  auto session = begin(256, {"--num-predict", "3", "--verbose"},
                       "{{ messages | length }}:{% for m in messages %}{{ m.role[0] }}{% endfor %}");
  session.type("hello\n");
  session.read_until("prompt eval count:    5 token(s)");  // BOS, a dummy prefix, "1:u"
  session.read_until(">>> ");
  session.type("/set system be kind\n");
  session.read_until(">>> ");
  session.type("again\n");
  session.read_until("prompt eval count:    8 token(s)");  // "4:suau"
  session.read_until(">>> ");
  session.type("/show system\n");
  session.read_until("be kind");
  session.read_until(">>> ");
  session.type("/show\n");
  session.read_until("tokenizer.chat_template");
  session.read_until(">>> ");
  session.type("/clear\n");
  session.read_until(">>> ");
  session.type("anew\n");
  session.read_until("prompt eval count:    6 token(s)");  // "2:su"
  session.read_until(">>> ");
  session.type("/bye\n");
  EXPECT_EQ(session.wait(), 0);
}

TEST_F(Session, SystemWithoutTemplate_IsRefusedAndTheSessionGoesOn) {
  auto session = begin();
  session.type("/set system be kind\n");
  session.read_until("needs a chat template");
  session.read_until(">>> ");
  session.type("/bye\n");
  EXPECT_EQ(session.wait(), 0);
}

TEST_F(Session, Clear_ForgetsTheText) {
  auto session = begin(256, {"--num-predict", "4"});
  session.type("/show\n");
  session.read_until("0 of 256 tokens used");
  session.read_until(">>> ");
  session.type("hello\n");
  session.read_until(">>> ");
  session.type("/show\n");
  const std::string used = session.read_until(" of 256 tokens used");
  EXPECT_EQ(used.find(" 0 of"), std::string::npos) << used;
  session.read_until(">>> ");
  session.type("/clear\n");
  session.read_until(">>> ");
  session.type("/show\n");
  session.read_until(" 0 of 256 tokens used");
}

TEST_F(Session, NumCtx_LoadsTheModelAgain) {
  auto session = begin();
  session.type("/set parameter num_ctx 64\n");
  session.read_until(">>> ");
  session.type("/show\n");
  session.read_until("0 of 64 tokens used");
  session.read_until(">>> ");
  session.type("/set parameter num_ctx 100000\n");
  session.read_until("error:");
  session.read_until(">>> ");
  session.type("/show\n");
  session.read_until("0 of 64 tokens used");
}

TEST_F(Session, Fences_MakeOneTextOfSeveralLines) {
  auto session = begin(256, {"--num-predict", "2", "--verbose"});
  session.type("\"\"\"first\n");
  session.read_until("... ");
  session.type("/bye\n");  // text here, no command
  session.read_until("... ");
  session.type("last\"\"\"\n");
  session.read_until("2 token(s)");
  session.read_until(">>> ");
}

TEST_F(Session, CtrlCAtThePrompt_DropsTheLineOnly) {
  auto session = begin();
  session.type("never sent");
  session.read_until("never sent");
  session.type(kCtrlC);
  session.read_until("Use Ctrl-D or /bye to leave.");
  session.read_until(">>> ");
  session.type("/bye\n");
  EXPECT_EQ(session.wait(), 0);
}

TEST_F(Session, CtrlCInAnAnswer_StopsTheAnswerOnly) {
  auto session = begin(1'000'000, {"--num-ctx", "1000000", "--num-thread", "1", "--verbose"});
  session.type("hello\n");
  session.read_until("hello");
  session.read_until("\n");
  usleep(300'000);  // well into an answer that would take minutes
  session.type(kCtrlC);
  session.read_until("eval count:");
  session.read_until(">>> ");
  session.type("/bye\n");
  EXPECT_EQ(session.wait(), 0);
}

TEST_F(Session, History_IsKeptForItsOwnerAlone) {
  {
    auto session = begin();
    session.type("/show\n");
    session.read_until(">>> ");
    session.type("/bye\n");
    EXPECT_EQ(session.wait(), 0);
  }
  struct stat status {};
  ASSERT_EQ(stat((home() / "history").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  auto session = begin();
  session.type("\x1b[A\x1b[A\n");  // up, past /bye
  session.read_until("0 of 256 tokens used");
}

TEST_F(Session, ControlCharactersOfTheFile_AreShownHarmless) {
  TinyLlama(TinyLlamaShape{}, 1)
      .gguf()
      .add_string("general.description", "\x1b]0;owned\x07")
      .write(folder_ / "hostile.gguf");
  auto inspect = HearthProcess::start_on_terminal({"inspect", (folder_ / "hostile.gguf").string()});
  EXPECT_EQ(inspect.wait(), 0);
  EXPECT_NE(inspect.rest().find("owned"), std::string::npos);
  EXPECT_EQ(inspect.rest().find('\x1b'), std::string::npos) << inspect.rest();
  EXPECT_EQ(inspect.rest().find('\x07'), std::string::npos) << inspect.rest();
}

}  // namespace
}  // namespace hearth::testing
