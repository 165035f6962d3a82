#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "tensor/backend.h"

namespace hearth::worker {

// Makes the backend that computes, with so many threads. An engine process does not know which one it is.
using BackendFactory = std::function<Result<std::unique_ptr<tensor::Backend>>(int n_threads)>;

}  // namespace hearth::worker
