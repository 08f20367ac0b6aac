/* What the program hands over, checked; and what it gets back. */
#include <string.h>
#include "host.h"

bool take_int(JSContext *ctx, JSValueConst value, int *into)
{
    double number;

    if (!JS_IsNumber(value) || JS_ToFloat64(ctx, &number, value) != 0 || !(number >= INT32_MIN && number <= INT32_MAX) || number != (int) number) {
        JS_ThrowTypeError(ctx, "native: expected an integer");
        return false;
    }
    *into = (int) number;
    return true;
}

uint8_t *take_bytes(JSContext *ctx, JSValueConst value, size_t *length)
{
    size_t offset, size, element, whole;
    JSValue buffer = JS_GetTypedArrayBuffer(ctx, value, &offset, &size, &element);
    uint8_t *bytes;

    if (JS_IsException(buffer)) {
        return NULL;
    }
    bytes = JS_GetArrayBuffer(ctx, &whole, buffer);
    JS_FreeValue(ctx, buffer); /* the array holds it */
    if (bytes == NULL && whole > 0) {
        return NULL;
    }
    if (element != 1 || offset > whole || size > whole - offset) {
        JS_ThrowTypeError(ctx, "native: expected a Uint8Array");
        return NULL;
    }
    *length = size;
    static uint8_t nothing;
    return size == 0 ? &nothing : bytes + offset;
}

uint8_t *take_part(JSContext *ctx, JSValueConst value, JSValueConst offset, JSValueConst length, size_t *taken)
{
    size_t size;
    int from, count;
    uint8_t *bytes = take_bytes(ctx, value, &size);

    if (bytes == NULL || !take_int(ctx, offset, &from) || !take_int(ctx, length, &count)) {
        return NULL;
    }
    if (from < 0 || count < 0 || (size_t) from > size || (size_t) count > size - (size_t) from) {
        JS_ThrowRangeError(ctx, "native: outside of the array");
        return NULL;
    }
    *taken = (size_t) count;
    return bytes + from;
}

char *take_name(JSContext *ctx, JSValueConst value)
{
    size_t length;
    const char *text = NULL;
    const uint8_t *bytes;
    char *name = NULL;

    if (JS_IsString(value)) {
        text = JS_ToCStringLen(ctx, &length, value);
        bytes = (const uint8_t *) text;
    } else {
        bytes = take_bytes(ctx, value, &length);
    }
    if (bytes == NULL) {
        return NULL;
    }
    if (memchr(bytes, 0, length) != NULL) {
        JS_ThrowTypeError(ctx, "a name must not contain NUL");
    } else {
        name = js_strndup(ctx, (const char *) bytes, length);
    }
    if (text != NULL) {
        JS_FreeCString(ctx, text);
    }
    return name;
}

JSValue give_bytes(JSContext *ctx, const void *bytes, size_t length)
{
    /* The engine looks at all three, whatever it is told of their number. */
    JSValue all[3] = { JS_NewArrayBufferCopy(ctx, bytes, length), JS_UNDEFINED, JS_UNDEFINED };
    JSValue view;

    if (JS_IsException(all[0])) {
        return JS_EXCEPTION;
    }
    view = JS_NewTypedArray(ctx, 3, all, JS_TYPED_ARRAY_UINT8);
    JS_FreeValue(ctx, all[0]);
    return view;
}

JSValue give_numbers(JSContext *ctx, const double *numbers, size_t count)
{
    JSValue list = JS_NewArray(ctx);

    for (size_t at = 0; at < count && !JS_IsException(list); at++) {
        if (JS_SetPropertyUint32(ctx, list, (uint32_t) at, JS_NewFloat64(ctx, numbers[at])) < 0) {
            JS_FreeValue(ctx, list);
            return JS_EXCEPTION;
        }
    }
    return list;
}

void add_functions(JSContext *ctx, JSValueConst native, const struct function *functions, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        JS_SetPropertyStr(ctx, native, functions[at].name, JS_NewCFunction(ctx, functions[at].call, functions[at].name, functions[at].arguments));
    }
}
