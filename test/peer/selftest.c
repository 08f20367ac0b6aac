/* Plays the router against the peer: dials in, answers DOTS requests with canned bytes, sends heartbeats. */
#include <coap3/coap.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static coap_context_t *context;
static coap_session_t *session;
static coap_resource_t *mitigation;
static unsigned status = 1, gone, answers;

static void body(coap_resource_t *resource, const coap_pdu_t *request, const coap_string_t *query, coap_pdu_t *response,
                 const void *data, size_t length) {
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data_large_response(resource, session, request, response, query, 271, 60, 0, length, data, NULL, NULL);
}

static void on_mitigate(coap_resource_t *resource, coap_session_t *s, const coap_pdu_t *request,
                        const coap_string_t *query, coap_pdu_t *response) {
  static unsigned char content[] = {0xa1, 1, 0xa1, 2, 0x81, 0xa3, 5, 0x18, 56, 14, 0x19, 0x0e, 0x10, 16, 0};
  size_t length;
  const uint8_t *data;
  (void)s;
  content[sizeof content - 1] = status;
  switch (coap_pdu_get_code(request)) {
    case COAP_REQUEST_CODE_PUT:
      coap_get_data(request, &length, &data);
      printf("router: PUT %zu bytes\n", length);
      coap_pdu_set_code(response, COAP_RESPONSE_CODE_CREATED);
      break;
    case COAP_REQUEST_CODE_DELETE:
      coap_pdu_set_code(response, COAP_RESPONSE_CODE_DELETED);
      status = 5;
      coap_resource_notify_observers(mitigation, NULL);
      break;
    default: body(resource, request, query, response, content, sizeof content);
  }
}

/* all mitigations: 200 of them, so that Block2 is needed */
static void on_list(coap_resource_t *resource, coap_session_t *s, const coap_pdu_t *request, const coap_string_t *query,
                    coap_pdu_t *response) {
  static unsigned char list[5 + 2 + 200 * 6] = {0xa1, 1, 0xa1, 2, 0x98, 200};
  (void)s;
  for (int i = 0; i < 200; i++) memcpy(list + 6 + 6 * i, (unsigned char[]){0xa2, 5, 0x18, 56, 16, 2}, 6);
  body(resource, request, query, response, list, 6 + 200 * 6);
}

static void on_config(coap_resource_t *resource, coap_session_t *s, const coap_pdu_t *request, const coap_string_t *query,
                      coap_pdu_t *response) { /* decimals as tag 4, [-2, 200] and [-1, 15] */
  static const unsigned char config[] = {0xa1, 0x18, 30, 0xa1, 0x18, 32, 0xa2, 0x18, 39, 0xa1, 0x18, 43, 0xc4, 0x82,
                                         0x21, 0x18, 200, 0x18, 40, 0xa1, 0x18, 43, 0xc4, 0x82, 0x20, 15};
  (void)s;
  if (coap_pdu_get_code(request) == COAP_REQUEST_CODE_GET) body(resource, request, query, response, config, sizeof config);
  else coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

static void on_heartbeat(coap_resource_t *resource, coap_session_t *s, const coap_pdu_t *request,
                         const coap_string_t *query, coap_pdu_t *response) {
  (void)resource, (void)s, (void)request, (void)query;
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
}

static void add(const char *path, coap_method_handler_t handler, coap_resource_t **into) {
  coap_resource_t *resource = coap_resource_init(coap_make_str_const(path), 0);
  for (coap_request_t m = COAP_REQUEST_GET; m <= COAP_REQUEST_DELETE; m++) coap_register_request_handler(resource, m, handler);
  coap_resource_set_get_observable(resource, 1);
  coap_add_resource(context, resource);
  if (into) *into = resource;
}

static void send_heartbeat(coap_pdu_type_t type, const char *last) {
  coap_pdu_t *pdu = coap_new_pdu(type, COAP_REQUEST_CODE_PUT, session);
  uint8_t token[8], format[2] = {1, 15};
  size_t length;
  coap_session_new_token(session, &length, token);
  coap_add_token(pdu, length, token);
  coap_add_option(pdu, COAP_OPTION_URI_PATH, 11, (const uint8_t *)".well-known");
  coap_add_option(pdu, COAP_OPTION_URI_PATH, 4, (const uint8_t *)"dots");
  coap_add_option(pdu, COAP_OPTION_URI_PATH, strlen(last), (const uint8_t *)last);
  coap_add_option(pdu, COAP_OPTION_CONTENT_FORMAT, 2, format);
  coap_add_data(pdu, 7, (const uint8_t *)"\xa1\x18\x31\xa1\x18\x33\xf5");
  coap_send(session, pdu);
}

static coap_response_t on_response(coap_session_t *s, const coap_pdu_t *sent, const coap_pdu_t *pdu, const coap_mid_t id) {
  (void)s, (void)sent, (void)id;
  unsigned code = coap_pdu_get_code(pdu);
  printf("router: answer %u.%02u\n", code >> 5, code & 31);
  answers++;
  return COAP_RESPONSE_OK;
}

static int on_event(coap_session_t *s, const coap_event_t event) {
  (void)s;
  if (event == COAP_EVENT_DTLS_CLOSED || event == COAP_EVENT_DTLS_ERROR || event == COAP_EVENT_TCP_CLOSED) gone = 1;
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 6) return fprintf(stderr, "selftest HOST PORT udp|tcp psk IDENTITY KEY | cert CERT KEY CA\n"), 2;
  struct addrinfo *info;
  coap_address_t address;
  coap_startup();
  coap_set_log_level(getenv("VERBOSE") ? LOG_DEBUG : LOG_CRIT);
  context = coap_new_context(NULL);
  coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  coap_register_response_handler(context, on_response);
  coap_register_event_handler(context, on_event);
  add(".well-known/dots/mitigate/cuid=dz6pHjaADkaFTbjr0JGBpw/mid=56", on_mitigate, &mitigation);
  add(".well-known/dots/mitigate/cuid=dz6pHjaADkaFTbjr0JGBpw", on_list, NULL);
  add(".well-known/dots/config", on_config, NULL);
  add(".well-known/dots/config/sid=1", on_config, NULL);
  add(".well-known/dots/hb", on_heartbeat, NULL);

  if (getaddrinfo(argv[1], argv[2], NULL, &info)) return 2;
  coap_address_init(&address);
  address.size = info->ai_addrlen;
  memcpy(&address.addr, info->ai_addr, info->ai_addrlen);
  freeaddrinfo(info);
  coap_proto_t proto = strcmp(argv[3], "tcp") ? COAP_PROTO_DTLS : COAP_PROTO_TLS;
  if (!strcmp(argv[4], "psk")) {
    session = coap_new_client_session_psk(context, NULL, &address, proto, argv[5], (uint8_t *)argv[6], strlen(argv[6]));
  } else {
    coap_dtls_pki_t pki = {.version = COAP_DTLS_PKI_SETUP_VERSION, .verify_peer_cert = 1, .check_common_ca = 1,
                           .client_sni = "localhost", .pki_key.key_type = COAP_PKI_KEY_PEM};
    pki.pki_key.key.pem = (coap_pki_key_pem_t){argv[7], argv[5], argv[6]};
    session = coap_new_client_session_pki(context, NULL, &address, proto, &pki);
  }
  if (!session) return fprintf(stderr, "cannot dial\n"), 1;

  send_heartbeat(COAP_MESSAGE_NON, "hb");
  send_heartbeat(COAP_MESSAGE_CON, "hb");
  send_heartbeat(COAP_MESSAGE_NON, "nowhere");
  for (int i = 0; i < 200 && !gone; i++) {
    coap_io_process(context, 50);
    if (i == 20) status = 2, coap_resource_notify_observers(mitigation, NULL);
  }
  coap_session_release(session);
  coap_free_context(context);
  coap_cleanup();
  return printf("router: session %s, %u answers\n", gone ? "closed" : "still up", answers), !(gone && answers >= 3);
}
