/* The script: JSON lines, one command after the other, while the CoAP loop goes on. */
#include "peer.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int file = -1;
static bool at_end, is_stdin, failed;
static char *buffer;
static size_t used;

static struct {
  enum { NOTHING, ANSWER, SESSION_UP, SESSION_DOWN, NOTIFICATION, SLEEP } is;
  double until;
  unsigned n;         /* ANSWER: request; SESSION_*: session number */
  struct wanted wanted;
  char code[8];
} waiting;

/* ---- reading a command's members ---- */

static const cJSON *get(const cJSON *command, const char *name) { return cJSON_GetObjectItemCaseSensitive(command, name); }
static const char *text(const cJSON *command, const char *name) { return cJSON_GetStringValue(get(command, name)); }
static double number(const cJSON *command, const char *name, double otherwise) {
  return cJSON_IsNumber(get(command, name)) ? get(command, name)->valuedouble : otherwise;
}
static bool flag(const cJSON *command, const char *name, bool otherwise) {
  return cJSON_IsBool(get(command, name)) ? cJSON_IsTrue(get(command, name)) : otherwise;
}

typedef const char *outcome; /* NULL, or what is wrong with the command */

/* ---- requests ---- */

static void option(struct request_spec *spec, uint16_t number, const void *data, size_t length) {
  coap_insert_optlist(&spec->options, coap_new_optlist(number, length, data));
}
static void option_integer(struct request_spec *spec, uint16_t number, unsigned value) {
  uint8_t bytes[4];
  option(spec, number, bytes, coap_encode_var_safe(bytes, sizeof bytes, value));
}
static void segment(struct request_spec *spec, const char *text) {
  option(spec, COAP_OPTION_URI_PATH, text, strlen(text));
}
static void segment_pair(struct request_spec *spec, const char *name, const cJSON *value) {
  char both[300];
  if (cJSON_IsNumber(value)) snprintf(both, sizeof both, "%s=%.0f", name, value->valuedouble);
  else if (cJSON_IsString(value)) snprintf(both, sizeof both, "%s=%s", name, value->valuestring);
  else return;
  segment(spec, both);
}

/* The order of the path matters: cdid, cuid, mid (RFC 9132 §4.4.1, Figure 7). "cuid":null leaves it out. */
static void dots_path(struct request_spec *spec, const cJSON *command, const char *resource, bool with_cuid) {
  segment(spec, ".well-known");
  segment(spec, "dots");
  segment(spec, resource);
  segment_pair(spec, "cdid", get(command, "cdid"));
  cJSON *cuid = cJSON_CreateString(options.cuid);
  if (with_cuid) segment_pair(spec, "cuid", get(command, "cuid") ? get(command, "cuid") : cuid);
  cJSON_Delete(cuid);
  segment_pair(spec, "mid", get(command, "mid"));
  segment_pair(spec, "sid", get(command, "sid"));
}

/* Takes the body; "payload-hex" in the command replaces it. */
static outcome set_body(struct request_spec *spec, const cJSON *command, cJSON *body) {
  static char error[200];
  const char *hex = text(command, "payload-hex");
  bool fine = !body || hex || cbor_from_json(body, &spec->payload, error);
  cJSON_Delete(body);
  if (!fine) return error;
  if (hex && !hex_parse(hex, &spec->payload)) return "payload-hex is not hex";
  if (spec->payload.data && !cJSON_IsNull(get(command, "content-format")))
    option_integer(spec, COAP_OPTION_CONTENT_FORMAT, (unsigned)number(command, "content-format", DOTS_CBOR));
  return NULL;
}

static void drop(struct request_spec *spec) {
  coap_delete_optlist(spec->options);
  free(spec->payload.data), free(spec->token.data);
}

/* What every request may have, then off it goes. */
static outcome dispatch(struct request_spec *spec, const cJSON *command, outcome wrong) {
  struct session *session = session_get((unsigned)number(command, "session", 0));
  const cJSON *item;
  cJSON_ArrayForEach(item, get(command, "query"))
    if (cJSON_IsString(item)) option(spec, COAP_OPTION_URI_QUERY, item->valuestring, strlen(item->valuestring));
  cJSON_ArrayForEach(item, get(command, "options")) {
    struct bytes value = {0};
    unsigned which = (unsigned)number(item, "number", 0);
    if (!text(item, "hex") || !hex_parse(text(item, "hex"), &value)) wrong = "options: [{\"number\":N,\"hex\":\"…\"}]";
    else option(spec, which, value.data, value.length);
    if (which == COAP_OPTION_OBSERVE) spec->observe = (int)coap_decode_var_bytes(value.data, value.length);
    free(value.data);
  }
  if (text(command, "if-match")) { /* RFC 9132 §4.4.3: empty, for an efficacy update */
    struct bytes value = {0};
    if (!hex_parse(text(command, "if-match"), &value)) wrong = "if-match is not hex";
    else option(spec, COAP_OPTION_IF_MATCH, value.data, value.length);
    free(value.data);
  }
  if (!spec->token.data && text(command, "token-hex") && !hex_parse(text(command, "token-hex"), &spec->token))
    wrong = "token-hex is not hex";
  if (!session) wrong = "no such session is up";
  spec->confirmable = flag(command, "confirmable", spec->confirmable);
  spec->mid = (long)number(command, "mid", -1);
  spec->timeout_ms = 1000 * number(command, "timeout", 30);
  spec->repeat_ms = spec->confirmable ? 0 : 1000 * number(command, "repeat", 0);
  if (wrong) return drop(spec), wrong;
  unsigned n = request_send(session, spec);
  if (flag(command, "wait", true)) waiting.is = ANSWER, waiting.n = n, waiting.until = INFINITY;
  return NULL;
}

static struct request_spec request(uint8_t method, bool confirmable) {
  return (struct request_spec){.method = method, .confirmable = confirmable, .observe = -1};
}

static cJSON *wrap(const char *name, cJSON *inner) {
  cJSON *outer = cJSON_CreateObject();
  cJSON_AddItemToObject(outer, name, inner);
  return outer;
}

/* RFC 9132 §4.4: mitigation requests are Non-confirmable. */
static outcome put(const cJSON *command) {
  struct request_spec spec = request(COAP_REQUEST_CODE_PUT, false);
  cJSON *scopes = cJSON_Duplicate(get(command, "scopes"), true);
  if (!scopes) {
    scopes = cJSON_CreateArray();
    if (get(command, "scope")) cJSON_AddItemToArray(scopes, cJSON_Duplicate(get(command, "scope"), true));
  }
  dots_path(&spec, command, MITIGATE, true);
  return dispatch(&spec, command, set_body(&spec, command, wrap("mitigation-scope", wrap("scope", scopes))));
}

static outcome observe(struct request_spec *spec, const cJSON *command) {
  if (!cJSON_IsNumber(get(command, "observe"))) return NULL;
  spec->observe = (int)number(command, "observe", 0);
  option_integer(spec, COAP_OPTION_OBSERVE, (unsigned)spec->observe);
  struct session *session = session_get((unsigned)number(command, "session", 0));
  if (spec->observe == 1 && session && !observe_token(session, (long)number(command, "mid", -1), &spec->token))
    return "nothing is observed there";
  return NULL;
}

static outcome get_mitigations(const cJSON *command) {
  struct request_spec spec = request(COAP_REQUEST_CODE_GET, false);
  dots_path(&spec, command, MITIGATE, true);
  return dispatch(&spec, command, observe(&spec, command));
}

static outcome withdraw(const cJSON *command) {
  struct request_spec spec = request(COAP_REQUEST_CODE_DELETE, false);
  dots_path(&spec, command, MITIGATE, true);
  return dispatch(&spec, command, NULL);
}

/* RFC 9132 §4.7 */
static outcome heartbeat(const cJSON *command) {
  struct request_spec spec = request(COAP_REQUEST_CODE_PUT, false);
  dots_path(&spec, command, "hb", false);
  cJSON *status = cJSON_CreateBool(flag(command, "peer-hb-status", true));
  return dispatch(&spec, command, set_body(&spec, command, wrap("heartbeat", wrap("peer-hb-status", status))));
}

/* RFC 9132 §4.5: session configuration is Confirmable, and its path has no cuid. */
static outcome config_get(const cJSON *command) {
  struct request_spec spec = request(COAP_REQUEST_CODE_GET, true);
  dots_path(&spec, command, "config", false);
  return dispatch(&spec, command, observe(&spec, command));
}
static outcome config_put(const cJSON *command) {
  struct request_spec spec = request(COAP_REQUEST_CODE_PUT, true);
  dots_path(&spec, command, "config", false);
  cJSON *config = cJSON_Duplicate(get(command, "config"), true);
  return dispatch(&spec, command, set_body(&spec, command, wrap("signal-config", config ? config : cJSON_CreateObject())));
}
static outcome config_delete(const cJSON *command) {
  struct request_spec spec = request(COAP_REQUEST_CODE_DELETE, true);
  dots_path(&spec, command, "config", false);
  return dispatch(&spec, command, NULL);
}

/* RFC 9066 §5.2.2, Figure 9 */
static outcome redirect(const cJSON *command) {
  static const char *members[] = {"alt-ch-client", "alt-ch-client-record", "ttl"};
  struct request_spec spec = request(COAP_REQUEST_CODE_PUT, false);
  cJSON *signal = cJSON_CreateObject();
  for (size_t i = 0; i < 3; i++)
    if (get(command, members[i])) cJSON_AddItemToObject(signal, members[i], cJSON_Duplicate(get(command, members[i]), true));
  dots_path(&spec, command, "redirect", true);
  return dispatch(&spec, command, set_body(&spec, command, wrap("redirected-signal", signal)));
}

static outcome raw_request(const cJSON *command) {
  static const char *methods[] = {"GET", "POST", "PUT", "DELETE", "FETCH", "PATCH", "iPATCH"};
  struct request_spec spec = request(0, false);
  for (uint8_t i = 0; i < 7; i++)
    if (text(command, "method") && !strcmp(text(command, "method"), methods[i])) spec.method = i + 1;
  if (!spec.method) return "unknown method";
  const cJSON *item;
  cJSON_ArrayForEach(item, get(command, "path"))
    if (cJSON_IsString(item)) segment(&spec, item->valuestring);
  outcome wrong = set_body(&spec, command, cJSON_Duplicate(get(command, "body"), true));
  return dispatch(&spec, command, wrong);
}

/* ---- waits and switches ---- */

static double until(const cJSON *command, double otherwise) {
  return monotonic_ms() + 1000 * number(command, "timeout", otherwise);
}

static outcome wait_session(const cJSON *command) {
  waiting.is = text(command, "is") && !strcmp(text(command, "is"), "down") ? SESSION_DOWN : SESSION_UP;
  waiting.n = (unsigned)(waiting.is == SESSION_UP ? number(command, "after", 0) : number(command, "session", 0));
  waiting.until = until(command, 20);
  return NULL;
}

static outcome wait_notification(const cJSON *command) {
  waiting.is = NOTIFICATION;
  waiting.wanted = (struct wanted){.mid = (long)number(command, "mid", -1), .status = (int)number(command, "status", -1),
                                   .cause = (int)number(command, "conflict-cause", -1)};
  if (text(command, "code")) {
    snprintf(waiting.code, sizeof waiting.code, "%s", text(command, "code"));
    waiting.wanted.code = waiting.code;
  }
  waiting.until = until(command, 10);
  return NULL;
}

static outcome sleep_ms(const cJSON *command) {
  waiting.is = SLEEP;
  waiting.until = monotonic_ms() + number(command, "ms", 0);
  return NULL;
}

static outcome close_session(const cJSON *command) {
  struct session *session = session_get((unsigned)number(command, "session", 0));
  if (!session) return "no such session is up";
  session_close(session);
  return NULL;
}

static outcome forget_observe(const cJSON *command) {
  struct session *session = session_get((unsigned)number(command, "session", 0));
  return session && observe_forget(session, (long)number(command, "mid", -1)) ? NULL : "nothing is observed there";
}

static outcome answering(const cJSON *command) { return answer_heartbeats = flag(command, "on", true), NULL; }

static outcome loss(const cJSON *command) { /* of what we send over UDP, by libcoap itself */
  return text(command, "value") && coap_debug_set_packet_loss(text(command, "value")) ? NULL : "value: \"30%\" or \"1,3-5\"";
}

/* RFC 9132 §4.5.2: both sides use what was negotiated */
static outcome transmission(const cJSON *command) {
  struct session *session = session_get((unsigned)number(command, "session", 0));
  if (!session) return "no such session is up";
  double ack = number(command, "ack-timeout", 2), factor = number(command, "ack-random-factor", 1.5);
  coap_session_set_ack_timeout(session->coap, (coap_fixed_point_t){(uint16_t)ack, (uint16_t)(fmod(ack, 1) * 1000)});
  coap_session_set_ack_random_factor(session->coap, (coap_fixed_point_t){(uint16_t)factor, (uint16_t)(fmod(factor, 1) * 1000)});
  coap_session_set_max_retransmit(session->coap, (uint16_t)number(command, "max-retransmit", 3));
  coap_session_set_nstart(session->coap, (uint16_t)number(command, "nstart", 1));
  return NULL;
}

static outcome quit(const cJSON *command) { return stop((int)number(command, "status", failed)), NULL; }

static const struct { const char *name; outcome (*run)(const cJSON *command); } commands[] = {
  {"put", put}, {"get", get_mitigations}, {"delete", withdraw}, {"heartbeat", heartbeat}, {"config-get", config_get},
  {"config-put", config_put}, {"config-delete", config_delete}, {"redirect", redirect}, {"request", raw_request},
  {"wait-session", wait_session}, {"wait-notification", wait_notification}, {"sleep", sleep_ms},
  {"close-session", close_session}, {"forget-observe", forget_observe}, {"answer-heartbeats", answering},
  {"loss", loss}, {"transmission", transmission}, {"quit", quit},
};

static void run_line(const char *line) {
  if (line[strspn(line, " \t\r")] == '\0' || line[0] == '/' || line[0] == '#') return; /* empty, or a comment */
  cJSON *command = cJSON_Parse(line);
  outcome wrong = command ? "unknown command" : "not JSON";
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    if (text(command, "do") && !strcmp(text(command, "do"), commands[i].name)) wrong = commands[i].run(command);
  if (wrong) {
    failed = true;
    cJSON *event = event_new("error");
    cJSON_AddStringToObject(event, "message", wrong);
    cJSON_AddItemToObject(event, "line", json_text(line, strlen(line)));
    event_emit(event);
  }
  cJSON_Delete(command);
}

/* ---- waiting ---- */

static void wait_over(bool ok, unsigned session, const struct note *note) {
  static const char *names[] = {[SESSION_UP] = "session", [SESSION_DOWN] = "session-down", [NOTIFICATION] = "notification"};
  cJSON *event = event_new("wait");
  cJSON_AddBoolToObject(event, "ok", ok);
  cJSON_AddStringToObject(event, "for", names[waiting.is]);
  if (session) cJSON_AddNumberToObject(event, "session", session);
  if (note) {
    cJSON_AddNumberToObject(event, "n", note->n);
    cJSON_AddNumberToObject(event, "mid", (double)note->mid);
    cJSON_AddNumberToObject(event, "status", note->status);
    cJSON_AddStringToObject(event, "code", note->code);
    cJSON_AddStringToObject(event, "from", note->initial ? "answer" : "notification");
  }
  event_emit(event);
  failed |= !ok;
}

static bool still_waiting(void) {
  struct session *newest = session_get(0);
  struct note *note = NULL;
  bool over = monotonic_ms() >= waiting.until;
  switch (waiting.is) {
    case NOTHING: return false;
    case SLEEP: break;
    case ANSWER: over = request_done(waiting.n); break;
    case SESSION_UP:
      if (newest && newest->id > waiting.n) wait_over(over = true, newest->id, NULL);
      else if (over) wait_over(false, 0, NULL);
      break;
    case SESSION_DOWN:
      if (!session_get(waiting.n)) wait_over(over = true, waiting.n, NULL);
      else if (over) wait_over(false, waiting.n, NULL);
      break;
    case NOTIFICATION:
      note = note_take(&waiting.wanted);
      if (note || over) wait_over(note != NULL, 0, note), over = true;
      free(note);
  }
  if (over) waiting.is = NOTHING;
  return !over;
}

double script_run(void) {
  for (;;) {
    if (still_waiting()) return waiting.until == INFINITY ? -1 : waiting.until - monotonic_ms();
    char *end = memchr(buffer, '\n', used);
    if (!end && at_end && used) end = buffer + used; /* a last line without newline; buffer has room for its NUL */
    if (!end) break;
    *end = '\0';
    run_line(buffer);
    size_t taken = (size_t)(end - buffer) + (end < buffer + used);
    memmove(buffer, buffer + taken, used -= taken);
  }
  if (at_end && !is_stdin && !requests_pending()) stop(failed); /* of a file the end quits, of stdin it does not */
  return -1;
}

/* ---- the file ---- */

void script_open(const char *name) {
  is_stdin = !strcmp(name, "-");
  file = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
  if (file < 0) die("cannot open %s", name);
  buffer = calloc(1, 1);
}

int script_fd(void) { return at_end || waiting.is != NOTHING ? -1 : file; }

void script_read(void) {
  buffer = realloc(buffer, used + 65536 + 1);
  ssize_t got = read(file, buffer + used, 65536);
  if (got > 0) used += (size_t)got;
  else at_end = true;
}

void script_close(void) {
  if (!is_stdin) close(file);
  free(buffer);
}
