# Where CMAKE_UNITY_BUILD is on (the asan preset: what files share is then instrumented once), these files are compiled by
# themselves: a name in their anonymous namespace is also one of another file's.
function(hearth_separate)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# Where HEARTH_QUICK_BUILD is on, tests and code that waits (HEARTH_WORK, src/CMakeLists.txt) are optimised less: they take
# up to half of a compiler's time. What computes in a test is mostly the library under test.
set(HEARTH_WORK computes)
function(hearth_optimise target work)
  if(HEARTH_QUICK_BUILD AND work MATCHES "^(waits|tests)$")
    if(HEARTH_SANITIZE)
      target_compile_options(${target} PRIVATE -O0)
    else()
      target_compile_options(${target} PRIVATE -O1)
    endif()
  endif()
endfunction()

# Where HEARTH_PRECOMPILE is on, the headers of other projects that many files include are compiled once for all targets
# of the same work that use the same set of them, HEARTH_PRECOMPILED: "plain", or "async", whose targets all link
# hearth_async. Our own headers are not among them: which ones a file includes stays its own business.
set(HEARTH_PRECOMPILED plain)
function(hearth_precompile target work)
  if(HEARTH_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM hearth_precompiled_${HEARTH_PRECOMPILED}_${work})
  endif()
endfunction()

# Of an inline function that several objects hold (those of the standard library's templates, most of all) the linker
# keeps the first copy that it meets, for the whole program, and in a program's own objects it would be one without
# optimisation. So where a sanitizer makes that dear, the libraries are read before them, those that compute first.
function(hearth_optimised_first target)
  if(HEARTH_QUICK_BUILD AND HEARTH_SANITIZE)
    # Only when all is read does every library stand there that the target and its libraries name.
    cmake_language(EVAL CODE "cmake_language(DEFER DIRECTORY [[${PROJECT_SOURCE_DIR}]] CALL hearth_link_optimised_first ${target})")
  endif()
endfunction()
function(hearth_link_optimised_first target)
  set(to_visit ${target})
  set(visited)
  set(computes)
  set(waits)
  while(to_visit)
    list(POP_FRONT to_visit next)
    if(NOT TARGET ${next} OR next IN_LIST visited)
      continue()
    endif()
    list(APPEND visited ${next})
    get_target_property(libraries ${next} LINK_LIBRARIES)
    if(libraries)
      list(APPEND to_visit ${libraries})
    endif()
    get_target_property(work ${next} HEARTH_WORK)
    if(work)
      list(APPEND ${work} $<TARGET_FILE:${next}>)
    endif()
  endwhile()
  list(JOIN computes " " computes)
  list(JOIN waits " " waits)
  target_link_options(${target} PRIVATE "SHELL:-Wl,--whole-archive ${computes} ${waits} -Wl,--no-whole-archive")
endfunction()

# hearth_library(NAME SOURCES a.cc ... [DEPS lib ...] [TESTS a_test.cc ...] [TEST_DEPS lib ...])
#
# One static library per folder, named hearth_NAME, and (with TESTS) its test program NAME_test. DEPS are public:
# the folders below this one whose headers its own headers include.
function(hearth_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;TESTS;TEST_DEPS" ${ARGN})
  add_library(hearth_${name} STATIC ${ARG_SOURCES})
  target_include_directories(hearth_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(hearth_${name} PUBLIC ${ARG_DEPS} hearth_sanitizers PRIVATE hearth_warnings hearth_hardening)
  set_target_properties(hearth_${name} PROPERTIES HEARTH_WORK ${HEARTH_WORK})
  hearth_optimise(hearth_${name} ${HEARTH_WORK})
  hearth_precompile(hearth_${name} ${HEARTH_WORK})
  if(HEARTH_BUILD_TESTS AND ARG_TESTS AND (HEARTH_TEST_ALL_LIBRARIES OR HEARTH_WORK STREQUAL computes))
    hearth_test(${name}_test SOURCES ${ARG_TESTS} DEPS hearth_${name} ${ARG_TEST_DEPS})
  endif()
endfunction()

# What the names of a build tree's tests begin with. scripts/test runs several trees in one go: those that are sanitized or
# for another processor say which they are.
set(HEARTH_TEST_PREFIX "")
if(HEARTH_SANITIZE)
  string(REPLACE "," "+" HEARTH_TEST_PREFIX "${HEARTH_SANITIZE}:")
elseif(CMAKE_CROSSCOMPILING)
  set(HEARTH_TEST_PREFIX "${CMAKE_SYSTEM_PROCESSOR}:")
endif()

# hearth_test(NAME SOURCES a_test.cc ... [DEPS lib ...]): a GoogleTest program, each case one ctest entry.
# HEARTH_TEST_DATA tells tests where the real models and golden outputs are; those that need them skip, and say so,
# where they are absent.
function(hearth_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gtest GTest::gtest_main hearth_warnings
    hearth_hardening hearth_sanitizers)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_definitions(${name} PRIVATE
    HEARTH_DEFAULT_TEST_DATA="${PROJECT_SOURCE_DIR}/../shared/data"
    HEARTH_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  if(CMAKE_CROSSCOMPILING_EMULATOR)
    target_compile_definitions(${name} PRIVATE HEARTH_EMULATED)
  endif()
  hearth_optimise(${name} tests)
  hearth_optimised_first(${name})
  hearth_precompile(${name} tests)
  gtest_discover_tests(${name} TEST_PREFIX "${HEARTH_TEST_PREFIX}" DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 600)
endfunction()
