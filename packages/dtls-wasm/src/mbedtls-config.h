/*
 * mbedTLS 3.6, reduced to what a DOTS call home server on a router needs: a DTLS 1.2 client.
 * What is not defined here is not compiled in: no server, no TLS 1.3 or TLS over TCP, no CBC, no renegotiation,
 * no SHA-1, no finite-field Diffie-Hellman, no static RSA, no PSA. Every name is described in mbedTLS' own
 * include/mbedtls/mbedtls_config.h.
 */
#ifndef DOTS_CALLHOME_MBEDTLS_CONFIG_H
#define DOTS_CALLHOME_MBEDTLS_CONFIG_H

/* ---- The protocol ---- */
#define MBEDTLS_SSL_TLS_C
#define MBEDTLS_SSL_CLI_C
#define MBEDTLS_SSL_PROTO_TLS1_2
#define MBEDTLS_SSL_PROTO_DTLS
#define MBEDTLS_SSL_DTLS_ANTI_REPLAY
#define MBEDTLS_SSL_DTLS_HELLO_VERIFY
#define MBEDTLS_SSL_DTLS_CONNECTION_ID /* RFC 9146, so that a NAT that rebinds us does not cost a handshake */
#define MBEDTLS_SSL_DTLS_CONNECTION_ID_COMPAT 0
#define MBEDTLS_SSL_CID_IN_LEN_MAX 8
#define MBEDTLS_SSL_CID_OUT_LEN_MAX 32
#define MBEDTLS_SSL_EXTENDED_MASTER_SECRET /* RFC 7627; shim.c refuses servers without it */
#define MBEDTLS_SSL_SESSION_TICKETS
#define MBEDTLS_SSL_SERVER_NAME_INDICATION
#define MBEDTLS_SSL_ALL_ALERT_MESSAGES
/* MBEDTLS_SSL_KEEP_PEER_CERTIFICATE stays off: a digest in the saved session is enough and 1 to 5 KB smaller. */

/* ---- How the peers know each other ---- */
#define MBEDTLS_KEY_EXCHANGE_PSK_ENABLED
#define MBEDTLS_KEY_EXCHANGE_ECDHE_PSK_ENABLED
#define MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA_ENABLED
#define MBEDTLS_KEY_EXCHANGE_ECDHE_RSA_ENABLED
#define MBEDTLS_PSK_MAX_LEN 128 /* RFC 4279 section 5.4 asks for at least 64 */

/* ---- Ciphers: shim.c orders the suites ---- */
#define MBEDTLS_CIPHER_C
#define MBEDTLS_CHACHA20_C
#define MBEDTLS_POLY1305_C
#define MBEDTLS_CHACHAPOLY_C
#define MBEDTLS_AES_C
#define MBEDTLS_CCM_C
#define MBEDTLS_GCM_C
#define MBEDTLS_BLOCK_CIPHER_NO_DECRYPT /* CCM and GCM only ever encrypt blocks */

/* ---- Hashes ---- */
#define MBEDTLS_MD_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA384_C
#define MBEDTLS_SHA512_C

/* ---- Public keys and certificates ---- */
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_DP_SECP384R1_ENABLED
#define MBEDTLS_ECP_DP_SECP521R1_ENABLED
#define MBEDTLS_ECP_DP_CURVE25519_ENABLED
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECDH_C
#define MBEDTLS_ECDSA_C
#define MBEDTLS_RSA_C
#define MBEDTLS_PKCS1_V15
#define MBEDTLS_PKCS1_V21
#define MBEDTLS_X509_RSASSA_PSS_SUPPORT
#define MBEDTLS_OID_C
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_BASE64_C
#define MBEDTLS_PEM_PARSE_C
#define MBEDTLS_PK_C
#define MBEDTLS_PK_PARSE_C
#define MBEDTLS_X509_USE_C
#define MBEDTLS_X509_CRT_PARSE_C
#define MBEDTLS_X509_REMOVE_INFO

/* ---- The platform: everything that is not arithmetic comes from the imports of shim.c ---- */
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_HAVE_TIME
#define MBEDTLS_HAVE_TIME_DATE
#define MBEDTLS_PLATFORM_MS_TIME_ALT
#include <time.h>
extern time_t dtls_unix_time(time_t *into);
#define MBEDTLS_PLATFORM_TIME_TYPE_MACRO time_t
#define MBEDTLS_PLATFORM_TIME_MACRO dtls_unix_time

/* ---- Sizes ---- */
#define MBEDTLS_SSL_IN_CONTENT_LEN 16384 /* also the longest handshake message: a certificate chain of 16 KB */
#define MBEDTLS_SSL_OUT_CONTENT_LEN 8192 /* the longest we send is our own certificate chain */
#define MBEDTLS_SSL_DTLS_MAX_BUFFERING 32768

#endif
