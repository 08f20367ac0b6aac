/* The client's own configuration and the server's side of the handshake, for tests. */
#include "../../src/mbedtls-config.h"
#define MBEDTLS_SSL_SRV_C
