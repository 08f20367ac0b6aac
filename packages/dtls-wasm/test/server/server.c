/*
 * A DTLS server for tests, without I/O, out of the client's own shim: it has what neither OpenSSL 3.0 nor GnuTLS 3.7 has,
 * connection IDs, and it runs on the test's clock.
 */
#include "../../src/shim.c"

int EXPORT(dtls_serve)(const unsigned char *identity, size_t identity_length, const unsigned char *psk, size_t psk_length,
                       int with_connection_id)
{
    static const unsigned char connection_id[6] = { 0xc1, 0xd0, 0xc1, 0xd0, 0xc1, 0xd0 };
    int result = dtls_use_psk(identity, identity_length, psk, psk_length);

    mbedtls_ssl_conf_endpoint(&conf, MBEDTLS_SSL_IS_SERVER);
    mbedtls_ssl_conf_dtls_cookies(&conf, NULL, NULL, NULL);
    mbedtls_ssl_conf_handshake_timeout(&conf, 1000, 60000);
    if (result == 0 && with_connection_id) {
        result = mbedtls_ssl_conf_cid(&conf, sizeof(connection_id), MBEDTLS_SSL_UNEXPECTED_CID_IGNORE);
    }
    if (result == 0) {
        result = mbedtls_ssl_setup(&ssl, &conf);
    }
    if (result == 0 && with_connection_id) {
        result = mbedtls_ssl_set_cid(&ssl, MBEDTLS_SSL_CID_ENABLED, connection_id, sizeof(connection_id));
    }
    mbedtls_ssl_set_mtu(&ssl, 1200);
    mbedtls_ssl_set_bio(&ssl, NULL, send_datagram, take_datagram, NULL);
    mbedtls_ssl_set_timer_cb(&ssl, NULL, set_timer, get_timer);
    return result;
}
