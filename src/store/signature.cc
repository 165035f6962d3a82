#include "store/signature.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "base/excerpt.h"
#include "base/json_text.h"
#include "store/files.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr size_t kMaxKeyFileBytes = size_t{64} << 10U;
constexpr size_t kMaxSignatureBytes = 4096;
constexpr size_t kMaxSignatures = 64;  // of a name and manifest
constexpr std::string_view kDomain = "hearth-manifest-signature-v1";

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;

// Text that held a secret.
class Secret {
 public:
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { OPENSSL_cleanse(text_.data(), text_.size()); }
  std::string_view text() const { return text_; }

 private:
  std::string text_;
};

// A key may be a link: it is the person who names it.
Result<std::string> read_key_file(const fs::path& path) {
  const UniqueDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return system_error(path, "cannot be opened", errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return system_error(path, "cannot be read", errno);
  if (!S_ISREG(info.st_mode) || info.st_size > static_cast<off_t>(kMaxKeyFileBytes)) {
    return make_error(ErrorCode::kMalformed, "{}: expected a PEM file of at most {} bytes", path.string(),
                      kMaxKeyFileBytes);
  }
  std::string text(static_cast<size_t>(info.st_size), '\0');
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::read(file.get(), text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(path, "cannot be read", errno);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  text.resize(done);
  return text;
}

Bio bio_of(std::string_view text) {
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  HEARTH_CHECK(bio != nullptr);
  return bio;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(std::max(size, 0L))};
}

// OpenSSL would ask on the terminal.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) {
  return -1;
}

Error not_ed25519() {
  return {ErrorCode::kUnsupported, "expected a key of Ed25519, found one of another algorithm"};
}

std::string hex_of(std::span<const uint8_t> bytes) {
  std::string hex;
  for (const uint8_t byte : bytes) hex += fmt::format("{:02x}", byte);
  return hex;
}

template <size_t N>
bool parse_hex(std::string_view hex, std::array<uint8_t, N>& bytes) {
  if (hex.size() != 2 * N) return false;
  const auto value = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  for (size_t i = 0; i < N; ++i) {
    const int high = value(hex[2 * i]);
    const int low = value(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    bytes[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return true;
}

const unsigned char* bytes_of_text(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string message_of(std::string_view name_key, const Digest& digest) {
  return fmt::format("{}\n{}\n{}\n", kDomain, name_key, digest.text());
}

Result<void> write_new_file(const fs::path& path, std::string_view text, mode_t mode) {
  const UniqueDescriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!file && errno == EEXIST) {
    return make_error(ErrorCode::kInvalidArgument, "{}: exists already, and keys are not overwritten",
                      path.string());
  }
  if (!file) return system_error(path, "cannot be made", errno);
  const auto write = [&]() -> Result<void> {
    // Whatever the umask is.
    if (::fchmod(file.get(), mode) != 0) return system_error(path, "cannot be protected", errno);
    HEARTH_TRY(write_all(file.get(), bytes_of(text), path));
    if (::fsync(file.get()) != 0) return system_error(path, "cannot be synced", errno);
    return {};
  };
  auto written = write();
  if (!written) ::unlink(path.c_str());
  return written;
}

fs::path signatures_folder(const Store& store, const ModelName& name) {
  return Places{store.root()}.signatures() / ModelName::parse(name.key())->manifest_path();
}

const std::string* text_member(const json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? &at->get_ref<const std::string&>() : nullptr;
}

std::optional<ManifestSignature> parse_signature(const json& object) {
  if (!object.is_object()) return std::nullopt;
  const std::string* type = text_member(object, "type");
  const std::string* name = text_member(object, "name");
  const std::string* digest = text_member(object, "digest");
  const std::string* key = text_member(object, "key");
  const std::string* signature = text_member(object, "signature");
  if (type == nullptr || *type != kDomain || name == nullptr || digest == nullptr || key == nullptr ||
      signature == nullptr) {
    return std::nullopt;
  }
  const auto parsed_name = ModelName::parse(*name);
  const auto parsed_digest = Digest::parse(*digest);
  PublicKey::Bytes key_bytes{};
  SignatureBytes bytes{};
  if (!parsed_name || parsed_name->key() != *name || !parsed_digest || !parse_hex(*key, key_bytes) ||
      !parse_hex(*signature, bytes)) {
    return std::nullopt;
  }
  return ManifestSignature{*name, *parsed_digest, PublicKey(key_bytes), bytes};
}

}  // namespace

Result<PublicKey> PublicKey::parse_pem(std::string_view pem) {
  const Bio bio = bio_of(pem);
  const Key key(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_passphrase, nullptr));
  ERR_clear_error();
  if (key == nullptr) {
    if (pem.find("PRIVATE KEY") != std::string_view::npos) {
      return Error(ErrorCode::kMalformed,
                   "expected a public key, found a private one, which stays with whoever signs");
    }
    return Error(ErrorCode::kMalformed, "expected a public key in PEM (BEGIN PUBLIC KEY)");
  }
  if (EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519) return not_ed25519();
  Bytes bytes{};
  size_t size = bytes.size();
  HEARTH_CHECK(EVP_PKEY_get_raw_public_key(key.get(), bytes.data(), &size) == 1 && size == bytes.size());
  return PublicKey(bytes);
}

Result<PublicKey> PublicKey::read(const fs::path& path) {
  HEARTH_ASSIGN(const std::string text, read_key_file(path));
  auto key = parse_pem(text);
  if (!key) return key.error().in(path.string());
  return key;
}

std::string PublicKey::id() const {
  return Digest::of({reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}).hex();
}

std::string PublicKey::pem() const {
  const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_.data(), bytes_.size()));
  const Bio bio(BIO_new(BIO_s_mem()));
  HEARTH_CHECK(key != nullptr && bio != nullptr && PEM_write_bio_PUBKEY(bio.get(), key.get()) == 1);
  return text_of(bio.get());
}

bool PublicKey::verify(std::string_view message, const SignatureBytes& signature) const {
  const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_.data(), bytes_.size()));
  const DigestContext context(EVP_MD_CTX_new());
  HEARTH_CHECK(context != nullptr);
  const bool is_valid = key != nullptr &&
                        EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
                        EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                                         bytes_of_text(message), message.size()) == 1;
  ERR_clear_error();
  return is_valid;
}

PrivateKey::PrivateKey(PrivateKey&& other) noexcept : seed_(other.seed_) {
  OPENSSL_cleanse(other.seed_.data(), other.seed_.size());
}

PrivateKey::~PrivateKey() {
  OPENSSL_cleanse(seed_.data(), seed_.size());
}

Result<PrivateKey> PrivateKey::read(const fs::path& path) {
  HEARTH_ASSIGN(std::string text, read_key_file(path));
  const Secret pem(std::move(text));
  const Bio bio = bio_of(pem.text());
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  ERR_clear_error();
  if (key == nullptr) {
    if (pem.text().find("ENCRYPTED PRIVATE KEY") != std::string_view::npos) {
      return make_error(ErrorCode::kUnsupported,
                        "{}: expected a key without a passphrase, found an encrypted one", path.string());
    }
    return make_error(
        ErrorCode::kMalformed,
        "{}: expected a private key in PEM, PKCS#8 (BEGIN PRIVATE KEY); hearth sign --new-key makes one",
        path.string());
  }
  if (EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519) return not_ed25519().in(path.string());
  Seed seed{};
  size_t size = seed.size();
  HEARTH_CHECK(EVP_PKEY_get_raw_private_key(key.get(), seed.data(), &size) == 1 && size == seed.size());
  PrivateKey made(seed);
  OPENSSL_cleanse(seed.data(), seed.size());
  return made;
}

Result<PrivateKey> PrivateKey::create(const fs::path& path) {
  Seed seed{};
  HEARTH_CHECK(RAND_priv_bytes(seed.data(), static_cast<int>(seed.size())) == 1);
  PrivateKey made(seed);
  OPENSSL_cleanse(seed.data(), seed.size());
  const Key key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, made.seed_.data(), made.seed_.size()));
  const Bio bio(BIO_new(BIO_s_secmem()));
  HEARTH_CHECK(key != nullptr && bio != nullptr);
  HEARTH_CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) ==
               1);
  const Secret pem(text_of(bio.get()));
  HEARTH_TRY(write_new_file(path, pem.text(), 0600));
  if (auto written = write_new_file(path.string() + ".pub", made.public_key().pem(), 0644); !written) {
    ::unlink(path.c_str());
    return written.error();
  }
  return made;
}

PublicKey PrivateKey::public_key() const {
  const Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed_.data(), seed_.size()));
  PublicKey::Bytes bytes{};
  size_t size = bytes.size();
  HEARTH_CHECK(key != nullptr && EVP_PKEY_get_raw_public_key(key.get(), bytes.data(), &size) == 1);
  return PublicKey(bytes);
}

SignatureBytes PrivateKey::sign(std::string_view message) const {
  const Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed_.data(), seed_.size()));
  const DigestContext context(EVP_MD_CTX_new());
  HEARTH_CHECK(key != nullptr && context != nullptr);
  SignatureBytes signature{};
  size_t size = signature.size();
  HEARTH_CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1);
  HEARTH_CHECK(
      EVP_DigestSign(context.get(), signature.data(), &size, bytes_of_text(message), message.size()) == 1 &&
      size == signature.size());
  return signature;
}

ManifestSignature ManifestSignature::make(const PrivateKey& key, const ModelName& name,
                                          const Digest& digest) {
  const std::string name_key = name.key();
  return {name_key, digest, key.public_key(), key.sign(message_of(name_key, digest))};
}

Result<ManifestSignature> ManifestSignature::parse(std::string_view text) {
  if (text.size() > kMaxSignatureBytes) {
    return make_error(ErrorCode::kMalformed, "a signature: expected at most {} bytes, found {}",
                      kMaxSignatureBytes, text.size());
  }
  const auto object = parse_json(text);
  if (!object) return Error(ErrorCode::kMalformed, "a signature: " + object.error().message());
  auto signature = parse_signature(*object);
  if (!signature) {
    return make_error(ErrorCode::kMalformed, "a signature: expected {} with name, digest, key and signature",
                      kDomain);
  }
  if (signature->key.verify(message_of(signature->name_key, signature->digest), signature->bytes))
    return *std::move(signature);
  return make_error(ErrorCode::kMalformed, "a signature: it is not what the key {} made for {} of {}",
                    signature->key.short_id(), signature->digest.text(), signature->name_key);
}

std::string ManifestSignature::serialise() const {
  nlohmann::ordered_json object;
  object["type"] = kDomain;
  object["name"] = name_key;
  object["digest"] = digest.text();
  object["key"] = hex_of(key.bytes());
  object["signature"] = hex_of(bytes);
  return object.dump() + "\n";
}

bool ManifestSignature::is_for(const ModelName& name, const Digest& manifest) const {
  return name_key == name.key() && digest == manifest;
}

Result<void> write_signature(const Store& store, const ModelName& name, const ManifestSignature& signature) {
  const Places places{store.root()};
  HEARTH_ASSIGN(const UniqueDescriptor lock, lock_store(places));
  const fs::path path =
      signatures_folder(store, name) / fmt::format("{}-{}", signature.digest.hex(), signature.key.short_id());
  return replace_file(places, path, signature.serialise(), Durability::kOnDisk);
}

Result<std::vector<ManifestSignature>> read_signatures(const Store& store, const ModelName& name,
                                                       const Digest& digest) {
  std::vector<ManifestSignature> signatures;
  const fs::path folder = signatures_folder(store, name);
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (!it->path().filename().string().starts_with(digest.hex())) continue;
    const auto text = read_small_file(it->path(), kMaxSignatureBytes);
    if (!text) continue;
    const auto signature = ManifestSignature::parse(*text);
    if (signature && signature->is_for(name, digest)) signatures.push_back(*signature);
    if (signatures.size() == kMaxSignatures) break;
  }
  if (!error || error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory)
    return signatures;
  return make_error(ErrorCode::kIo, "{}: cannot be listed: {}", folder.string(), error.message());
}

Result<size_t> check_signed(const Store& store, const ModelName& name, const Digest& digest,
                            std::span<const PublicKey> trusted) {
  HEARTH_ASSIGN(const std::vector<ManifestSignature> signatures, read_signatures(store, name, digest));
  std::string others;
  for (const ManifestSignature& signature : signatures) {
    const auto at = std::ranges::find(trusted, signature.key);
    if (at != trusted.end()) return static_cast<size_t>(at - trusted.begin());
    others += (others.empty() ? "" : ", ") + signature.key.short_id();
  }
  if (others.empty()) {
    return make_error(
        ErrorCode::kUnsupported,
        "model '{}' is not signed: expected a signature of {} by a key of --verify-key, found none "
        "(hearth sign makes one)",
        name.text(), digest.text());
  }
  return make_error(ErrorCode::kUnsupported,
                    "model '{}' is signed by no key of --verify-key: {} is signed by {}", name.text(),
                    digest.text(), others);
}

Result<void> remove_signatures(const Store& store, const ModelName& name) {
  const fs::path folder = signatures_folder(store, name);
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    files.push_back(it->path());
  for (const fs::path& file : files) {
    if (::unlink(file.c_str()) != 0 && errno != ENOENT) return system_error(file, "cannot be removed", errno);
  }
  if (!files.empty()) HEARTH_TRY(sync_folder(folder));
  const fs::path top = Places{store.root()}.signatures();
  for (fs::path empty = folder; empty != top && ::rmdir(empty.c_str()) == 0;) empty = empty.parent_path();
  return {};
}

}  // namespace hearth::store
