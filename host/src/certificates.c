/* The owner's own certificates and keys, as `check` reads them: when they are valid, what kind they are, whether they belong together. */
#include <string.h>
#include <sys/random.h>
#include "mbedtls/pk.h"
#include "mbedtls/x509_crt.h"
#include "host.h"

static int random_for_key(void *unused, unsigned char *into, size_t length)
{
    (void) unused;
    return getrandom(into, length, 0) == (ssize_t) length ? 0 : MBEDTLS_ERR_PK_BAD_INPUT_DATA;
}

/* Days since 1970, by the calendar's own rule: a year begins in March here, so that a leap day is its last. */
static double unix_ms(const mbedtls_x509_time *time)
{
    int64_t year = time->mon > 2 ? time->year : time->year - 1, era = year / 400, of_era = year % 400;
    int64_t day = (153 * (time->mon + (time->mon > 2 ? -3 : 9)) + 2) / 5 + time->day - 1;
    int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + day - 719468;

    return ((double) days * 86400 + time->hour * 3600 + time->min * 60 + time->sec) * 1e3;
}

/* certificate(pem with its NUL): [from, until] in milliseconds, or null. */
static JSValue read_certificate(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t length;
    const uint8_t *pem = take_bytes(ctx, argv[0], &length);
    mbedtls_x509_crt certificate;
    JSValue result = JS_NULL;

    (void) this; (void) argc;
    if (pem == NULL) {
        return JS_EXCEPTION;
    }
    mbedtls_x509_crt_init(&certificate);
    if (mbedtls_x509_crt_parse(&certificate, pem, length) == 0) {
        result = give_numbers(ctx, (const double[]) { unix_ms(&certificate.valid_from), unix_ms(&certificate.valid_to) }, 2);
    }
    mbedtls_x509_crt_free(&certificate);
    return result;
}

/* keyKind(pem with its NUL): "rsa", "ec", or null. */
static JSValue key_kind(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t length;
    const uint8_t *pem = take_bytes(ctx, argv[0], &length);
    mbedtls_pk_context key;
    JSValue result = JS_NULL;

    (void) this; (void) argc;
    if (pem == NULL) {
        return JS_EXCEPTION;
    }
    mbedtls_pk_init(&key);
    if (mbedtls_pk_parse_key(&key, pem, length, NULL, 0, random_for_key, NULL) == 0) {
        result = JS_NewString(ctx, mbedtls_pk_get_type(&key) == MBEDTLS_PK_RSA ? "rsa" : "ec");
    }
    mbedtls_pk_free(&key);
    return result;
}

/* isPair(certificate, key), both PEM with their NUL; of several certificates the first. */
static JSValue is_pair(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t certificate_length, key_length;
    const uint8_t *certificate_pem = take_bytes(ctx, argv[0], &certificate_length);
    const uint8_t *key_pem = certificate_pem == NULL ? NULL : take_bytes(ctx, argv[1], &key_length);
    mbedtls_x509_crt certificate;
    mbedtls_pk_context key;
    bool fits;

    (void) this; (void) argc;
    if (key_pem == NULL) {
        return JS_EXCEPTION;
    }
    mbedtls_x509_crt_init(&certificate);
    mbedtls_pk_init(&key);
    fits = mbedtls_x509_crt_parse(&certificate, certificate_pem, certificate_length) == 0
        && mbedtls_pk_parse_key(&key, key_pem, key_length, NULL, 0, random_for_key, NULL) == 0
        && mbedtls_pk_check_pair(&certificate.pk, &key, random_for_key, NULL) == 0;
    mbedtls_pk_free(&key);
    mbedtls_x509_crt_free(&certificate);
    return JS_NewBool(ctx, fits);
}

/* What packages/dtls-wasm's configuration of mbedTLS takes from its host. */
time_t dtls_unix_time(time_t *into)
{
    return time(into);
}

mbedtls_ms_time_t mbedtls_ms_time(void)
{
    return (mbedtls_ms_time_t) monotonic_ms();
}

void add_certificates(JSContext *ctx, JSValueConst native)
{
    static const struct function functions[] = { { "certificate", read_certificate, 1 }, { "keyKind", key_kind, 1 }, { "isPair", is_pair, 2 } };

    ADD(ctx, native, functions);
}
