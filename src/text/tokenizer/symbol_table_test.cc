#include "text/tokenizer/symbol_table.h"

#include <gtest/gtest.h>

namespace hearth::text {
namespace {

TEST(SymbolTable, Find_IndexedSymbols_GivesTheirNumbers) {
  SymbolTable table;
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(table.append("symbol number " + std::to_string(i)));
    table.index(i);
  }
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(table.find("symbol number " + std::to_string(i)), i);
  EXPECT_EQ(table.find("symbol number 10000"), kNoSymbol);
  EXPECT_EQ(table.find(""), kNoSymbol);
  EXPECT_EQ(table.bytes(42), "symbol number 42");
  EXPECT_EQ(table.size(), 10'000U);
}

TEST(SymbolTable, Find_SameBytesTwice_GivesTheFirst) {
  SymbolTable table;
  for (const char* bytes : {"a", "b", "a"}) ASSERT_TRUE(table.append(bytes));
  for (SymbolId id = 0; id < 3; ++id) table.index(id);
  EXPECT_EQ(table.find("a"), 0);
  EXPECT_EQ(table.find("b"), 1);
}

TEST(SymbolTable, Find_NotIndexed_GivesNothing) {
  SymbolTable table;
  EXPECT_EQ(table.find("a"), kNoSymbol);
  ASSERT_TRUE(table.append("a"));
  EXPECT_EQ(table.find("a"), kNoSymbol);
}

// Lengths around the words that the hash reads at a time.
TEST(SymbolTable, Find_PrefixesOfOneString_AreDistinct) {
  const std::string text(40, '\0');
  SymbolTable table;
  for (size_t n = 0; n <= text.size(); ++n) {
    ASSERT_TRUE(table.append(std::string_view(text).substr(0, n)));
    table.index(static_cast<SymbolId>(n));
  }
  for (size_t n = 0; n <= text.size(); ++n) {
    EXPECT_EQ(table.find(std::string_view(text).substr(0, n)), static_cast<SymbolId>(n));
  }
}

}  // namespace
}  // namespace hearth::text
