# SPDX-License-Identifier: ISC
# Targets format (rewrites) and format-check (reports): clang-format 14 over the tracked C files.
find_program(CLANG_FORMAT NAMES clang-format-14 clang-format)
if(CLANG_FORMAT)
	foreach(mode IN ITEMS format format-check)
		add_custom_target(${mode}
			COMMAND ${CMAKE_SOURCE_DIR}/cmake/format.sh ${mode} ${CLANG_FORMAT}
			WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
			VERBATIM USES_TERMINAL)
	endforeach()
endif()
