// Scratch memory for the activations of one step: a stack that scopes rewind.
#pragma once

#include <memory>

#include "base/result.h"
#include "tensor/backend.h"

namespace hearth::models {

// Not thread-safe. Its size is fixed when it is made: each block states what it needs for a number of rows
// (workspace_bytes), so running out is our bug.
class Workspace {
 public:
  static Result<Workspace> create(tensor::Backend& backend, size_t size_bytes);

  // An uninitialised F32 tensor, valid until the innermost Scope ends.
  tensor::Tensor take(tensor::Shape shape);

  // The same for expert indices, I32.
  tensor::Tensor take_indices(tensor::Shape shape);

  // What take() or take_indices() of this shape uses up.
  static size_t bytes_for(const tensor::Shape& shape);

  class Scope {
   public:
    explicit Scope(Workspace& workspace) : workspace_(workspace), mark_(workspace.used_bytes_) {}
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() { workspace_.used_bytes_ = mark_; }

   private:
    Workspace& workspace_;
    size_t mark_;
  };

 private:
  explicit Workspace(std::shared_ptr<tensor::Buffer> buffer) : buffer_(std::move(buffer)) {}

  std::shared_ptr<tensor::Buffer> buffer_;
  size_t used_bytes_ = 0;
};

}  // namespace hearth::models
