// What a registry says to be asked with (WWW-Authenticate), where it sends us (URLs, absolute and not), and
// which signatures it lists. What is taken of these holds.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "store/registry/challenge.h"
#include "store/registry/signatures.h"
#include "store/registry/url.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth::store::registry;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  static const Url base = *parse_url("https://registry.example/v2/a/b");
  static const auto model = *hearth::store::ModelName::parse("registry.example/a/b");
  static const auto manifest = hearth::store::Digest::of("a manifest");
  const auto challenges = parse_challenges(input);
  if (challenges) {
    for (const Challenge& challenge : *challenges) {
      HEARTH_CHECK(!challenge.scheme.empty());
      for (const auto& [name, value] : challenge.parameters)
        HEARTH_CHECK(value.find_first_of("\r\n") == std::string::npos);
    }
  }
  for (const auto& url : {parse_url(input), resolve_url(base, input)}) {
    if (!url) continue;
    HEARTH_CHECK(url->scheme == "https" || url->scheme == "http");
    HEARTH_CHECK(!url->host.empty() && url->port != 0);
    HEARTH_CHECK(url->host.find_first_of("/@\\? \r\n") == std::string::npos);
    // What is connected to is what was judged.
    const auto again = parse_url(url->text);
    HEARTH_CHECK(again && again->origin() == url->origin());
  }
  const auto signatures = signatures_in(input, model, manifest);
  if (signatures) {
    for (const auto& signature : *signatures) HEARTH_CHECK(signature.is_for(model, manifest));
  }
  return 0;
}
