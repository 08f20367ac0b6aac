/* The requests we send as DOTS client, and the answers and notifications that come back for them. */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct request {
  unsigned n, session;
  struct bytes token;
  coap_mid_t message_id;
  long mid;
  int observe;
  bool done, observing, forgotten;
  double sent_at, deadline;
  struct { double every, at; uint8_t method; coap_optlist_t *options; struct bytes payload; } repeat;
  struct request *next;
};
static struct request *requests; /* newest first */
static struct note *notes, **last_note = &notes;
static unsigned last_n;

static struct request *by_token(struct request *r, const struct session *s, coap_bin_const_t token) {
  for (; r; r = r->next)
    if (s && r->session == s->id && r->token.length == token.length && !memcmp(r->token.data, token.s, token.length))
      return r;
  return NULL;
}

bool request_done(unsigned n) {
  for (struct request *r = requests; r; r = r->next)
    if (r->n == n) return r->done;
  return true;
}

bool requests_pending(void) {
  for (struct request *r = requests; r; r = r->next)
    if (!r->done) return true;
  return false;
}

static void fail(struct request *r, const char *reason) {
  if (r->done) return;
  r->done = true;
  cJSON *event = event_new("failed");
  cJSON_AddNumberToObject(event, "n", r->n);
  cJSON_AddNumberToObject(event, "session", r->session);
  cJSON_AddStringToObject(event, "reason", reason);
  event_emit(event);
}

/* RFC 9132 §4.4: "at regular intervals until a response is received"; go-dots repeats the very message, its ID included. */
static void repeat(struct request *r, double now) {
  struct session *s = session_get(r->session);
  r->repeat.at = now + r->repeat.every;
  if (!s || !s->up) return;
  coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_NON, r->repeat.method, r->message_id, coap_session_max_pdu_size(s->coap));
  if (pdu && coap_add_token(pdu, r->token.length, r->token.data) && (!r->repeat.options || coap_add_optlist_pdu(pdu, &r->repeat.options)) &&
      (!r->repeat.payload.length || coap_add_data(pdu, r->repeat.payload.length, r->repeat.payload.data)))
    coap_send(s->coap, pdu);
  else
    coap_delete_pdu(pdu);
}

double requests_expire(void) {
  double now = monotonic_ms(), soonest = -1;
  for (struct request *r = requests; r; r = r->next) {
    if (r->done) continue;
    if (r->deadline <= now) {
      fail(r, "timeout");
      continue;
    }
    if (r->repeat.every && r->repeat.at <= now) repeat(r, now);
    double next = r->repeat.every && r->repeat.at < r->deadline ? r->repeat.at : r->deadline;
    if (soonest < 0 || next - now < soonest) soonest = next - now;
  }
  return soonest;
}

void requests_fail_session(const struct session *s, const char *reason) {
  for (struct request *r = requests; r; r = r->next)
    if (r->session == s->id) fail(r, reason), r->observing = false;
}

/* ---- sending ---- */

static void add_text(cJSON *event, const char *name, const coap_optlist_t *options, uint16_t number, char before) {
  char text[512] = "";
  size_t used = 0;
  for (; options && used < sizeof text; options = options->next)
    if (options->number == number)
      used += snprintf(text + used, sizeof text - used, "%c%.*s", before, (int)options->length, (const char *)options->data);
  if (used) cJSON_AddItemToObject(event, name, json_text(text, strlen(text)));
}

/* libcoap reads the payload until the last block is out. */
static void payload_sent(coap_session_t *coap, void *payload) { (void)coap, free(payload); }

static coap_pdu_t *build(struct session *s, struct request_spec *spec) {
  coap_pdu_t *pdu = coap_pdu_init(spec->confirmable ? COAP_MESSAGE_CON : COAP_MESSAGE_NON, spec->method,
                                  coap_new_message_id(s->coap), coap_session_max_pdu_size(s->coap));
  bool fits = pdu && coap_add_token(pdu, spec->token.length, spec->token.data) &&
              (!spec->options || coap_add_optlist_pdu(pdu, &spec->options));
  if (!fits || !spec->payload.length)
    free(spec->payload.data);
  else
    fits = coap_add_data_large_request(s->coap, pdu, spec->payload.length, spec->payload.data, payload_sent, spec->payload.data);
  if (fits) return pdu;
  coap_delete_pdu(pdu);
  return NULL;
}

unsigned request_send(struct session *s, struct request_spec *spec) {
  static const char *methods[] = {"EMPTY", "GET", "POST", "PUT", "DELETE", "FETCH", "PATCH", "iPATCH"};
  if (!spec->token.data) {
    spec->token = (struct bytes){malloc(8), 8};
    (void)!getrandom(spec->token.data, 8, 0);
  }
  cJSON *event = event_new("sent");
  char *token = hex_of(spec->token.data, spec->token.length), *payload = hex_of(spec->payload.data, spec->payload.length);
  cJSON_AddNumberToObject(event, "n", last_n + 1);
  cJSON_AddNumberToObject(event, "session", s->id);
  cJSON_AddStringToObject(event, "method", methods[spec->method < 8 ? spec->method : 0]);
  add_text(event, "path", spec->options, COAP_OPTION_URI_PATH, '/');
  add_text(event, "query", spec->options, COAP_OPTION_URI_QUERY, '?');
  if (!options.tcp) cJSON_AddStringToObject(event, "type", spec->confirmable ? "CON" : "NON");
  cJSON_AddStringToObject(event, "token", token);
  if (spec->payload.length) cJSON_AddStringToObject(event, "payload-hex", payload);

  struct bytes again = {0};
  if (spec->repeat_ms && spec->payload.length) {
    again = (struct bytes){malloc(spec->payload.length), spec->payload.length};
    memcpy(again.data, spec->payload.data, spec->payload.length);
  }
  coap_pdu_t *pdu = build(s, spec);
  struct request *r = calloc(1, sizeof *r);
  double sent_at = monotonic_ms();
  *r = (struct request){.n = ++last_n, .session = s->id, .token = spec->token, .mid = spec->mid,
                        .observe = spec->observe, .sent_at = sent_at, .deadline = sent_at + spec->timeout_ms};
  r->next = requests;
  requests = r; /* before coap_send, which may call back */
  if (spec->repeat_ms) {
    r->repeat.every = spec->repeat_ms, r->repeat.at = sent_at + spec->repeat_ms, r->repeat.method = spec->method;
    r->repeat.payload = again, r->repeat.options = spec->options;
  }
  r->message_id = pdu ? coap_send(s->coap, pdu) : COAP_INVALID_MID;
  if (!options.tcp) cJSON_AddNumberToObject(event, "message-id", r->message_id);
  event_emit(event);
  if (r->message_id == COAP_INVALID_MID) fail(r, pdu ? "libcoap refuses to send" : "does not fit");

  free(token), free(payload);
  if (!spec->repeat_ms) coap_delete_optlist(spec->options);
  return r->n;
}

/* Observing ends with a GET that carries the token of the registration (RFC 7641 §3.6). */
bool observe_token(const struct session *s, long mid, struct bytes *token) {
  for (struct request *r = requests; r; r = r->next)
    if (r->session == s->id && r->observe == 0 && r->mid == mid) {
      *token = (struct bytes){malloc(r->token.length + 1), r->token.length};
      memcpy(token->data, r->token.data, r->token.length);
      return true;
    }
  return false;
}

bool observe_forget(const struct session *s, long mid) {
  bool any = false;
  for (struct request *r = requests; r; r = r->next)
    if (r->session == s->id && r->observe == 0 && r->mid == mid) r->forgotten = any = true;
  return any;
}

/* ---- receiving ---- */

static void add_integer(cJSON *event, const char *name, const coap_opt_t *option) {
  char text[24];
  snprintf(text, sizeof text, "%u", coap_decode_var_bytes(coap_opt_value(option), coap_opt_length(option)));
  cJSON_AddRawToObject(event, name, text);
}

/* What requests and responses have in common. The decoded body, if any, is handed out. */
void message_describe(cJSON *event, const coap_session_t *session, const coap_pdu_t *pdu, cJSON **body) {
  static const char *types[] = {"CON", "NON", "ACK", "RST"};
  bool reliable = COAP_PROTO_RELIABLE(coap_session_get_proto(session)), dots = false, format = false;
  coap_bin_const_t token = coap_pdu_get_token(pdu);
  char *hex = hex_of(token.s, token.length);
  if (!reliable) {
    cJSON_AddStringToObject(event, "type", types[coap_pdu_get_type(pdu)]);
    cJSON_AddNumberToObject(event, "message-id", coap_pdu_get_mid(pdu));
  }
  cJSON_AddStringToObject(event, "token", hex);
  free(hex);

  coap_opt_iterator_t i;
  coap_opt_t *option;
  cJSON *others = cJSON_CreateArray();
  coap_option_iterator_init(pdu, &i, COAP_OPT_ALL);
  while ((option = coap_option_next(&i))) {
    if (i.number == COAP_OPTION_CONTENT_FORMAT) {
      format = true;
      dots = coap_decode_var_bytes(coap_opt_value(option), coap_opt_length(option)) == DOTS_CBOR;
      add_integer(event, "content-format", option);
    } else if (i.number == COAP_OPTION_MAXAGE) {
      add_integer(event, "max-age", option);
    } else if (i.number == COAP_OPTION_OBSERVE) {
      add_integer(event, "observe", option);
    } else if (coap_pdu_get_code(pdu) >= 32 || (i.number != COAP_OPTION_URI_PATH && i.number != COAP_OPTION_URI_QUERY)) {
      cJSON *other = cJSON_CreateObject();
      hex = hex_of(coap_opt_value(option), coap_opt_length(option));
      cJSON_AddNumberToObject(other, "number", i.number);
      cJSON_AddStringToObject(other, "hex", hex);
      cJSON_AddItemToArray(others, other);
      free(hex);
    }
  }
  if (cJSON_GetArraySize(others)) cJSON_AddItemToObject(event, "options", others);
  else cJSON_Delete(others);

  size_t length, offset, total;
  const uint8_t *data;
  if (!coap_get_data_large(pdu, &length, &data, &offset, &total) || !length) return;
  if (offset || length != total) cJSON_AddTrueToObject(event, "partial");
  hex = hex_of(data, length);
  cJSON_AddStringToObject(event, "payload-hex", hex);
  free(hex);
  if (dots && !(*body = json_from_cbor(data, length))) cJSON_AddStringToObject(event, "body-error", "not CBOR");
  if (!format && coap_pdu_get_code(pdu) >= COAP_RESPONSE_CODE(400)) /* RFC 7252 §5.5.2 */
    cJSON_AddItemToObject(event, "diagnostic", json_text(data, length));
}

static int number_in(const cJSON *object, const char *name) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
  return item && item->valuestring ? atoi(item->valuestring) : -1; /* decoded integers are raw text */
}

static void note_add(const struct request *r, bool initial, const char *code, const cJSON *scope) {
  struct note *note = calloc(1, sizeof *note);
  *note = (struct note){.n = r->n, .session = r->session, .mid = r->mid, .initial = initial, .status = -1, .cause = -1};
  snprintf(note->code, sizeof note->code, "%s", code);
  if (scope) {
    if (number_in(scope, "mid") >= 0) note->mid = number_in(scope, "mid");
    note->status = number_in(scope, "status");
    note->cause = number_in(cJSON_GetObjectItem(scope, "conflict-information"), "conflict-cause");
  }
  *last_note = note;
  last_note = &note->next;
}

/* Takes the oldest match; what came before it for the same mid is older news and goes too. */
struct note *note_take(const struct wanted *w) {
  struct note *found = notes;
  while (found && ((w->mid >= 0 && found->mid != w->mid) || (w->status >= 0 && found->status != w->status) ||
                   (w->cause >= 0 && found->cause != w->cause) || (w->code && strcmp(found->code, w->code))))
    found = found->next;
  if (!found) return NULL;
  for (struct note **at = &notes; *at != found;) {
    struct note *note = *at;
    if (note->mid == found->mid) *at = note->next, free(note);
    else at = &note->next;
  }
  struct note **at = &notes;
  while (*at != found) at = &(*at)->next;
  *at = found->next;
  for (last_note = &notes; *last_note;) last_note = &(*last_note)->next;
  return found;
}

static coap_response_t on_response(coap_session_t *coap, const coap_pdu_t *sent, const coap_pdu_t *pdu, const coap_mid_t id) {
  (void)sent, (void)id;
  unsigned code = coap_pdu_get_code(pdu);
  char text[16];
  snprintf(text, sizeof text, "%u.%02u", code >> 5 & 7, code & 31);
  struct session *s = session_of(coap);
  struct request *r = by_token(requests, s, coap_pdu_get_token(pdu));
  coap_opt_iterator_t i;
  bool observed = coap_check_option(pdu, COAP_OPTION_OBSERVE, &i), answer = r && !r->done;
  if (r && r->observe == 1 && observed) { /* a notification that crossed our deregistration */
    r = by_token(r->next, s, coap_pdu_get_token(pdu));
    answer = false;
  }
  bool notification = r && !answer && r->observing;

  cJSON *event = event_new(answer ? "answer" : notification ? "notification" : "stray"), *body = NULL;
  if (r) cJSON_AddNumberToObject(event, "n", r->n);
  cJSON_AddNumberToObject(event, "session", s ? s->id : 0);
  cJSON_AddStringToObject(event, "code", text);
  message_describe(event, coap, pdu, &body);
  if (answer) {
    r->done = true;
    r->observing = r->observe == 0 && observed;
    char rtt[32];
    snprintf(rtt, sizeof rtt, "%.3f", monotonic_ms() - r->sent_at);
    cJSON_AddRawToObject(event, "rtt_ms", rtt);
  }
  if (r && r->observing && (answer || notification)) {
    const cJSON *scopes = cJSON_GetObjectItem(cJSON_GetObjectItem(body, "mitigation-scope"), "scope"), *scope;
    if (!cJSON_GetArraySize(scopes)) note_add(r, answer, text, NULL);
    cJSON_ArrayForEach(scope, scopes) note_add(r, answer, text, scope);
    if (!observed) r->observing = false; /* RFC 7641 §3.2: the last one */
  }
  if (body) cJSON_AddItemToObject(event, "body", body);
  bool reset = (r && r->forgotten) || !r;
  if (reset) cJSON_AddTrueToObject(event, "answered-with-rst");
  event_emit(event);
  return reset ? COAP_RESPONSE_FAIL : COAP_RESPONSE_OK;
}

static void on_nack(coap_session_t *coap, const coap_pdu_t *sent, coap_nack_reason_t reason, const coap_mid_t id) {
  (void)id;
  struct request *r = by_token(requests, session_of(coap), coap_pdu_get_token(sent));
  if (!r || reason == COAP_NACK_ICMP_ISSUE) return; /* that one libcoap tries again */
  fail(r, reason == COAP_NACK_TOO_MANY_RETRIES ? "timeout" : reason == COAP_NACK_RST ? "rst"
        : reason == COAP_NACK_TLS_FAILED ? "tls" : "not deliverable");
}

/* A reset of a NON has no callback in 4.3.1; its log line is the only trace. */
static void on_log(coap_log_t level, const char *message) {
  unsigned id;
  if (sscanf(message, "got RST for mid=%x", &id) == 1)
    for (struct request *r = requests; r; r = r->next)
      if (r->message_id == (coap_mid_t)id) fail(r, "rst");
  fprintf(stderr, "libcoap %d: %s", level, message);
}

void requests_register(void) {
  coap_register_response_handler(context, on_response);
  coap_register_nack_handler(context, on_nack);
  coap_set_log_handler(on_log);
}

void requests_free(void) {
  for (struct request *r = requests, *next; r; r = next) next = r->next, free(r->token.data), free(r);
  for (struct note *n = notes, *next; n; n = next) next = n->next, free(n);
}
