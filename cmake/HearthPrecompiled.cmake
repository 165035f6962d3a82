# The targets whose precompiled headers others use (hearth_precompile): libraries and, of other flags, test programs.
set(plain_headers
  <algorithm> <array> <chrono> <cmath> <cstdint> <cstring> <filesystem> <fstream> <functional> <map> <memory> <optional>
  <random> <set> <span> <string> <string_view> <utility> <vector> <fmt/format.h> <fmt/ranges.h> <nlohmann/json.hpp>)
set(async_headers
  <utility> <boost/asio/co_spawn.hpp> <boost/asio/detached.hpp> <boost/asio/io_context.hpp> <boost/asio/ip/tcp.hpp>
  <boost/asio/redirect_error.hpp> <boost/asio/steady_timer.hpp> <boost/asio/use_awaitable.hpp>)

file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/precompiled.cc CONTENT "")
foreach(kind plain async)
  set(libraries fmt::fmt nlohmann_json::nlohmann_json hearth_sanitizers hearth_warnings hearth_hardening)
  set(headers ${plain_headers})
  if(kind STREQUAL async)
    list(APPEND libraries hearth_async)
    list(APPEND headers ${async_headers})
  endif()
  add_library(hearth_precompiled_${kind} OBJECT ${PROJECT_BINARY_DIR}/precompiled.cc)
  target_link_libraries(hearth_precompiled_${kind} PRIVATE ${libraries})
  target_precompile_headers(hearth_precompiled_${kind} PRIVATE ${headers})
  hearth_optimise_less(hearth_precompiled_${kind} ${kind})
  if(HEARTH_BUILD_TESTS)
    # A program's flags, without having to be one.
    add_library(test_hearth_precompiled_${kind} OBJECT ${PROJECT_BINARY_DIR}/precompiled.cc)
    set_target_properties(test_hearth_precompiled_${kind} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(test_hearth_precompiled_${kind} PRIVATE -fPIE)
    target_link_libraries(test_hearth_precompiled_${kind} PRIVATE ${libraries} GTest::gtest)
    target_precompile_headers(test_hearth_precompiled_${kind} PRIVATE ${headers} <gtest/gtest.h>)
    hearth_optimise_less(test_hearth_precompiled_${kind} test_${kind})
  endif()
endforeach()
