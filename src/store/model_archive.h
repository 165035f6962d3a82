// Models in one file, for machines without a network: an uncompressed tar that holds an OCI image layout
// (image-spec 1.0), which tar and skopeo (oci-archive:FILE) read as well.
//
//   oci-layout                {"imageLayoutVersion":"1.0.0"}
//   index.json                a descriptor of each manifest; its annotations are the model's full name
//                             (org.opencontainers.image.ref.name) and its signatures (hearth.signatures: the
//                             text of a JSON array)
//   blobs/sha256/HEX          manifests, configs and layers, each once
//
// The same models give the same bytes. The tar is read and written by libarchive (decision 23).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "store/signature.h"
#include "store/store.h"

namespace hearth::store {

// What an archive may hold; a blob's descriptor stays open until its manifest is written.
inline constexpr size_t kMaxArchiveBlobs = 768;

struct Exported {
  size_t n_blobs = 0;
  uint64_t size_bytes = 0;  // of blobs and manifests
};

// Writes them to a file that is open for writing, from where it stands. Every blob is hashed as it is
// written: kMalformed where one is damaged, and the file is then worth nothing. kNotFound for a blob that is
// missing, kInvalidArgument for two models of one name, kResourceExhausted, kIo, kCancelled by `progress`,
// which is given the bytes written. The blobs count as in use meanwhile.
Result<Exported> export_models(const Store& store, std::span<const StoredManifest> models, int descriptor,
                               const Progress& progress = {});
// What will be written, of blobs and manifests: for a progress.
uint64_t export_size_bytes(std::span<const StoredManifest> models);

struct ImportOptions {
  std::optional<ModelName> name;   // for the only model of the archive, in place of its own
  std::vector<PublicKey> trusted;  // not empty: each model must be signed by one of these
};

struct ImportedModel {
  ModelName name;
  Digest digest;
  uint64_t size_bytes = 0;
  size_t n_signatures = 0;
};

// Reads an archive from where the file stands to its end; a pipe will do. Nothing gets its name before all of
// the archive was read and every blob of it has the digest that it is called by; then blobs, and manifests
// one after the other, each all at once. A blob that the store has, and knows to be right, is not written
// again. What no manifest names is dropped. Should the process die, what is left is for
// Store::collect_garbage.
//
// The archive is untrusted. kMalformed: links, devices, sparse files, paths other than those above, anything
// twice, a truncated tar, contents that are not their digest, manifests that are none; kInvalidArgument: a
// model without a name, or `name` for several; kUnsupported: compressed, other layouts, not signed by a
// trusted key; kResourceExhausted: beyond the limits, or no room; kCancelled by `progress`, which is given
// the bytes read.
Result<std::vector<ImportedModel>> import_models(const Store& store, int descriptor,
                                                 const ImportOptions& options = {},
                                                 const Progress& progress = {});

}  // namespace hearth::store
