// hearth sign: who stands behind a model.
#include <nlohmann/json.hpp>

#include "cli/models_folder.h"
#include "cli/output.h"
#include "cli/store_commands.h"
#include "cli/stored_models.h"

namespace hearth::cli {
namespace {

struct SignOptions {
  std::string model;
  std::string key;
  std::string new_key;
  std::string folder;
  bool json = false;
};

Result<void> make_key(const SignOptions& options, const Context& context) {
  HEARTH_ASSIGN(const store::PrivateKey key, store::PrivateKey::create(options.new_key));
  const store::PublicKey public_key = key.public_key();
  if (options.json) {
    return write_json({{"key", public_key.id()},
                       {"private_key_file", options.new_key},
                       {"public_key_file", options.new_key + ".pub"}});
  }
  context.console.note(fmt::format("The key {} is in {}, for you alone; who verifies needs {}.pub.",
                                   public_key.short_id(), options.new_key, options.new_key));
  return {};
}

Result<void> sign(const SignOptions& options, const Context& context) {
  if (options.model.empty()) {
    if (!options.new_key.empty()) return make_key(options, context);
    return Error(ErrorCode::kUsage, "expected a MODEL and --key FILE, or --new-key FILE");
  }
  if (options.key.empty()) return Error(ErrorCode::kUsage, "expected --key FILE to sign with");
  HEARTH_ASSIGN(const store::Store store, open_store(options.folder));
  HEARTH_ASSIGN(const store::StoredManifest model, stored_model(store, options.model));
  HEARTH_ASSIGN(const store::PrivateKey key, store::PrivateKey::read(options.key));
  const auto signature = store::ManifestSignature::make(key, model.name, model.digest);
  HEARTH_TRY(store::write_signature(store, model.name, signature));
  if (options.json) {
    return write_json({{"model", model.name.text()},
                       {"digest", model.digest.text()},
                       {"signed_as", signature.name_key},
                       {"key", signature.key.id()}});
  }
  context.console.note(fmt::format("{} ({}) is signed by {}, as {}", model.name.text(), model.digest.text(),
                                   signature.key.short_id(), signature.name_key));
  return {};
}

constexpr const char* kSignExamples =
    R"(What is signed is the manifest, which names all content by its SHA-256, together with the model's full name: the same
model under another name wants a signature of its own. hearth verify --verify-key and hearth serve --verify-key ask for
it; hearth export and hearth push take it along. The key is one of Ed25519, in PEM (PKCS#8, as openssl genpkey -algorithm ed25519
makes it too), without a passphrase.

Examples:
  hearth sign --new-key team.key
  hearth sign qwen3 --key team.key
  hearth verify qwen3 --verify-key team.key.pub)";

}  // namespace

void add_sign_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<SignOptions>();
  CLI::App* command = parser.add_subcommand("sign", "Sign a model of the store, or make a key to sign with");
  CLI::Option* model =
      command->add_option("MODEL", options->model, "its name; NAME@VERSION: a former version")->type_name("");
  CLI::Option* key =
      command->add_option("--key", options->key, "the private key to sign with, PEM")->type_name("FILE");
  command
      ->add_option("--new-key", options->new_key,
                   "make a key: this file, and its public half beside it, .pub")
      ->type_name("FILE")
      ->excludes(model)
      ->excludes(key);
  command->add_option("--models", options->folder, "the folder that the models are in")->type_name("FOLDER");
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(fmt::format("{}\n\n{}", kSignExamples, kModelsFolderHelp));
  command->callback(
      [options, &action] { action = [options](const Context& context) { return sign(*options, context); }; });
}

}  // namespace hearth::cli
