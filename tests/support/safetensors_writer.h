// Writes safetensors files for tests. Layout: docs/formats/safetensors.md. What the caller asks for is
// written, right or wrong, since tests want both.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::testing {

// Length, header, data: also the way to write a broken file.
inline std::string safetensors_bytes(std::string_view header, std::string_view data) {
  const uint64_t length = header.size();
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof(length));
  return bytes.append(header).append(data);
}

template <typename T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

class SafetensorsWriter {
 public:
  // `dtype` as files name it; names must need no escape in JSON.
  SafetensorsWriter& add(const std::string& name, const std::string& dtype, const std::vector<int64_t>& shape,
                         const std::string& data) {
    header_ += header_.empty() ? "" : ",";
    header_ += '"' + name + R"(":{"dtype":")" + dtype + R"(","shape":[)";
    for (size_t i = 0; i < shape.size(); ++i) header_ += (i > 0 ? "," : "") + std::to_string(shape[i]);
    header_ += R"(],"data_offsets":[)" + std::to_string(data_.size()) + "," +
               std::to_string(data_.size() + data.size()) + "]}";
    data_ += data;
    return *this;
  }
  // Padded with spaces so that the data stand at a multiple of eight, as Hugging Face's own writer does it.
  std::string build() const {
    std::string header = "{" + header_ + "}";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    return safetensors_bytes(header, data_);
  }

 private:
  std::string header_;
  std::string data_;
};

}  // namespace hearth::testing
