# find_package(sparserm CONFIG) gives the target sparserm::sparserm.
get_filename_component(_sparserm_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET sparserm::sparserm)
  add_library(sparserm::sparserm SHARED IMPORTED)
  set_target_properties(sparserm::sparserm PROPERTIES
    IMPORTED_LOCATION "${_sparserm_prefix}/lib/libsparserm.so"
    IMPORTED_SONAME libsparserm.so
    INTERFACE_INCLUDE_DIRECTORIES "${_sparserm_prefix}/include")
endif()
unset(_sparserm_prefix)
