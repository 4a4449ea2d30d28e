/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Numbers with units: what they mean, how they are printed, and what is no such number. */

#include <errno.h>
#include <glib.h>

#include "config/quantity.h"

static const struct {
        const char *text;
        QuantityUnit unit;
        uint64_t value;
        const char *printed;
} meanings[] = {
        {"0", QUANTITY_COUNT, 0, "0"},
        {"007", QUANTITY_COUNT, 7, "7"},
        {"1024", QUANTITY_COUNT, 1024, "1024"},
        {"18446744073709551615", QUANTITY_COUNT, UINT64_MAX, "18446744073709551615"},
        {"0", QUANTITY_BYTES, 0, "0"},
        {"0G", QUANTITY_BYTES, 0, "0"},
        {"512M", QUANTITY_BYTES, 512 * 1024 * 1024, "512M"},
        {"1024", QUANTITY_BYTES, 1024, "1K"},
        {"1025", QUANTITY_BYTES, 1025, "1025"},
        {"1536M", QUANTITY_BYTES, UINT64_C(1610612736), "1536M"},
        {"2048M", QUANTITY_BYTES, UINT64_C(2147483648), "2G"},
        {"1T", QUANTITY_BYTES, UINT64_C(1099511627776), "1T"},
        {"1P", QUANTITY_BYTES, UINT64_C(1125899906842624), "1P"},
        {"15E", QUANTITY_BYTES, UINT64_C(17293822569102704640), "15E"},
        {"10M", QUANTITY_RATE, 10000000, "10M"},
        {"1000", QUANTITY_RATE, 1000, "1K"},
        {"1024", QUANTITY_RATE, 1024, "1024"},
        {"18E", QUANTITY_RATE, UINT64_C(18000000000000000000), "18E"},
        {"5", QUANTITY_USEC, 5000000, "5s"},
        {"90us", QUANTITY_USEC, 90, "90us"},
        {"100ms", QUANTITY_USEC, 100000, "100ms"},
        {"90s", QUANTITY_USEC, 90000000, "90s"},
        {"120s", QUANTITY_USEC, 120000000, "2min"},
        {"24h", QUANTITY_USEC, UINT64_C(86400000000), "24h"},
        {"0", QUANTITY_USEC, 0, "0"},
};

static void test_meanings(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(meanings); i++) {
                g_autofree char *printed = quantity_print(meanings[i].value, meanings[i].unit);
                uint64_t value;

                g_test_message("'%s'", meanings[i].text);
                g_assert_cmpint(quantity_parse(meanings[i].text, meanings[i].unit, &value), ==, 0);
                g_assert_cmpuint(value, ==, meanings[i].value);
                g_assert_cmpstr(printed, ==, meanings[i].printed);
                g_assert_cmpint(quantity_parse(printed, meanings[i].unit, &value), ==, 0);
                g_assert_cmpuint(value, ==, meanings[i].value);
        }
}

static void test_refused(void) {
        static const struct {
                const char *text;
                QuantityUnit unit;
                int r;
        } table[] = {
                {"", QUANTITY_COUNT, -EINVAL},
                {"-1", QUANTITY_COUNT, -EINVAL},
                {"+1", QUANTITY_COUNT, -EINVAL},
                {" 1", QUANTITY_COUNT, -EINVAL},
                {"1 ", QUANTITY_COUNT, -EINVAL},
                {"0x10", QUANTITY_COUNT, -EINVAL},
                {"1K", QUANTITY_COUNT, -EINVAL},
                {"18446744073709551616", QUANTITY_COUNT, -ERANGE},
                {"M", QUANTITY_BYTES, -EINVAL},
                {"1m", QUANTITY_BYTES, -EINVAL},
                {"1MB", QUANTITY_BYTES, -EINVAL},
                {"1.5G", QUANTITY_BYTES, -EINVAL},
                {"1 G", QUANTITY_BYTES, -EINVAL},
                {"16E", QUANTITY_BYTES, -ERANGE},
                {"19E", QUANTITY_RATE, -ERANGE},
                {"1d", QUANTITY_USEC, -EINVAL},
                {"1S", QUANTITY_USEC, -EINVAL},
                {"1M", QUANTITY_USEC, -EINVAL},
                {"5124095577h", QUANTITY_USEC, -ERANGE},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                uint64_t value = 42;

                g_test_message("'%s'", table[i].text);
                g_assert_cmpint(quantity_parse(table[i].text, table[i].unit, &value), ==, table[i].r);
        }
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/quantity/every text means its number, which prints in its largest unit",
                test_meanings);
        g_test_add_func("/quantity/every other text is refused", test_refused);
        return g_test_run();
}
