#include "store/registry/signatures.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/excerpt.h"
#include "base/json_text.h"
#include "store/registry/upload.h"

namespace hearth::store::registry {
namespace {

using nlohmann::json;

constexpr size_t kMaxSignatures = 64;  // of a name and manifest
constexpr std::string_view kEmptyType = "application/vnd.oci.empty.v1+json";
constexpr std::string_view kEmptyContent = "{}";

const json* member(const json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto at = object.find(key);
  return at == object.end() ? nullptr : &*at;
}

std::string_view text_member(const json& object, const char* key) {
  const json* found = member(object, key);
  return found != nullptr && found->is_string() ? std::string_view(found->get_ref<const std::string&>())
                                                : std::string_view();
}

// The index of OCI, whole: what it says of others is kept.
Result<json> parse_referrers(std::string_view text) {
  auto index = parse_json(text);
  if (!index) return index.error().in("list of referrers");
  const json* manifests = member(*index, "manifests");
  const std::string_view type = text_member(*index, "mediaType");
  if (manifests == nullptr || !manifests->is_array() || (!type.empty() && type != media_type::kOciIndex)) {
    return make_error(ErrorCode::kMalformed, "list of referrers: expected an index ({}), found {}",
                      media_type::kOciIndex, excerpt(text));
  }
  return index;
}

std::optional<ManifestSignature> signature_of(const json& descriptor) {
  const json* annotations = member(descriptor, "annotations");
  if (text_member(descriptor, "artifactType") != kSignatureArtifact || annotations == nullptr)
    return std::nullopt;
  auto signature =
      ManifestSignature::parse(text_member(*annotations, std::string(kSignatureAnnotation).c_str()));
  return signature ? std::optional(*std::move(signature)) : std::nullopt;
}

json descriptor_of(std::string_view type, std::string_view content) {
  return {{"mediaType", type}, {"digest", Digest::of(content).text()}, {"size", content.size()}};
}

struct Artifact {
  std::string manifest;  // its bytes
  json descriptor;       // of it, for a list of referrers
};

Artifact artifact_of(const ManifestSignature& signature, const StoredManifest& subject) {
  const json empty = descriptor_of(kEmptyType, kEmptyContent);
  const json annotations{{kSignatureAnnotation, signature.serialise()}};
  const json manifest{{"schemaVersion", 2},
                      {"mediaType", media_type::kOciManifest},
                      {"artifactType", kSignatureArtifact},
                      {"config", empty},
                      {"layers", json::array({empty})},
                      {"subject", descriptor_of(subject.manifest.media_type, subject.bytes)},
                      {"annotations", annotations}};
  Artifact artifact{manifest.dump(), {}};
  artifact.descriptor = descriptor_of(media_type::kOciManifest, artifact.manifest);
  artifact.descriptor["artifactType"] = kSignatureArtifact;
  artifact.descriptor["annotations"] = annotations;
  return artifact;
}

// What a registry that does not know a path, or has nothing there, answers.
constexpr std::initializer_list<long> kListOrNone{200, 400, 403, 404, 405, 406};

Call list_call(std::string path) {
  return {.path = std::move(path),
          .headers = {fmt::format("Accept: {}", media_type::kOciIndex)},
          .max_body_bytes = kMaxManifestBytes};
}

std::string list_tag(const Digest& manifest) {
  return fmt::format("manifests/sha256-{}", manifest.hex());
}

Result<Response> put_manifest(Session& session, const std::string& path, std::string_view type,
                              std::string bytes) {
  return session.ask(Call{.method = "PUT",
                          .path = path,
                          .headers = {fmt::format("Content-Type: {}", type)},
                          .body = std::move(bytes)},
                     {200, 201});
}

// For a registry that keeps no lists itself.
Result<void> add_to_list(Session& session, const Digest& manifest, const std::vector<json>& descriptors) {
  HEARTH_ASSIGN(const Response found, session.ask(list_call(list_tag(manifest)), {200, 404}));
  json list{{"schemaVersion", 2}, {"mediaType", media_type::kOciIndex}, {"manifests", json::array()}};
  if (found.head.status == 200) {
    HEARTH_ASSIGN(list, parse_referrers(found.body));
  }
  json& listed = list["manifests"];
  const size_t n_before = listed.size();
  for (const json& descriptor : descriptors) {
    const bool is_listed = std::ranges::any_of(listed, [&](const json& other) {
      return text_member(other, "digest") == text_member(descriptor, "digest");
    });
    if (!is_listed) listed.push_back(descriptor);
  }
  if (listed.size() == n_before) return {};
  HEARTH_TRY(put_manifest(session, list_tag(manifest), media_type::kOciIndex, list.dump()));
  return {};
}

}  // namespace

Result<std::vector<ManifestSignature>> signatures_in(std::string_view referrers, const ModelName& name,
                                                     const Digest& manifest) {
  HEARTH_ASSIGN(const json index, parse_referrers(referrers));
  std::vector<ManifestSignature> signatures;
  for (const json& descriptor : index["manifests"]) {
    if (signatures.size() == kMaxSignatures) break;
    auto signature = signature_of(descriptor);
    if (signature && signature->is_for(name, manifest)) signatures.push_back(*std::move(signature));
  }
  return signatures;
}

Result<std::vector<ManifestSignature>> fetch_signatures(Session& session, const Digest& manifest) {
  for (const std::string& path : {"referrers/" + manifest.text(), list_tag(manifest)}) {
    HEARTH_ASSIGN(const Response list, session.ask_once(list_call(path), kListOrNone, {}));
    if (list.head.status != 200) continue;
    auto signatures = signatures_in(list.body, session.name(), manifest);
    if (!signatures) return signatures.error().in(session.host());
    return signatures;
  }
  return std::vector<ManifestSignature>();
}

Result<void> push_signatures(Session& session, const StoredManifest& manifest,
                             std::span<const ManifestSignature> signatures) {
  if (signatures.empty()) return {};
  HEARTH_TRY(upload_text(session, kEmptyContent));
  std::vector<json> unlisted;
  for (const ManifestSignature& signature : signatures) {
    Artifact artifact = artifact_of(signature, manifest);
    const std::string path = "manifests/" + std::string(text_member(artifact.descriptor, "digest"));
    HEARTH_ASSIGN(const Response taken,
                  put_manifest(session, path, media_type::kOciManifest, std::move(artifact.manifest)));
    // A registry that keeps the lists says so.
    if (!taken.head.header("oci-subject")) unlisted.push_back(std::move(artifact.descriptor));
  }
  if (unlisted.empty()) return {};
  return add_to_list(session, manifest.digest, unlisted);
}

}  // namespace hearth::store::registry
