# tests.cmake: every *_test.c, fuzz target, Python test and check of the sources becomes a CTest test.
enable_testing()
find_library(LIB_cmocka cmocka REQUIRED)
set(TEST_FOLDER ${PROJECT_BINARY_DIR}/test-work)
file(MAKE_DIRECTORY ${TEST_FOLDER})
set(TEST_ENVIRONMENT
    "TARN_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
    "TARN_BUILD_DIR=${PROJECT_BINARY_DIR}"
    "ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1"
    "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tools/lsan.supp:print_suppressions=0"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tools/tsan.supp")

# tarn_test(NAME LABEL TIMEOUT COMMAND...)
function(tarn_test name label timeout)
    add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${TEST_FOLDER})
    set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT ${timeout} ENVIRONMENT "${TEST_ENVIRONMENT}")
endfunction()

# Unit tests beside the code, suites for all implementations of a vtable, and crash tests.
file(GLOB_RECURSE SUPPORT_SOURCES CONFIGURE_DEPENDS tests/support/*.c)
add_library(tarn_test_flags INTERFACE)
target_include_directories(tarn_test_flags INTERFACE src tests)
target_compile_definitions(tarn_test_flags INTERFACE TARN_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
target_link_libraries(tarn_test_flags INTERFACE tarn_static ${LIB_cmocka})
if(SUPPORT_SOURCES)
    add_library(tarn_support STATIC ${SUPPORT_SOURCES})
    target_link_libraries(tarn_support PUBLIC tarn_test_flags)
    set(TEST_LIBRARY tarn_support)
else()
    set(TEST_LIBRARY tarn_test_flags)
endif()

# The binary's files are not in the library; its tests link them all but main.c.
set(CLI_PARTS ${CLI_SOURCES})
list(FILTER CLI_PARTS EXCLUDE REGEX "/main\\.c$")

file(GLOB_RECURSE SUITES CONFIGURE_DEPENDS tests/conform/*_test.c tests/crash/*_test.c)
foreach(source ${TEST_SOURCES} ${SUITES})
    file(RELATIVE_PATH name ${PROJECT_SOURCE_DIR} ${source})
    string(REGEX REPLACE "^(src|tests)/|_test\\.c$" "" name ${name})
    string(REPLACE "/" "_" target "test_${name}")
    add_executable(${target} ${source})
    target_link_libraries(${target} PRIVATE ${TEST_LIBRARY})
    if(name MATCHES "^engine/")
        target_include_directories(${target} SYSTEM PRIVATE ${DUCKDB_ROOT}/include)
    endif()
    if(name MATCHES "^cli/")
        target_sources(${target} PRIVATE ${CLI_PARTS})
        target_link_libraries(${target} PRIVATE ${LIB_edit})
    endif()
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    if(name STREQUAL "crash/commit")
        foreach(kind delta iceberg-path iceberg-catalog)
            tarn_test(${name}/${kind} unit 120 $<TARGET_FILE:${target}> ${kind})
        endforeach()
    else()
        tarn_test(${name} unit 120 $<TARGET_FILE:${target}>)
    endif()
endforeach()

# Fuzz targets: they search under clang's libFuzzer, and replay their corpus everywhere else.
file(GLOB FUZZ_SOURCES CONFIGURE_DEPENDS fuzz/*.c)
list(FILTER FUZZ_SOURCES EXCLUDE REGEX "/driver\\.c$")
add_custom_target(fuzzers)
foreach(source ${FUZZ_SOURCES})
    get_filename_component(name ${source} NAME_WE)
    add_executable(fuzz_${name} ${source})
    target_link_libraries(fuzz_${name} PRIVATE ${TEST_LIBRARY})
    set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz OUTPUT_NAME ${name})
    add_dependencies(fuzzers fuzz_${name})
    if(TARN_FUZZ)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    else()
        target_sources(fuzz_${name} PRIVATE fuzz/driver.c)
        tarn_test(fuzz/${name} unit 120 $<TARGET_FILE:fuzz_${name}> ${PROJECT_SOURCE_DIR}/fuzz/corpus/${name})
    endif()
endforeach()

# The rest looks at the release: a sanitizer's build would only repeat it.
if(NOT TARN_SANITIZE)
    find_package(Python3 REQUIRED COMPONENTS Interpreter)
    # The suites once more, on a server: every store there is.
    tarn_test(conform/store_s3 python 300 ${TARN_PYTHON} ${PROJECT_SOURCE_DIR}/tests/support/with_s3.py $<TARGET_FILE:test_conform_store>)
    tarn_test(conform/catalog_s3 python 300 ${TARN_PYTHON} ${PROJECT_SOURCE_DIR}/tests/support/with_s3.py $<TARGET_FILE:test_conform_catalog>)
    tarn_test(catalog/object_s3 python 300 ${TARN_PYTHON} ${PROJECT_SOURCE_DIR}/tests/support/with_s3.py $<TARGET_FILE:test_catalog_object>)
    tarn_test(tidy style 60 ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/tidy.py)
    tarn_test(tidy/self style 60 ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/tidy_test.py)
    tarn_test(docs style 60 ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/gen_docs.py --check)
    tarn_test(exports style 60 ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/exports.py $<TARGET_FILE:tarn>)

    # A test a folder, the long ones first: ctest runs two at a time. The limits are for a busy machine.
    file(GLOB PYTHON_TESTS CONFIGURE_DEPENDS tests/*/test_*.py)
    foreach(source ${PYTHON_TESTS})
        get_filename_component(folder ${source} DIRECTORY)
        list(APPEND PYTHON_FOLDERS ${folder})
    endforeach()
    list(REMOVE_DUPLICATES PYTHON_FOLDERS)
    foreach(folder ${PYTHON_FOLDERS})
        get_filename_component(name ${folder} NAME)
        tarn_test(python/${name} python 1800 ${TARN_PYTHON} -m pytest -q -p no:cacheprovider
                   --rootdir ${PROJECT_SOURCE_DIR}/tests ${folder})
        set_tests_properties(python/${name} PROPERTIES COST 10)
    endforeach()
    set_tests_properties(python/sql PROPERTIES COST 20)
endif()
