/* The (D)TLS server side: routers dial us (RFC 9066 §5.1). Their sessions, and the requests they send on them. */
#include "peer.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

coap_context_t *context;
bool answer_heartbeats = true;
static struct session *sessions; /* newest first */
static unsigned last_id;

struct session *session_get(unsigned id) {
  struct session *found = NULL;
  for (struct session *s = sessions; s; s = s->next)
    if (s->up && (id ? s->id == id : !found || s->id > found->id)) found = s;
  return found;
}

struct session *session_of(const coap_session_t *coap) {
  for (struct session *s = sessions; s; s = s->next)
    if (s->coap == coap) return s;
  return NULL;
}

static void session_event(const struct session *s, const char *is, const char *reason) {
  cJSON *event = event_new("session");
  cJSON_AddStringToObject(event, "is", is);
  cJSON_AddNumberToObject(event, "session", s->id);
  cJSON_AddStringToObject(event, "remote", s->remote);
  cJSON_AddStringToObject(event, "transport", options.tcp ? "tcp" : "udp");
  cJSON_AddItemToObject(event, "identity", json_text(s->identity, strlen(s->identity)));
  if (reason) cJSON_AddStringToObject(event, "reason", reason);
  event_emit(event);
}

static void address_text(const coap_session_t *coap, char text[80]) {
  text[coap_print_addr(coap_session_get_addr_remote(coap), (unsigned char *)text, 79)] = '\0';
}

static struct session *session_add(coap_session_t *coap) {
  struct session *s = calloc(1, sizeof *s);
  s->coap = coap;
  s->next = sessions;
  return sessions = s;
}

/* The session's type is left alone: made a client-type session, 4.3.1 refuses to send on it over DTLS, and
 * as a server-type session it may send requests just as well. Our reference keeps libcoap from freeing it as idle. */
static void session_up(struct session *s) {
  if (s->id) return;
  s->id = ++last_id;
  coap_session_reference(s->coap);
  address_text(s->coap, s->remote);
  const coap_bin_const_t *psk = coap_session_get_psk_identity(s->coap);
  const char *common_name = coap_session_get_app_data(s->coap);
  if (common_name)
    snprintf(s->identity, sizeof s->identity, "%s", common_name);
  else if (psk && psk->s)
    snprintf(s->identity, sizeof s->identity, "%.*s", (int)psk->length, (const char *)psk->s);

  unsigned up = 0;
  for (struct session *o = sessions; o; o = o->next) up += o->up;
  if (options.max_sessions && up >= options.max_sessions) {
    session_event(s, "refused", "max-sessions");
    return; /* never up: closed by sessions_tend */
  }
  s->up = true;
  coap_session_set_max_retransmit(s->coap, 3); /* RFC 9132 §4.5.2 */
  session_event(s, "up", NULL);
}

static void session_down(struct session *s, const char *reason) {
  if (!s || !s->up) return;
  s->up = false;
  session_event(s, "down", reason);
  requests_fail_session(s, reason);
}

static const char *why_closed;

void session_close(struct session *s) {
  why_closed = "closed by us";
  coap_session_disconnected(s->coap, COAP_NACK_NOT_DELIVERABLE); /* sends close_notify */
  session_down(s, why_closed);
  why_closed = NULL;
}

/* Once a round. Not inside libcoap's callbacks: what they work on must not be freed under them. */
void sessions_tend(void) {
  for (struct session *s = sessions; s; s = s->next) {
    /* the GnuTLS build of 4.3.1 tells of no handshake that a DTLS server finished */
    if (!s->id && coap_session_get_state(s->coap) == COAP_SESSION_STATE_ESTABLISHED) session_up(s);
    if (!s->id || s->up || !s->coap) continue;
    if (coap_session_get_state(s->coap) != COAP_SESSION_STATE_NONE)
      coap_session_disconnected(s->coap, COAP_NACK_NOT_DELIVERABLE);
    coap_session_release(s->coap); /* libcoap frees it on its next round */
    s->coap = NULL;
  }
}

void sessions_free(void) {
  for (struct session *s = sessions; s; s = s->next)
    if (s->up) session_close(s);
  sessions_tend();
  coap_register_event_handler(context, NULL);
  coap_free_context(context);
  for (struct session *s = sessions, *next; s; s = next) next = s->next, free(s);
}

static void handshake_failed(const coap_session_t *coap) {
  char remote[80];
  address_text(coap, remote);
  cJSON *event = event_new("handshake-failed");
  cJSON_AddStringToObject(event, "remote", remote);
  event_emit(event);
}

static int on_event(coap_session_t *coap, const coap_event_t event) {
  struct session *s = session_of(coap);
  switch (event) {
    case COAP_EVENT_SERVER_SESSION_NEW: /* no handshake yet */
      if (!s) session_add(coap);
      break;
    case COAP_EVENT_SERVER_SESSION_DEL:
      for (struct session **at = &sessions; s && !s->id && *at; at = &(*at)->next)
        if (*at == s) {
          *at = s->next;
          free(s);
          break;
        }
      break;
    case COAP_EVENT_DTLS_CONNECTED: /* over TCP a session is up after CSM only, RFC 8323 §5.3 */
      if (!options.tcp) session_up(s ? s : session_add(coap));
      break;
    case COAP_EVENT_SESSION_CONNECTED: session_up(s ? s : session_add(coap)); break;
    case COAP_EVENT_DTLS_ERROR: session_down(s, "tls"); break; /* and DTLS_CLOSED follows */
    case COAP_EVENT_DTLS_CLOSED:
      if (!s || !s->id) handshake_failed(coap);
      /* fall through */
    case COAP_EVENT_TCP_CLOSED:
    case COAP_EVENT_SESSION_CLOSED:
    case COAP_EVENT_SESSION_FAILED:
      session_down(s, why_closed ? why_closed : "closed by the router");
      free(coap_session_get_app_data(coap));
      coap_session_set_app_data(coap, NULL);
      break;
    default: break;
  }
  return 0;
}

/* ---- credentials ---- */

static const coap_bin_const_t *psk_of(coap_bin_const_t *identity, coap_session_t *coap, void *arg) {
  static coap_bin_const_t key;
  (void)coap, (void)arg;
  for (const struct psk *p = options.psks; p; p = p->next)
    if (identity->length == strlen(p->identity) && !memcmp(identity->s, p->identity, identity->length)) {
      key = (coap_bin_const_t){p->key.length, p->key.data};
      return &key;
    }
  return NULL;
}

static int remember_common_name(const char *name, const uint8_t *der, size_t length, coap_session_t *coap,
                                unsigned depth, int validated, void *arg) {
  (void)der, (void)length, (void)arg;
  if (depth == 0 && coap) {
    free(coap_session_get_app_data(coap));
    coap_session_set_app_data(coap, strdup(name));
  }
  return validated;
}

static void set_credentials(void) {
  if (options.psks) {
    static coap_dtls_spsk_t psk = {.version = COAP_DTLS_SPSK_SETUP_VERSION, .validate_id_call_back = psk_of};
    psk.psk_info.hint = (coap_bin_const_t){0, (const uint8_t *)""};
    psk.psk_info.key = (coap_bin_const_t){options.psks->key.length, options.psks->key.data};
    if (!coap_context_set_psk2(context, &psk)) die("libcoap refuses the PSK");
  }
  if (options.cert) { /* RFC 9132 §8: mutual authentication */
    static coap_dtls_pki_t pki = {.version = COAP_DTLS_PKI_SETUP_VERSION, .verify_peer_cert = 1, .check_common_ca = 1,
                                  .cert_chain_validation = 1, .cert_chain_verify_depth = 3, .allow_no_crl = 1,
                                  .allow_expired_crl = 1, .validate_cn_call_back = remember_common_name};
    pki.pki_key.key_type = COAP_PKI_KEY_PEM;
    pki.pki_key.key.pem = (coap_pki_key_pem_t){options.ca, options.cert, options.key};
    if (!coap_context_set_pki(context, &pki)) die("libcoap refuses the certificate");
  }
}

static void parse_address(const char *text, coap_address_t *address) {
  char host[80];
  const char *colon = strrchr(text, ':');
  if (!colon || (size_t)(colon - text) >= sizeof host) die("--listen: ADDRESS:PORT or [ADDRESS]:PORT");
  bool bracketed = text[0] == '[' && colon[-1] == ']';
  snprintf(host, sizeof host, "%.*s", (int)(colon - text) - 2 * bracketed, text + bracketed);
  struct addrinfo *info, hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_DGRAM};
  if (getaddrinfo(host, colon + 1, &hints, &info)) die("--listen: cannot parse %s", text);
  coap_address_init(address);
  address->size = info->ai_addrlen;
  memcpy(&address->addr, info->ai_addr, info->ai_addrlen);
  freeaddrinfo(info);
}

/* ---- requests from the router ---- */

static void path_text(const coap_pdu_t *pdu, char *text, size_t size) {
  coap_opt_iterator_t i;
  coap_opt_filter_t filter;
  coap_opt_t *option;
  size_t used = 0;
  coap_option_filter_clear(&filter);
  coap_option_filter_set(&filter, COAP_OPTION_URI_PATH);
  coap_option_iterator_init(pdu, &i, &filter);
  text[0] = '\0';
  while ((option = coap_option_next(&i)) && used < size)
    used += snprintf(text + used, size - used, "/%.*s", (int)coap_opt_length(option), (const char *)coap_opt_value(option));
}

static void on_request(coap_resource_t *resource, coap_session_t *coap, const coap_pdu_t *request,
                       const coap_string_t *query, coap_pdu_t *response) {
  static const char *methods[] = {"?", "GET", "POST", "PUT", "DELETE", "FETCH", "PATCH", "iPATCH"};
  char path[512];
  struct session *s = session_of(coap);
  unsigned code = coap_pdu_get_code(request);
  bool heartbeat = coap_resource_get_uri_path(resource) &&
                   coap_string_equal(coap_resource_get_uri_path(resource), coap_make_str_const(".well-known/dots/hb"));
  path_text(request, path, sizeof path);
  if (s) session_up(s); /* a request may come first */

  cJSON *event = event_new("request"), *body = NULL;
  cJSON_AddNumberToObject(event, "session", s ? s->id : 0);
  cJSON_AddStringToObject(event, "method", methods[code < 8 ? code : 0]);
  cJSON_AddItemToObject(event, "path", json_text(path, strlen(path)));
  if (query) cJSON_AddItemToObject(event, "query", json_text(query->s, query->length));
  message_describe(event, coap, request, &body);
  if (body) cJSON_AddItemToObject(event, "body", body);

  if (!heartbeat)
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_NOT_FOUND);
  else if (code != COAP_REQUEST_CODE_PUT)
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_NOT_ALLOWED);
  else if (answer_heartbeats)
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED); /* RFC 9132 §4.7, Figure 28: 2.04, no body */
  unsigned answer = coap_pdu_get_code(response);               /* left 0.00: libcoap sends no response */
  char text[16];
  snprintf(text, sizeof text, "%u.%02u", answer >> 5 & 7, answer & 31);
  if (answer) cJSON_AddStringToObject(event, "answered", text);
  else cJSON_AddNullToObject(event, "answered");
  event_emit(event);
}

static void add_resource(coap_resource_t *resource) {
  for (coap_request_t method = COAP_REQUEST_GET; method <= COAP_REQUEST_IPATCH; method++)
    coap_register_request_handler(resource, method, on_request);
  coap_add_resource(context, resource);
}

void sessions_listen(void) {
  coap_address_t address;
  parse_address(options.listen, &address);
  context = coap_new_context(NULL);
  if (!context) die("no CoAP context");
  coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  set_credentials();
  coap_register_event_handler(context, on_event);
  requests_register();
  add_resource(coap_resource_init(coap_make_str_const(".well-known/dots/hb"), 0));
  add_resource(coap_resource_unknown_init(on_request));
  if (!coap_new_endpoint(context, &address, options.tcp ? COAP_PROTO_TLS : COAP_PROTO_DTLS))
    die("cannot listen on %s", options.listen);

  cJSON *event = event_new("listening");
  cJSON_AddStringToObject(event, "address", options.listen);
  cJSON_AddStringToObject(event, "transport", options.tcp ? "tcp" : "udp");
  cJSON_AddStringToObject(event, "library", coap_get_tls_library_version()->type == COAP_TLS_LIBRARY_GNUTLS ? "gnutls" : "openssl");
  event_emit(event);
}
