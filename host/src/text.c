/* Texts and bytes: UTF-8 and Latin-1. What is not UTF-8 becomes U+FFFD, one for each maximal part of a character, as the WHATWG has it. */
#include <string.h>
#include "host.h"

/* The length of the character that begins here; below 0: that of what is no character. */
static int step(const uint8_t *at, size_t left)
{
    uint8_t first = at[0], low = 0x80, high = 0xbf;
    int more;

    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        more = 1;
    } else if (first >= 0xe0 && first <= 0xef) {
        more = 2;
        low = first == 0xe0 ? 0xa0 : 0x80;  /* shorter forms exist */
        high = first == 0xed ? 0x9f : 0xbf; /* surrogates */
    } else if (first >= 0xf0 && first <= 0xf4) {
        more = 3;
        low = first == 0xf0 ? 0x90 : 0x80;
        high = first == 0xf4 ? 0x8f : 0xbf; /* above U+10FFFF */
    } else {
        return -1;
    }
    for (int taken = 1; taken <= more; taken++) {
        if ((size_t) taken >= left || at[taken] < low || at[taken] > high) {
            return -taken;
        }
        low = 0x80;
        high = 0xbf;
    }
    return more + 1;
}

/* The text with what is wrong in it replaced. */
static JSValue repair(JSContext *ctx, const uint8_t *bytes, size_t length)
{
    static const char replacement[] = "\xef\xbf\xbd";
    char *whole = length > SIZE_MAX / 3 ? NULL : js_malloc(ctx, length * 3 + 1);
    size_t size = 0;
    JSValue text;

    if (whole == NULL) {
        return JS_ThrowRangeError(ctx, "too long a text");
    }
    for (size_t at = 0; at < length;) {
        int taken = step(bytes + at, length - at);
        if (taken > 0) {
            memcpy(whole + size, bytes + at, (size_t) taken);
            size += (size_t) taken;
            at += (size_t) taken;
        } else {
            memcpy(whole + size, replacement, 3);
            size += 3;
            at += (size_t) -taken;
        }
    }
    text = JS_NewStringLen(ctx, whole, size);
    js_free(ctx, whole);
    return text;
}

/* decodeUtf8(array, offset, length, isFatal): the text; null if it is fatal that it is none. */
static JSValue decode_utf8(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t length;
    const uint8_t *bytes = take_part(ctx, argv[0], argv[1], argv[2], &length);

    (void) this; (void) argc;
    if (bytes == NULL) {
        return JS_EXCEPTION;
    }
    for (size_t at = 0; at < length;) {
        int taken = step(bytes + at, length - at);
        if (taken < 0) {
            return JS_ToBool(ctx, argv[3]) ? JS_NULL : repair(ctx, bytes, length);
        }
        at += (size_t) taken;
    }
    return JS_NewStringLen(ctx, (const char *) bytes, length);
}

/* A lone half of a surrogate pair becomes U+FFFD, as text that has no UTF-8 does everywhere. */
static JSValue encode_utf8(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t length;
    const char *text = JS_ToCStringLen(ctx, &length, argv[0]);
    JSValue bytes;
    uint8_t *at;

    (void) this; (void) argc;
    if (text == NULL) {
        return JS_EXCEPTION;
    }
    bytes = give_bytes(ctx, text, length);
    JS_FreeCString(ctx, text);
    /* QuickJS writes such a half as three bytes, and so is the replacement. */
    if (!JS_IsException(bytes) && (at = take_bytes(ctx, bytes, &length)) != NULL) {
        for (size_t n = 0; n + 2 < length; n++) {
            if (at[n] == 0xed && at[n + 1] >= 0xa0) {
                memcpy(at + n, "\xef\xbf\xbd", 3);
            }
        }
    }
    return bytes;
}

static JSValue decode_latin1(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t length, size = 0;
    const uint8_t *bytes = take_part(ctx, argv[0], argv[1], argv[2], &length);
    bool is_ascii = true;
    char *utf8;
    JSValue text;

    (void) this; (void) argc;
    if (bytes == NULL) {
        return JS_EXCEPTION;
    }
    for (size_t at = 0; at < length && is_ascii; at++) {
        is_ascii = bytes[at] < 0x80;
    }
    if (is_ascii) {
        return JS_NewStringLen(ctx, (const char *) bytes, length);
    }
    utf8 = length > SIZE_MAX / 2 - 1 ? NULL : js_malloc(ctx, length * 2 + 1);
    if (utf8 == NULL) {
        return JS_ThrowRangeError(ctx, "too long a text");
    }
    for (size_t at = 0; at < length; at++) {
        if (bytes[at] < 0x80) {
            utf8[size++] = (char) bytes[at];
        } else {
            utf8[size++] = (char) (0xc0 | bytes[at] >> 6);
            utf8[size++] = (char) (0x80 | (bytes[at] & 0x3f));
        }
    }
    text = JS_NewStringLen(ctx, utf8, size);
    js_free(ctx, utf8);
    return text;
}

void add_text(JSContext *ctx, JSValueConst native)
{
    static const struct function functions[] = { { "decodeUtf8", decode_utf8, 4 }, { "encodeUtf8", encode_utf8, 1 }, { "decodeLatin1", decode_latin1, 3 } };

    ADD(ctx, native, functions);
}
