/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Enumerations and their strings: every value there and back, and nothing else. */

#include "config/domain-config.h"
#include "util/enum.h"

#define TEST_ROUND_TRIP(noun, Type, MAX, ...)                                                               \
        static void test_##noun(void) {                                                                     \
                static const char *const words[MAX] = {__VA_ARGS__};                                        \
                static const char *const others[] = {"", " ", "x", "Q35", "Qemu", "auto ", "kvm\n", "0"};   \
                                                                                                            \
                for (Type value = 0; value < MAX; value++) {                                                \
                        g_assert_cmpstr(noun##_to_string(value), ==, words[value]);                         \
                        g_assert_cmpint((int) noun##_from_string(words[value]), ==, (int) value);           \
                }                                                                                           \
                for (size_t i = 0; i < G_N_ELEMENTS(others); i++)                                           \
                        g_assert_cmpint((int) noun##_from_string(others[i]), ==, -EINVAL);                  \
                g_assert_cmpint((int) noun##_from_string(NULL), ==, -EINVAL);                               \
                g_assert_null(noun##_to_string(MAX));                                                       \
                g_assert_null(noun##_to_string((Type) -EINVAL));                                            \
        }

TEST_ROUND_TRIP(domain_kind, DomainKind, _DOMAIN_KIND_MAX, "qemu", "process")
TEST_ROUND_TRIP(machine_type, MachineType, _MACHINE_TYPE_MAX, "q35", "microvm", "pc")
TEST_ROUND_TRIP(accelerator, Accelerator, _ACCELERATOR_MAX, "auto", "kvm", "tcg")

/* An enumeration whose table has a hole. */
typedef enum Sparse { SPARSE_FIRST, SPARSE_HOLE, SPARSE_LAST } Sparse;
DECLARE_ENUM_STRINGS(sparse, Sparse)
static const char *const sparse_names[] = {[SPARSE_FIRST] = "first", [SPARSE_LAST] = "last"};
DEFINE_ENUM_STRINGS(sparse, Sparse, sparse_names)

static void test_hole(void) {
        g_assert_null(sparse_to_string(SPARSE_HOLE));
        g_assert_cmpint((int) sparse_from_string(NULL), ==, -EINVAL);
        g_assert_cmpint((int) sparse_from_string("last"), ==, SPARSE_LAST);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/enum/every kind of domain has its word", test_domain_kind);
        g_test_add_func("/enum/every machine type has its word", test_machine_type);
        g_test_add_func("/enum/every accelerator has its word", test_accelerator);
        g_test_add_func("/enum/a value without a word is none", test_hole);
        return g_test_run();
}
