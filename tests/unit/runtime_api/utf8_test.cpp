#include "runtime_api/ttrpc/utf8.hpp"

#include <gtest/gtest.h>

using ttrpc::to_utf8;

namespace {

std::string cleaned(std::string_view text) {
  return to_utf8(text, 1000);
}

}  // namespace

TEST(TtrpcUtf8, WellFormedTextStaysAsItIs) {
  for (const char* text : {"", "plain", "gr\xc3\xbc\xc3\x9f", "\xe2\x82\xac", "\xf0\x9f\x90\xb3",
                           "\xed\x9f\xbf\xee\x80\x80", "\xf4\x8f\xbf\xbf", "\xe0\xa0\x80"}) {
    EXPECT_EQ(cleaned(text), text);
  }
}

TEST(TtrpcUtf8, EveryBadByteBecomesAQuestionMark) {
  EXPECT_EQ(cleaned("a\x80z"), "a?z");             // continuation alone
  EXPECT_EQ(cleaned("\xc3"), "?");                 // cut at the end
  EXPECT_EQ(cleaned("\xe2\x82z"), "??z");          // cut in the middle
  EXPECT_EQ(cleaned("\xc0\xaf\xc1\x81"), "????");  // longer than needed, two bytes
  EXPECT_EQ(cleaned("\xe0\x9f\xbf"), "???");       // longer than needed, three
  EXPECT_EQ(cleaned("\xf0\x8f\xbf\xbf"), "????");  // longer than needed, four
  EXPECT_EQ(cleaned("\xed\xa0\x80"), "???");       // surrogate
  EXPECT_EQ(cleaned("\xf4\x90\x80\x80"), "????");  // above U+10FFFF
  EXPECT_EQ(cleaned("\xf5\xff"), "??");            // no form at all
}

TEST(TtrpcUtf8, CutsBetweenCharacters) {
  EXPECT_EQ(to_utf8("ab\xe2\x82\xac", 4), "ab");
  EXPECT_EQ(to_utf8("ab\xe2\x82\xac", 5), "ab\xe2\x82\xac");
  EXPECT_EQ(to_utf8("abc", 0), "");
}
