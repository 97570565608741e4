# SPDX-License-Identifier: ISC
# Helpers for tests. Each takes explicit source lists and registers one ctest entry with a label.
#
# kith_unit(<layer> [POSIX | GNU] [HIDES <library>..] SOURCES <file>..)
#   unit_<layer>, label unit: the layer as a whole archive, what it may use, and tests/test.c.
#   An upward call in the layer therefore fails at link.
# kith_test(<name> LABEL <label> [TIMEOUT <seconds>] [POSIX | GNU] [ARGS <arg>..] USES <layer>..
#           [HIDES <library>..] SOURCES <file>..)
#   test_<name>, any label, any layers: sim, fault, attack, drill.
# kith_fuzz(<name> USES <layer>.. [HIDES <library>..] SOURCES <file>..)
#   fz_<name>: libFuzzer program in the preset fuzz, else a replay of tests/fuzz/corpus/<name>.
# kith_script(<name> LABEL <label> [TIMEOUT <seconds>] COMMAND <word>..)
#   a script as a test; exit 77 means skipped. It finds programs in $KITH_BIN, sources in $KITH_SRC.

set(kith_test_env
	KITH_SRC=${CMAKE_SOURCE_DIR}
	KITH_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}
	ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:strict_string_checks=1
	UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
	TSAN_OPTIONS=halt_on_error=1)

function(kith_register name label timeout)
	add_test(NAME ${name} COMMAND ${ARGN})
	set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT ${timeout}
		SKIP_RETURN_CODE 77 ENVIRONMENT "${kith_test_env}")
endfunction()

function(kith_unit layer)
	cmake_parse_arguments(PARSE_ARGV 1 arg "POSIX;GNU" "" "HIDES;SOURCES")
	if(arg_UNPARSED_ARGUMENTS)
		message(FATAL_ERROR "kith_unit(${layer}): unknown ${arg_UNPARSED_ARGUMENTS}")
	endif()
	add_executable(unit_${layer} ${arg_SOURCES})
	kith_dress(unit_${layer} ${arg_POSIX} ${arg_GNU})
	target_link_libraries(unit_${layer} PRIVATE
		kith_test $<LINK_LIBRARY:WHOLE_ARCHIVE,kith_${layer}> ${arg_HIDES})
	kith_register(unit.${layer} unit 120 unit_${layer})
endfunction()

function(kith_test name)
	cmake_parse_arguments(PARSE_ARGV 1 arg "POSIX;GNU" "LABEL;TIMEOUT"
		"ARGS;USES;HIDES;SOURCES")
	if(arg_UNPARSED_ARGUMENTS OR NOT arg_LABEL)
		message(FATAL_ERROR "kith_test(${name}): needs LABEL; ${arg_UNPARSED_ARGUMENTS}")
	endif()
	if(NOT arg_TIMEOUT)
		set(arg_TIMEOUT 300)
	endif()
	add_executable(test_${name} ${arg_SOURCES})
	kith_dress(test_${name} ${arg_POSIX} ${arg_GNU})
	list(TRANSFORM arg_USES PREPEND kith_ OUTPUT_VARIABLE used)
	target_link_libraries(test_${name} PRIVATE kith_test ${used} ${arg_HIDES})
	kith_register(${arg_LABEL}.${name} ${arg_LABEL} ${arg_TIMEOUT} test_${name} ${arg_ARGS})
endfunction()

function(kith_fuzz name)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "USES;HIDES;SOURCES")
	if(arg_UNPARSED_ARGUMENTS)
		message(FATAL_ERROR "kith_fuzz(${name}): unknown ${arg_UNPARSED_ARGUMENTS}")
	endif()
	add_executable(fz_${name} ${arg_SOURCES})
	kith_dress(fz_${name} OFF OFF)
	list(TRANSFORM arg_USES PREPEND kith_ OUTPUT_VARIABLE used)
	target_link_libraries(fz_${name} PRIVATE ${used} ${arg_HIDES})
	if(KITH_FUZZ)
		target_link_options(fz_${name} PRIVATE -fsanitize=fuzzer)
		kith_register(fuzz.${name} fuzz 120 fz_${name} -runs=0
			${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
	else()
		target_link_libraries(fz_${name} PRIVATE kith_replay)
		kith_register(fuzz.${name} fuzz 60 fz_${name}
			${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
	endif()
endfunction()

function(kith_script name)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "LABEL;TIMEOUT" "COMMAND")
	if(arg_UNPARSED_ARGUMENTS OR NOT arg_LABEL)
		message(FATAL_ERROR "kith_script(${name}): needs LABEL; ${arg_UNPARSED_ARGUMENTS}")
	endif()
	if(NOT arg_TIMEOUT)
		set(arg_TIMEOUT 120)
	endif()
	kith_register(${arg_LABEL}.${name} ${arg_LABEL} ${arg_TIMEOUT} ${arg_COMMAND})
endfunction()
