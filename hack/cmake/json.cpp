// The one translation unit that compiles Boost.JSON's non-template code.
#include <boost/json/src.hpp>
