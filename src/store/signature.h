// Signatures of manifests: Ed25519 (RFC 8032), by keys in PEM files.
//
// Signed is a text that binds a manifest to the full name that it is to stand for:
//
//   hearth-manifest-signature-v1 LF registry.ollama.ai/library/tiny:latest LF sha256:HEX LF
//
// The name is in lower case with all its parts (ModelName::key()). So a signature holds for one name and one
// manifest, and, as a manifest names its blobs by their SHA-256, for their content. It holds for ever: a
// former version that was signed may be rolled back to (docs/store.md, decision 23).
//
// Kept in ROOT/hearth/signatures/HOST/NAMESPACE/MODEL/TAG/HEX-KEY, in lower case: HEX of the manifest's
// digest, KEY the first 16 digits of the key's id. What is read from there is verified before it is given
// out.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/digest.h"
#include "store/name.h"
#include "store/store.h"

namespace hearth::store {

using SignatureBytes = std::array<uint8_t, 64>;

class PublicKey {
 public:
  using Bytes = std::array<uint8_t, 32>;

  explicit PublicKey(const Bytes& bytes) noexcept : bytes_(bytes) {}
  // A PEM file with a public key ("BEGIN PUBLIC KEY"). kNotFound, kIo; kMalformed for what is none, with a
  // hint where it is a private key; kUnsupported for another algorithm's.
  static Result<PublicKey> read(const std::filesystem::path& path);
  static Result<PublicKey> parse_pem(std::string_view pem);

  // 64 hexadecimal digits: the SHA-256 of its 32 bytes.
  std::string id() const;
  std::string short_id() const { return id().substr(0, 16); }
  const Bytes& bytes() const noexcept { return bytes_; }
  std::string pem() const;
  bool verify(std::string_view message, const SignatureBytes& signature) const;

  friend bool operator==(const PublicKey&, const PublicKey&) = default;

 private:
  Bytes bytes_;
};

// Its bytes are overwritten when it goes.
class PrivateKey {
 public:
  PrivateKey(PrivateKey&& other) noexcept;
  PrivateKey(const PrivateKey&) = delete;
  PrivateKey& operator=(const PrivateKey&) = delete;
  PrivateKey& operator=(PrivateKey&&) = delete;
  ~PrivateKey();

  // A PEM file with a PKCS#8 key ("BEGIN PRIVATE KEY"); kUnsupported where it is encrypted or another
  // algorithm's. kNotFound, kIo, kMalformed.
  static Result<PrivateKey> read(const std::filesystem::path& path);
  // A new one, written to `path` for its owner alone (mode 0600), and its public half to `path`.pub. Neither
  // may exist. kInvalidArgument, kIo.
  static Result<PrivateKey> create(const std::filesystem::path& path);

  PublicKey public_key() const;
  SignatureBytes sign(std::string_view message) const;

 private:
  using Seed = std::array<uint8_t, 32>;
  explicit PrivateKey(const Seed& seed) noexcept : seed_(seed) {}

  Seed seed_;
};

struct ManifestSignature {
  std::string name_key;  // ModelName::key()
  Digest digest;         // of the manifest
  PublicKey key;
  SignatureBytes bytes;

  static ManifestSignature make(const PrivateKey& key, const ModelName& name, const Digest& digest);
  // Of the JSON object that serialise() writes. Valid: its own key says so. kMalformed.
  static Result<ManifestSignature> parse(std::string_view json);
  std::string serialise() const;
  bool is_for(const ModelName& name, const Digest& manifest) const;
};

// It replaces one of the same key. The name need not be in the store. kIo.
Result<void> write_signature(const Store& store, const ModelName& name, const ManifestSignature& signature);
// Those that hold for this name and manifest. Files that hold no such one are passed over. kIo.
Result<std::vector<ManifestSignature>> read_signatures(const Store& store, const ModelName& name,
                                                       const Digest& digest);
// That one of the trusted keys signed it, and which: the index among them. kUnsupported, with whose
// signatures there are, where none did.
Result<size_t> check_signed(const Store& store, const ModelName& name, const Digest& digest,
                            std::span<const PublicKey> trusted);

// That a blob is what its name says, by reading it, whatever the store remembers of it
// (Store::ensure_verified): for whoever does not trust those who can write the store. kNotFound, kMalformed,
// kIo, kCancelled.
Result<void> verify_blob(const Store& store, const Digest& digest, const Progress& progress = {});

// All of a name's. For the store's own code.
Result<void> remove_signatures(const Store& store, const ModelName& name);

}  // namespace hearth::store
