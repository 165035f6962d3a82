// The manifest of a model: which blobs it is made of. Docker's image manifest, version 2, schema 2, as Ollama
// writes it, and the image manifest of OCI, which differs in its media type (docs/store.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/digest.h"

namespace hearth::store {

// Larger than any manifest in use by far, and what a reader of one has to hold.
inline constexpr size_t kMaxManifestBytes = size_t{4} << 20U;
inline constexpr size_t kMaxLayers = 4096;
// 16 TiB: what is larger is a mistake, or meant to fill the disk.
inline constexpr uint64_t kMaxBlobBytes = uint64_t{1} << 44U;

namespace media_type {
inline constexpr std::string_view kManifest = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kManifestList = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kOllamaManifestList = "application/vnd.ollama.manifest.list.v2+json";
inline constexpr std::string_view kConfig = "application/vnd.docker.container.image.v1+json";
// Of the layers. A manifest may have others: they are kept.
inline constexpr std::string_view kModel = "application/vnd.ollama.image.model";
inline constexpr std::string_view kProjector = "application/vnd.ollama.image.projector";
inline constexpr std::string_view kAdapter = "application/vnd.ollama.image.adapter";
inline constexpr std::string_view kTemplate = "application/vnd.ollama.image.template";
inline constexpr std::string_view kPrompt = "application/vnd.ollama.image.prompt";  // an old kTemplate
inline constexpr std::string_view kSystem = "application/vnd.ollama.image.system";
inline constexpr std::string_view kParams = "application/vnd.ollama.image.params";
inline constexpr std::string_view kMessages = "application/vnd.ollama.image.messages";
inline constexpr std::string_view kLicense = "application/vnd.ollama.image.license";
// Hearth's own: a file of a Hugging Face folder, which the layer's "name" says.
inline constexpr std::string_view kFolderFile = "application/vnd.hearth.image.file";
}  // namespace media_type

struct Layer {
  std::string media_type;
  Digest digest;
  uint64_t size_bytes = 0;
  std::string from;  // the layer's "from": the model or file that it came of; often empty
  std::string name;  // its "name": of a tensor or file in it; often empty

  friend bool operator==(const Layer&, const Layer&) = default;
};

struct Manifest {
  std::string media_type = std::string(media_type::kManifest);
  Layer config;
  std::vector<Layer> layers;  // in their order; a digest may occur more than once

  // kMalformed, with the place, what was expected and what came; kUnsupported for lists of manifests and for
  // other schemas; kResourceExhausted beyond the limits above. Layers of other tools' artifacts are put into
  // the terms of this store (artifact_layers.h), and fields that are not known are passed over: whoever keeps
  // a manifest keeps its bytes.
  static Result<Manifest> parse(std::string_view bytes);
  // Byte for byte what Ollama writes for the same content, with the newline at its end.
  std::string serialise() const;

  const Layer* first(std::string_view wanted_media_type) const;  // null where there is none
  // Config and layers, each blob once, in their order.
  std::vector<Layer> blobs() const;
  // The sum of config and layers, as Ollama reckons a model's size.
  uint64_t size_bytes() const;

  friend bool operator==(const Manifest&, const Manifest&) = default;
};

}  // namespace hearth::store
