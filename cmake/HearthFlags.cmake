# Compiler and linker flags, in two interface targets:
#   hearth_warnings   every target of the project: warnings are errors
#   hearth_hardening  every target except the per-ISA kernels, which hold no parser and no untrusted length
include(CheckCXXCompilerFlag)
include(CheckLinkerFlag)

# What is tested most is x86-64, where char is signed and nothing multiplies and adds in one rounding but what says so.
# Elsewhere compilers may choose otherwise, and a seed would give another text.
if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  add_compile_options(-fsigned-char -ffp-contract=off)
endif()

add_library(hearth_warnings INTERFACE)
target_compile_options(hearth_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wformat=2 -Werror=format-security -Wnon-virtual-dtor
  -Woverloaded-virtual -Wimplicit-fallthrough -Wundef -Werror)

add_library(hearth_sanitizers INTERFACE)
if(HEARTH_SANITIZE)
  target_compile_options(hearth_sanitizers INTERFACE -fsanitize=${HEARTH_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(hearth_sanitizers INTERFACE -fsanitize=${HEARTH_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND HEARTH_SANITIZE MATCHES "undefined")
    # null: a quarter of the time that compiling takes, for what AddressSanitizer reports as a fault anyway.
    # function: clang 14 cannot assemble its marks of a coroutine.
    target_compile_options(hearth_sanitizers INTERFACE -fno-sanitize=null,function)
  endif()
endif()

add_library(hearth_hardening INTERFACE)
target_compile_definitions(hearth_hardening INTERFACE _GLIBCXX_ASSERTIONS)
if(NOT HEARTH_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_options(hearth_hardening INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()
foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -mbranch-protection=standard
        -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr -fno-delete-null-pointer-checks)
  string(MAKE_C_IDENTIFIER "HEARTH_HAS${flag}" have)
  check_cxx_compiler_flag("${flag} -Werror" ${have})
  if(${have})
    target_compile_options(hearth_hardening INTERFACE ${flag})
  endif()
endforeach()
target_link_options(hearth_hardening INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)

include(CheckPIESupported)
check_pie_supported(OUTPUT_VARIABLE pie_output LANGUAGES CXX)
