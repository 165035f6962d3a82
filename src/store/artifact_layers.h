// Models as other tools put them into registries (artifacts of OCI), in the terms of this store.
//
//  - Docker Model Runner: media types of its own for weights, adapters, templates and licences;
//  - ModelPack (CNCF model-spec): media types that tell weights from their configuration, and the file's path
//    as an annotation;
//  - oras push: any media type, and the file's name as an annotation.
//
// Layers that are archives or compressed stay what they are: nothing is unpacked.
#pragma once

#include <span>
#include <string>

#include "store/manifest.h"

namespace hearth::store {

struct ArtifactLayer {
  Layer* layer = nullptr;
  // That the layer's annotations give its file, with folders or without: org.cncf.model.filepath, else
  // org.opencontainers.image.title; often empty.
  std::string file;
};

// Gives each layer whose part in a model is known its media type (media_type::), and its file's name as its
// `name` where it is weights or a file of a folder. A layer that has a media type of Ollama's or Hearth's,
// and one whose part is not known, stays as it is. Where there are GGUF weights, the other files of a folder
// are none of them.
void translate_artifact(std::span<const ArtifactLayer> layers);

}  // namespace hearth::store
