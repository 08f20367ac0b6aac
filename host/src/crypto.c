/* Random numbers by the kernel; hashes and HMAC by mbedTLS. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include "mbedtls/md.h"
#include "host.h"

/* random(array): fills it; it never answers with fewer, or worse, than were asked for. */
static JSValue random_bytes(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t length, done = 0;
    uint8_t *into = take_bytes(ctx, argv[0], &length);

    (void) this; (void) argc;
    if (into == NULL) {
        return JS_EXCEPTION;
    }
    while (done < length) {
        ssize_t got = getrandom(into + done, length - done, 0);
        if (got < 0 && errno != EINTR) {
            end_process("the kernel gives no random numbers");
        }
        done += got > 0 ? (size_t) got : 0;
    }
    return JS_UNDEFINED;
}

/* digest(algorithm, bytes, key or undefined): the hash, or with a key the HMAC. */
static JSValue digest(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    char *name = take_name(ctx, argv[0]);
    const mbedtls_md_info_t *algorithm;
    size_t length, key_length = 0;
    uint8_t *bytes, *key = NULL, result[MBEDTLS_MD_MAX_SIZE];
    int error;

    (void) this; (void) argc;
    if (name == NULL) {
        return JS_EXCEPTION;
    }
    for (char *each = name; *each != 0; each++) {
        *each = *each >= 'a' && *each <= 'z' ? (char) (*each - 'a' + 'A') : *each;
    }
    algorithm = mbedtls_md_info_from_string(name);
    js_free(ctx, name);
    if (algorithm == NULL) {
        return JS_ThrowRangeError(ctx, "this runtime does not have that hash");
    }
    bytes = take_bytes(ctx, argv[1], &length);
    if (bytes == NULL || (!JS_IsUndefined(argv[2]) && (key = take_bytes(ctx, argv[2], &key_length)) == NULL)) {
        return JS_EXCEPTION;
    }
    error = key == NULL ? mbedtls_md(algorithm, bytes, length, result) : mbedtls_md_hmac(algorithm, key, key_length, bytes, length, result);
    return error != 0 ? JS_ThrowInternalError(ctx, "the hash cannot be computed") : give_bytes(ctx, result, mbedtls_md_get_size(algorithm));
}

void add_crypto(JSContext *ctx, JSValueConst native)
{
    static const struct function functions[] = { { "random", random_bytes, 1 }, { "digest", digest, 3 } };

    ADD(ctx, native, functions);
}
