/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which keys there are. QEMU refuses names it does not know, but in its own words and one by one; here all
 * are judged before the first is pressed. */

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config/guest-keys.h"
#include "config/text.h"

/* QKeyCode of QEMU 7.2, without "unmapped", which is no key. */
static const char *const key_names[] = {
                "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "ac_back", "ac_bookmarks",
                "ac_forward", "ac_home", "ac_refresh", "again", "alt", "alt_r", "apostrophe", "asterisk",
                "audiomute", "audionext", "audioplay", "audioprev", "audiostop", "b", "backslash",
                "backspace", "bracket_left", "bracket_right", "c", "calculator", "caps_lock", "comma",
                "compose", "computer", "copy", "ctrl", "ctrl_r", "cut", "d", "delete", "dot", "down", "e",
                "end", "equal", "esc", "f", "f1", "f10", "f11", "f12", "f2", "f3", "f4", "f5", "f6", "f7",
                "f8", "f9", "find", "front", "g", "grave_accent", "h", "help", "henkan", "hiragana", "home",
                "i", "insert", "j", "k", "katakanahiragana", "kp_0", "kp_1", "kp_2", "kp_3", "kp_4", "kp_5",
                "kp_6", "kp_7", "kp_8", "kp_9", "kp_add", "kp_comma", "kp_decimal", "kp_divide", "kp_enter",
                "kp_equals", "kp_multiply", "kp_subtract", "l", "lang1", "lang2", "left", "less", "lf", "m",
                "mail", "mediaselect", "menu", "meta_l", "meta_r", "minus", "muhenkan", "n", "num_lock", "o",
                "open", "p", "paste", "pause", "pgdn", "pgup", "power", "print", "props", "q", "r", "ret",
                "right", "ro", "s", "scroll_lock", "semicolon", "shift", "shift_r", "slash", "sleep", "spc",
                "stop", "sysrq", "t", "tab", "u", "undo", "up", "v", "volumedown", "volumeup", "w", "wake",
                "x", "y", "yen", "z",
};

/* Those of Linux 6.18: what is upper-case is typed with Shift. */
#define SYSRQ_KEYS G_CSET_DIGITS "bcdefghijklmnopqrstuvwxyz" "DRS"

static int compare_names(const void *name, const void *entry) {
        return strcmp(name, *(const char *const *) entry);
}

static bool key_is_known(const char *name) {
        return bsearch(name, key_names, G_N_ELEMENTS(key_names), sizeof *key_names, compare_names);
}

int guest_keys_check(char *const *keys, uint32_t hold_msec, sd_bus_error *error) {
        size_t n = 0;

        for (; keys[n]; n++) {
                g_autofree char *quoted = text_quote(keys[n]);

                if (!key_is_known(keys[n]))
                        return sd_bus_error_setf(
                                error, SD_BUS_ERROR_INVALID_ARGS, "keys: there is no key %s", quoted);
                if (g_strv_contains((const char *const *) keys + n + 1, keys[n]))
                        return sd_bus_error_setf(
                                error, SD_BUS_ERROR_INVALID_ARGS, "keys: %s is there twice", quoted);
        }
        if (n == 0 || n > GUEST_KEYS_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "keys: %zu are not from 1 to %u", n, GUEST_KEYS_MAX);
        if (hold_msec > GUEST_KEYS_HOLD_MAX_MSEC)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "hold_ms: %" PRIu32 " is more than %u", hold_msec, GUEST_KEYS_HOLD_MAX_MSEC);
        return 0;
}

char **guest_keys_of_sysrq(const char *key) {
        g_autoptr(GStrvBuilder) keys = NULL;
        char lower[2] = {g_ascii_tolower(*key), 0};

        if (!*key || key[1] || !strchr(SYSRQ_KEYS, *key))
                return NULL;
        keys = g_strv_builder_new();
        g_strv_builder_add(keys, "alt");
        if (g_ascii_isupper(*key))
                g_strv_builder_add(keys, "shift");
        g_strv_builder_add(keys, "sysrq");
        g_strv_builder_add(keys, lower);
        return g_strv_builder_end(keys);
}
