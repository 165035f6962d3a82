// JSON as Go's encoder writes it, byte for byte: in a store of Ollama's layout the same content has the same
// digest, whoever wrote it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace hearth::store {

// What HTML could obey is escaped, too. Bytes that are no UTF-8 become U+FFFD.
void append_go_text(std::string& out, std::string_view text);

// Objects as they are: those that are maps in Go have to have their keys in order, those that are structs in
// the order of the fields. Without the newline that ends a document.
std::string go_json(const nlohmann::ordered_json& value);
// The keys of an object, at its top, in order.
nlohmann::ordered_json as_go_map(const nlohmann::ordered_json& object);

}  // namespace hearth::store
