# The libraries of HEARTH_COMPUTE_ONLY, under the names that find_package gives them, from what Debian has of them for
# every processor: fmt's headers, and GoogleTest's source (package googletest).
find_path(HEARTH_FMT_HEADERS fmt/format-inl.h REQUIRED)
add_library(fmt::fmt INTERFACE IMPORTED GLOBAL)
target_compile_definitions(fmt::fmt INTERFACE FMT_HEADER_ONLY)

if(HEARTH_BUILD_TESTS)
  set(BUILD_GMOCK OFF)
  set(INSTALL_GTEST OFF)
  add_subdirectory(/usr/src/googletest ${PROJECT_BINARY_DIR}/googletest EXCLUDE_FROM_ALL SYSTEM)
  # Its files bring their own warnings, and are not part of what a test measures.
  target_compile_options(gtest PRIVATE -O1)
endif()
