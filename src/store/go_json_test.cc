#include "store/go_json.h"

#include <gtest/gtest.h>

namespace hearth::store {
namespace {

using Json = nlohmann::ordered_json;

std::string written(const char* json) {
  return go_json(Json::parse(json));
}

// As encoding/json of Go writes them: what its documentation states, case by case.
TEST(GoJson, Numbers_HaveGosForm) {
  EXPECT_EQ(written("[1.0, 0.8, -0.0, 0.1, 100000.0, 1e20, 1e21, 1.5e300]"),
            "[1,0.8,-0,0.1,100000,100000000000000000000,1e+21,1.5e+300]");
  EXPECT_EQ(written("[1e-6, 1e-7, 1.25e-9, 1e-12]"), "[0.000001,1e-7,1.25e-9,1e-12]");
  EXPECT_EQ(written("[0, -7, 18446744073709551615, true, null]"), "[0,-7,18446744073709551615,true,null]");
}

TEST(GoJson, Texts_AreEscapedAsForHtml) {
  EXPECT_EQ(written(R"(["<|im_end|>", "a&b", "\"\\\n\t\u0001\u2028é"])"),
            R"(["\u003c|im_end|\u003e","a\u0026b","\"\\\n\t\u0001\u2028é"])");
  EXPECT_EQ(go_json(Json("\xff")), R"("\ufffd")");
}

TEST(GoJson, Map_HasItsKeysInOrder) {
  const Json object =
      Json::parse(R"({"top_k":1,"stop":["z","a"],"temperature":0.5,"num_ctx":{"b":1,"a":2}})");
  EXPECT_EQ(go_json(as_go_map(object)),
            R"({"num_ctx":{"b":1,"a":2},"stop":["z","a"],"temperature":0.5,"top_k":1})");
  EXPECT_EQ(written("{}"), "{}");
  EXPECT_EQ(written("[]"), "[]");
}

}  // namespace
}  // namespace hearth::store
