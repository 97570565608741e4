# SPDX-License-Identifier: ISC
# The flags of every Kith target, as one INTERFACE target: warnings, hardening, instruments.
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

set(KITH_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined or thread")
option(KITH_COVERAGE "Count lines and branches for gcovr" OFF)
option(KITH_FUZZ "Build the fuzz targets with libFuzzer (clang only)" OFF)

add_library(kith_flags INTERFACE)
target_compile_options(kith_flags INTERFACE
	-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
	-Wmissing-prototypes -Wredundant-decls -Wold-style-definition -Wcast-qual -Wcast-align
	-Wwrite-strings -Wundef -Wvla -Wformat=2 -Wswitch-enum -Wimplicit-fallthrough
	-Wpointer-arith -Wdouble-promotion -Wnull-dereference
	$<$<C_COMPILER_ID:GNU>:-Wlogical-op -Wduplicated-cond -Wduplicated-branches
		-Wjump-misses-init -Walloc-zero -Warith-conversion>
	-ffp-contract=off -fno-common
	-fstack-protector-strong -ftrivial-auto-var-init=pattern)
target_link_options(kith_flags INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
	target_compile_options(kith_flags INTERFACE
		-fstack-clash-protection -fcf-protection=full)
elseif(CMAKE_C_COMPILER_ID STREQUAL "GNU")
	target_compile_options(kith_flags INTERFACE -fstack-clash-protection)
endif()

# Fortify needs an optimiser and clashes with the address sanitizer: optimised builds only.
if(KITH_SANITIZE STREQUAL "")
	set(optimised $<CONFIG:Release,RelWithDebInfo,MinSizeRel>)
	target_compile_options(kith_flags INTERFACE
		$<${optimised}:-U_FORTIFY_SOURCE> $<${optimised}:-D_FORTIFY_SOURCE=3>)
else()
	target_compile_options(kith_flags INTERFACE -fsanitize=${KITH_SANITIZE}
		-fno-sanitize-recover=all -fno-omit-frame-pointer)
	target_link_options(kith_flags INTERFACE -fsanitize=${KITH_SANITIZE})
	# gcc 12 warns about its own instrumentation; dev and release judge these.
	target_compile_options(kith_flags INTERFACE -Wno-conversion -Wno-sign-conversion
		-Wno-null-dereference $<$<C_COMPILER_ID:GNU>:-Wno-arith-conversion>
		$<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()
if(KITH_FUZZ)
	if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
		message(FATAL_ERROR "KITH_FUZZ needs clang: use the preset fuzz")
	endif()
	target_compile_options(kith_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(KITH_COVERAGE)
	target_compile_options(kith_flags INTERFACE --coverage -fprofile-update=atomic)
	target_link_options(kith_flags INTERFACE --coverage)
endif()
