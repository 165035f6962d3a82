# The targets whose precompiled headers others use (hearth_precompile): libraries and, of other flags, test programs.
set(plain_headers
  <algorithm> <array> <chrono> <cmath> <cstdint> <cstring> <filesystem> <fstream> <functional> <map> <memory> <optional>
  <random> <set> <span> <string> <string_view> <utility> <vector> <fmt/format.h> <fmt/ranges.h> <nlohmann/json.hpp>)
set(async_headers
  <utility> <boost/asio/co_spawn.hpp> <boost/asio/detached.hpp> <boost/asio/io_context.hpp> <boost/asio/ip/tcp.hpp>
  <boost/asio/redirect_error.hpp> <boost/asio/steady_timer.hpp> <boost/asio/use_awaitable.hpp>)

file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/precompiled.cc CONTENT "")
function(hearth_precompiled headers work)
  set(name hearth_precompiled_${headers}_${work})
  add_library(${name} OBJECT ${PROJECT_BINARY_DIR}/precompiled.cc)
  target_link_libraries(${name} PRIVATE fmt::fmt nlohmann_json::nlohmann_json hearth_sanitizers hearth_warnings hearth_hardening)
  target_precompile_headers(${name} PRIVATE ${plain_headers})
  if(headers STREQUAL async)
    target_link_libraries(${name} PRIVATE hearth_async)
    target_precompile_headers(${name} PRIVATE ${async_headers})
  endif()
  if(work STREQUAL tests)  # a program's flags, without having to be one
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${name} PRIVATE -fPIE)
    target_link_libraries(${name} PRIVATE GTest::gtest)
    target_precompile_headers(${name} PRIVATE <gtest/gtest.h>)
  endif()
  hearth_optimise(${name} ${work})
endfunction()

hearth_precompiled(plain computes)
hearth_precompiled(plain waits)
hearth_precompiled(async waits)
if(HEARTH_BUILD_TESTS)
  hearth_precompiled(plain tests)
  hearth_precompiled(async tests)
endif()
