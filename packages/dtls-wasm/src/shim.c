/*
 * One DTLS 1.2 client session of mbedTLS, without I/O. An instance of this module is a session: what could leak from
 * one peer to another is not in the same memory. The host hands in datagrams and time; datagrams to be sent go out
 * through `transmit`. dtls-session.ts is the only caller and speaks these exports in this order:
 *   dtls_use_psk or dtls_use_certificate, dtls_start, [dtls_resume], then dtls_pump after every dtls_receive and timer.
 */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <stdlib.h>
#include <string.h>
#include "mbedtls/platform_util.h"
#include "mbedtls/sha256.h"
#include "mbedtls/ssl.h"
#include "mbedtls/x509_crt.h"
/* In-tree header, for handshake->extended_ms and ->resume, which no public function tells. The version is pinned. */
#include "ssl_misc.h"

#define EXPORT(name) __attribute__((export_name(#name))) name
#define IMPORT(name) __attribute__((import_module("host"), import_name(#name)))

IMPORT(transmit) void host_transmit(const void *datagram, size_t length);
IMPORT(random) int host_random(void *into, size_t length); /* 0, or -1 if there is none */
IMPORT(nowMs) double host_now_ms(void);
IMPORT(unixSeconds) double host_unix_seconds(void);

/* What dtls_pump() answers; negative answers are mbedTLS' errors or one of ours. */
enum { IDLE = 0, CONNECTED = 1, DATA = 2, CLOSED_BY_PEER = 3 };
/* Ours, outside mbedTLS' range of codes (0 to -0x7fff). */
enum { NO_EXTENDED_MASTER_SECRET = -0x10001, PUMP_DID_NOT_SETTLE = -0x10002 };

/* RFC 5246 appendix F.1.4 suggests 24 hours as the longest life of a session to be resumed. */
#define LONGEST_SESSION_SECONDS (24 * 3600)
#define FINGERPRINT 32

/* A UDP payload is at most 65,507 bytes, a record with its header at most 16,384 + 13 + 256 or so; mbedTLS drops more. */
static unsigned char io_buffer[MBEDTLS_SSL_IN_CONTENT_LEN + 512];

static mbedtls_ssl_context ssl;
static mbedtls_ssl_config conf;
static mbedtls_x509_crt ca, own;
static mbedtls_pk_context key;
static unsigned char fingerprint[FINGERPRINT]; /* of name and credentials: a session fits only what it was made with */
static char server_name[256];

static size_t datagram_length; /* 0: mbedTLS has taken it, or there is none */
static int starved;            /* mbedTLS asked for a datagram and there was none */
static int connected;
static int resumed;
static int message_length;
static size_t name_ip_length;          /* 4 or 16 where server_name is an address, else 0 */
static unsigned char name_ip[16];

static double timer_started, timer_intermediate, timer_final; /* final 0: not running */

static const int psk_suites[] = {
    MBEDTLS_TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256, /* the only one with forward secrecy that mbedTLS 3.6 has */
    MBEDTLS_TLS_PSK_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_PSK_WITH_AES_128_CCM,
    MBEDTLS_TLS_PSK_WITH_AES_256_CCM,
    MBEDTLS_TLS_PSK_WITH_AES_128_CCM_8, /* what RFC 7252 section 9.1.3.1 makes mandatory for CoAP */
    MBEDTLS_TLS_PSK_WITH_AES_256_CCM_8,
    MBEDTLS_TLS_PSK_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_PSK_WITH_AES_256_GCM_SHA384,
    0
};

/* RFC 9132 section 7.1: forward secrecy; mbedTLS' RSA suites with CCM have none, so they are not here. */
static const int certificate_suites[] = {
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CCM,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_CCM,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, /* RFC 7252 section 9.1.3.3 */
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    0
};

/* ---- The platform that mbedTLS sees ---- */

time_t dtls_unix_time(time_t *into)
{
    time_t now = (time_t) host_unix_seconds();
    if (into != NULL) {
        *into = now;
    }
    return now;
}

mbedtls_ms_time_t mbedtls_ms_time(void)
{
    return (mbedtls_ms_time_t) host_now_ms();
}

static int random_bytes(void *unused, unsigned char *into, size_t length)
{
    (void) unused;
    return host_random(into, length) == 0 ? 0 : MBEDTLS_ERR_SSL_HW_ACCEL_FAILED;
}

static int send_datagram(void *unused, const unsigned char *datagram, size_t length)
{
    (void) unused;
    host_transmit(datagram, length); /* whether it arrives is the retransmission's business, not ours */
    return (int) length;
}

static int take_datagram(void *unused, unsigned char *into, size_t room)
{
    size_t length = datagram_length;

    (void) unused;
    if (length == 0) {
        starved = 1;
        return MBEDTLS_ERR_SSL_WANT_READ; /* never 0, which mbedTLS reads as the end of the connection */
    }
    datagram_length = 0;
    if (length > room) {
        length = room;
    }
    memcpy(into, io_buffer, length);
    return (int) length;
}

static void set_timer(void *unused, uint32_t intermediate, uint32_t final)
{
    (void) unused;
    timer_started = host_now_ms();
    timer_intermediate = intermediate;
    timer_final = final;
}

static int get_timer(void *unused)
{
    double elapsed;

    (void) unused;
    if (timer_final == 0) {
        return -1;
    }
    elapsed = host_now_ms() - timer_started;
    return elapsed >= timer_final ? 2 : elapsed >= timer_intermediate ? 1 : 0;
}

/* ---- Memory that the host writes to ---- */

unsigned char *EXPORT(dtls_buffer)(void)
{
    return io_buffer;
}

size_t EXPORT(dtls_buffer_size)(void)
{
    return sizeof(io_buffer);
}

void *EXPORT(dtls_reserve)(size_t length)
{
    return malloc(length);
}

void EXPORT(dtls_release)(void *memory, size_t length)
{
    mbedtls_platform_zeroize(memory, length);
    free(memory);
}

/* ---- Configuration ---- */

static int configure(const int *suites)
{
    int result;

    mbedtls_ssl_init(&ssl);
    mbedtls_ssl_config_init(&conf);
    mbedtls_x509_crt_init(&ca);
    mbedtls_x509_crt_init(&own);
    mbedtls_pk_init(&key);
    result = mbedtls_ssl_config_defaults(&conf, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_DATAGRAM,
                                         MBEDTLS_SSL_PRESET_DEFAULT);
    if (result != 0) {
        return result;
    }
    mbedtls_ssl_conf_rng(&conf, random_bytes, NULL);
    mbedtls_ssl_conf_min_tls_version(&conf, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_max_tls_version(&conf, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_ciphersuites(&conf, suites);
    mbedtls_ssl_conf_authmode(&conf, MBEDTLS_SSL_VERIFY_REQUIRED);
    /* RFC 5746 section 4.1: the strict choice; we never renegotiate, but a man in the middle could have a server do it. */
    mbedtls_ssl_conf_legacy_renegotiation(&conf, MBEDTLS_SSL_LEGACY_BREAK_HANDSHAKE);
    mbedtls_ssl_conf_extended_master_secret(&conf, MBEDTLS_SSL_EXTENDED_MS_ENABLED);
    mbedtls_ssl_conf_session_tickets(&conf, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
    mbedtls_ssl_conf_dtls_anti_replay(&conf, MBEDTLS_SSL_ANTI_REPLAY_ENABLED);
    /* An empty connection ID of ours: only the server needs one to find us again behind a NAT (RFC 9146 section 3). */
    return mbedtls_ssl_conf_cid(&conf, 0, MBEDTLS_SSL_UNEXPECTED_CID_IGNORE);
}

/* SHA-256 over length-prefixed parts, chained. */
static int mix_into_fingerprint(const void *part, uint32_t length)
{
    unsigned char step[FINGERPRINT + 4];

    memcpy(step, fingerprint, FINGERPRINT);
    memcpy(step + FINGERPRINT, &length, 4);
    mbedtls_sha256_context hash;
    mbedtls_sha256_init(&hash);
    int result = mbedtls_sha256_starts(&hash, 0);
    if (result == 0) {
        result = mbedtls_sha256_update(&hash, step, sizeof(step));
    }
    if (result == 0) {
        result = mbedtls_sha256_update(&hash, part, length);
    }
    if (result == 0) {
        result = mbedtls_sha256_finish(&hash, fingerprint);
    }
    mbedtls_sha256_free(&hash);
    return result;
}

int EXPORT(dtls_use_psk)(const unsigned char *identity, size_t identity_length, const unsigned char *psk, size_t psk_length)
{
    int result = configure(psk_suites);
    if (result == 0) {
        result = mbedtls_ssl_conf_psk(&conf, psk, psk_length, identity, identity_length);
    }
    if (result == 0) {
        result = mix_into_fingerprint(identity, identity_length);
    }
    return result != 0 ? result : mix_into_fingerprint(psk, psk_length);
}

/* Which of the three PEM texts was wrong; dtls_failed_part() tells. */
enum { PART_NONE, PART_CA, PART_CERTIFICATE, PART_KEY, PART_PAIR };
static int failed_part;

int EXPORT(dtls_failed_part)(void)
{
    return failed_part;
}

/* PEM texts, each with its final NUL counted in its length, as mbedTLS wants it. */
int EXPORT(dtls_use_certificate)(const unsigned char *ca_pem, size_t ca_length, const unsigned char *own_pem, size_t own_length,
                                 const unsigned char *key_pem, size_t key_length)
{
    int result = configure(certificate_suites);
    if (result != 0) {
        return result;
    }
    failed_part = PART_CA;
    if ((result = mbedtls_x509_crt_parse(&ca, ca_pem, ca_length)) != 0) {
        return result; /* a positive number counts certificates of the file that could not be read: refused as well */
    }
    failed_part = PART_CERTIFICATE;
    if ((result = mbedtls_x509_crt_parse(&own, own_pem, own_length)) != 0) {
        return result;
    }
    failed_part = PART_KEY;
    if ((result = mbedtls_pk_parse_key(&key, key_pem, key_length, NULL, 0, random_bytes, NULL)) != 0) {
        return result;
    }
    failed_part = PART_PAIR;
    if ((result = mbedtls_pk_check_pair(&own.pk, &key, random_bytes, NULL)) != 0) {
        return result;
    }
    failed_part = PART_NONE;
    mbedtls_ssl_conf_ca_chain(&conf, &ca, NULL);
    if ((result = mbedtls_ssl_conf_own_cert(&conf, &own, &key)) != 0) {
        return result;
    }
    if ((result = mix_into_fingerprint(ca_pem, ca_length)) != 0 || (result = mix_into_fingerprint(own_pem, own_length)) != 0) {
        return result;
    }
    return mix_into_fingerprint(key_pem, key_length);
}

/*
 * RFC 9525 section 6.5: an address is proved by an iPAddress alone. mbedTLS also takes a dNSName or common name that spells it, and even
 * "*.0.0.1" for 127.0.0.1: an authority that checks who owns a name has not checked who has the address.
 */
static int has_address(const mbedtls_x509_crt *certificate)
{
    for (const mbedtls_x509_sequence *name = &certificate->subject_alt_names; name != NULL; name = name->next) {
        if ((name->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) == MBEDTLS_X509_SAN_IP_ADDRESS && name->buf.len == name_ip_length &&
            memcmp(name->buf.p, name_ip, name_ip_length) == 0) {
            return 1;
        }
    }
    return 0;
}

/* RFC 5280 section 4.2.1.10. mbedTLS refuses a certificate that has them as critical, and passes over others, which OpenSSL heeds. */
static int has_name_constraints(const mbedtls_x509_crt *certificate)
{
    static const unsigned char oid[] = { 0x55, 0x1d, 0x1e };
    const int nested = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE;
    unsigned char *at = certificate->v3_ext.p;
    const unsigned char *end = at + certificate->v3_ext.len;
    size_t length;

    if (at == NULL || mbedtls_asn1_get_tag(&at, end, &length, nested) != 0) {
        return 0;
    }
    while (at < end && mbedtls_asn1_get_tag(&at, end, &length, nested) == 0) {
        unsigned char *next = at + length;
        if (mbedtls_asn1_get_tag(&at, next, &length, MBEDTLS_ASN1_OID) == 0 && length == sizeof(oid) && memcmp(at, oid, sizeof(oid)) == 0) {
            return 1;
        }
        at = next;
    }
    return 0;
}

/* mbedTLS asks for each certificate of the chain; the peer's own has depth 0. */
static int judge(void *unused, mbedtls_x509_crt *certificate, int depth, uint32_t *flags)
{
    (void) unused;
    /* What is signed by means that are not compiled in, such as SHA-1, mbedTLS does not read, and then misses everything in it. */
    if (certificate->raw.len == 0) {
        *flags = MBEDTLS_X509_BADCERT_BAD_MD;
        return 0;
    }
    if (depth == 0 && name_ip_length != 0 && !has_address(certificate)) {
        *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
    }
    if (depth > 0 && has_name_constraints(certificate)) {
        *flags |= MBEDTLS_X509_BADCERT_OTHER;
    }
    return 0;
}

/* `name` ends with NUL. */
int EXPORT(dtls_start)(const char *name, size_t mtu, uint32_t timer_min_ms, uint32_t timer_max_ms)
{
    size_t length = strlen(name);
    int result;

    /* Below 256 a ClientHello with a cookie, which may not be fragmented, would not fit. */
    if (length == 0 || length >= sizeof(server_name) || mtu < 256 || mtu > MBEDTLS_SSL_IN_CONTENT_LEN) {
        return MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
    }
    memcpy(server_name, name, length + 1);
    name_ip_length = mbedtls_x509_crt_parse_cn_inet_pton(server_name, name_ip);
    mbedtls_ssl_conf_verify(&conf, judge, NULL);
    mbedtls_ssl_conf_handshake_timeout(&conf, timer_min_ms, timer_max_ms);
    if ((result = mix_into_fingerprint(server_name, length)) != 0 || (result = mbedtls_ssl_setup(&ssl, &conf)) != 0) {
        return result;
    }
    /* RFC 6066 section 3: no IP literals in server_name. The name is given later, when the certificate is checked. */
    if (name_ip_length == 0 && (result = mbedtls_ssl_set_hostname(&ssl, server_name)) != 0) {
        return result;
    }
    mbedtls_ssl_set_mtu(&ssl, (uint16_t) mtu);
    mbedtls_ssl_set_bio(&ssl, NULL, send_datagram, take_datagram, NULL);
    mbedtls_ssl_set_timer_cb(&ssl, NULL, set_timer, get_timer);
    return mbedtls_ssl_set_cid(&ssl, MBEDTLS_SSL_CID_ENABLED, NULL, 0);
}

/* ---- The session ---- */

/*
 * RFC 6347 section 4.1.2.7: invalid records are dropped in silence. mbedTLS 3.6 does not do so with up to 12 stray bytes
 * after a record that it skipped: it ends the session with an "internal error", which anybody could provoke who can
 * spoof the peer's address. So only whole records get to it.
 */
static size_t whole_records(size_t length)
{
    size_t whole = 0;

    if (length > sizeof(io_buffer)) {
        return 0;
    }
    for (;;) {
        const unsigned char *record = io_buffer + whole;
        size_t left = length - whole;
        size_t header = 13;

        if (left > 0 && record[0] == MBEDTLS_SSL_MSG_CID) {
            header += conf.cid_len;
        }
        if (left < header || left - header < MBEDTLS_GET_UINT16_BE(record, header - 2)) {
            return whole;
        }
        whole += header + MBEDTLS_GET_UINT16_BE(record, header - 2);
    }
}

void EXPORT(dtls_receive)(size_t length)
{
    datagram_length = whole_records(length);
}

/* Between two steps of the handshake: what mbedTLS cannot be configured to do. */
static int check_handshake(void)
{
    if (name_ip_length != 0 && ssl.state == MBEDTLS_SSL_SERVER_CERTIFICATE && ssl.hostname == NULL) {
        return mbedtls_ssl_set_hostname(&ssl, server_name);
    }
    if (ssl.state > MBEDTLS_SSL_SERVER_HELLO && ssl.state < MBEDTLS_SSL_HANDSHAKE_OVER && ssl.handshake != NULL) {
        resumed = ssl.handshake->resume;
        /* RFC 7627 sections 5.2 and 5.3: without it two sessions can be made to share one master secret. */
        if (ssl.handshake->extended_ms != MBEDTLS_SSL_EXTENDED_MS_ENABLED) {
            mbedtls_ssl_send_alert_message(&ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE);
            return NO_EXTENDED_MASTER_SECRET;
        }
    }
    return 0;
}

static int step(void)
{
    if (mbedtls_ssl_is_handshake_over(&ssl)) {
        return mbedtls_ssl_read(&ssl, io_buffer, sizeof(io_buffer));
    }
    int result = mbedtls_ssl_handshake_step(&ssl);
    return result != 0 ? result : check_handshake();
}

/* Works until mbedTLS wants another datagram or has something to tell; call it again after everything but IDLE. */
int EXPORT(dtls_pump)(void)
{
    starved = 0;
    /* Each round eats a record or makes a step; a datagram holds fewer records than this, whatever it contains. */
    for (int rounds = 0; rounds < 4096; rounds++) {
        int result = step();

        if (!connected && mbedtls_ssl_is_handshake_over(&ssl)) {
            if (result < 0) {
                return result;
            }
            connected = 1;
            return CONNECTED;
        }
        if (result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE) {
            if (starved) {
                return IDLE; /* otherwise a retransmission or an ignored alert: there may be more in this datagram */
            }
        } else if (result == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
            return CLOSED_BY_PEER;
        } else if (result < 0) {
            return result;
        } else if (connected && result > 0) {
            message_length = result;
            return DATA;
        }
    }
    return PUMP_DID_NOT_SETTLE;
}

/* After DATA: the length of the message in the buffer. */
int EXPORT(dtls_message_length)(void)
{
    return message_length;
}

/* Sends the first `length` bytes of the buffer as one record. */
int EXPORT(dtls_send)(size_t length)
{
    return length > sizeof(io_buffer) ? MBEDTLS_ERR_SSL_BAD_INPUT_DATA : mbedtls_ssl_write(&ssl, io_buffer, length);
}

int EXPORT(dtls_longest_message)(void)
{
    return mbedtls_ssl_get_max_out_record_payload(&ssl);
}

/* Milliseconds until dtls_pump() has to be called again; below 0: no timer runs. */
double EXPORT(dtls_timer)(void)
{
    double left;

    if (timer_final == 0) {
        return -1;
    }
    left = timer_started + timer_final - host_now_ms();
    return left > 0 ? left : 0;
}

void EXPORT(dtls_close)(void)
{
    if (connected) {
        mbedtls_ssl_close_notify(&ssl);
    }
}

/* ---- Resumption ---- */

int EXPORT(dtls_resume)(const unsigned char *saved, size_t length)
{
    mbedtls_ssl_session session;
    int result = MBEDTLS_ERR_SSL_BAD_INPUT_DATA;

    if (length <= FINGERPRINT || memcmp(saved, fingerprint, FINGERPRINT) != 0) {
        return result;
    }
    mbedtls_ssl_session_init(&session);
    result = mbedtls_ssl_session_load(&session, saved + FINGERPRINT, length - FINGERPRINT);
    if (result == 0) {
        double age = host_unix_seconds() - (double) session.start;
        /* A router's clock may have stood at 1970 then; a session from the future is as good as none. */
        result = age < 0 || age > LONGEST_SESSION_SECONDS ? MBEDTLS_ERR_SSL_BAD_INPUT_DATA : mbedtls_ssl_set_session(&ssl, &session);
    }
    mbedtls_ssl_session_free(&session);
    return result;
}

/* The length of what was written to the buffer, or an error. */
int EXPORT(dtls_save_session)(void)
{
    size_t length = 0;
    int result;

    if (!connected || ssl.session == NULL) {
        return MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
    }
    memcpy(io_buffer, fingerprint, FINGERPRINT);
    result = mbedtls_ssl_session_save(ssl.session, io_buffer + FINGERPRINT, sizeof(io_buffer) - FINGERPRINT, &length);
    return result != 0 ? result : (int) (length + FINGERPRINT);
}

/* ---- What there is to know ---- */

/* How far the handshake came: what a silence most likely means depends on it. */
int EXPORT(dtls_phase)(void)
{
    enum { NO_ANSWER = 0, ANSWERED = 1, FINISHED_UNANSWERED = 2, OVER = 3 };

    if (mbedtls_ssl_is_handshake_over(&ssl)) {
        return OVER;
    }
    if (!resumed && (ssl.state == MBEDTLS_SSL_NEW_SESSION_TICKET || ssl.state == MBEDTLS_SSL_SERVER_CHANGE_CIPHER_SPEC ||
                     ssl.state == MBEDTLS_SSL_SERVER_FINISHED)) {
        return FINISHED_UNANSWERED;
    }
    return ssl.state > MBEDTLS_SSL_SERVER_HELLO ? ANSWERED : NO_ANSWER;
}

int EXPORT(dtls_resumed)(void)
{
    return resumed;
}

int EXPORT(dtls_connection_id)(void)
{
    int enabled = MBEDTLS_SSL_CID_DISABLED;

    return mbedtls_ssl_get_peer_cid(&ssl, &enabled, NULL, NULL) == 0 && enabled == MBEDTLS_SSL_CID_ENABLED;
}

/* A name ending in NUL. */
const char *EXPORT(dtls_cipher_suite)(void)
{
    return mbedtls_ssl_get_ciphersuite(&ssl);
}

/* After a fatal alert: its number in the IANA registry. */
int EXPORT(dtls_alert)(void)
{
    return ssl.in_msgtype == MBEDTLS_SSL_MSG_ALERT && ssl.in_msg != NULL ? ssl.in_msg[1] : -1;
}

/* After a refused certificate: mbedTLS' MBEDTLS_X509_BADCERT_ bits. */
uint32_t EXPORT(dtls_verify_flags)(void)
{
    return mbedtls_ssl_get_verify_result(&ssl);
}

/* Frees and zeroises whatever is secret. The instance is of no use afterwards. */
void EXPORT(dtls_wipe)(void)
{
    mbedtls_ssl_free(&ssl);
    mbedtls_ssl_config_free(&conf);
    mbedtls_pk_free(&key);
    mbedtls_x509_crt_free(&own);
    mbedtls_x509_crt_free(&ca);
    mbedtls_platform_zeroize(io_buffer, sizeof(io_buffer));
}
