// Modelfiles of strangers, and what of them is written again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "store/modelfile.h"

using hearth::store::Modelfile;
using hearth::store::modelfile_quoted;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = Modelfile::parse(text);
  if (file) HEARTH_CHECK(!file->from.empty());
  if (!file || !file->system) return 0;
  // What was read can be written so that it is read as the same.
  const auto quoted = modelfile_quoted(*file->system);
  if (!quoted) return 0;
  const auto again = Modelfile::parse("FROM x\nSYSTEM " + *quoted + "\nLICENSE y\n");
  HEARTH_CHECK(again.has_value());
  HEARTH_CHECK(again->system == file->system);
  HEARTH_CHECK(again->licenses.size() == 1);
  return 0;
}
