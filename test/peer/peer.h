/* A call-home DOTS client (RFC 9066) on libcoap: what the files of this peer share. */
#ifndef PEER_H
#define PEER_H

#include <cjson/cJSON.h>
#include <coap3/coap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOTS_CBOR 271 /* application/dots+cbor, RFC 9132 §10.3 */
#define MITIGATE "mitigate"

struct bytes { uint8_t *data; size_t length; };

/* main.c */
struct options {
  const char *listen, *cuid, *cert, *key, *ca, *script;
  bool tcp;
  unsigned max_sessions;
  struct psk { char *identity; struct bytes key; struct psk *next; } *psks;
};
extern struct options options;
void stop(int exit_status);
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);

/* output.c: one JSON object a line on stdout */
double monotonic_ms(void);
cJSON *event_new(const char *name);
void event_emit(cJSON *event);
char *hex_of(const uint8_t *data, size_t length);       /* malloc'ed */
bool hex_parse(const char *text, struct bytes *into);   /* data is malloc'ed */
cJSON *json_text(const void *data, size_t length);      /* always valid UTF-8 */

/* mapping.c: RFC names <-> CBOR keys (RFC 9132 §6, RFC 9066 §6.2) */
bool cbor_from_json(const cJSON *json, struct bytes *into, char error[200]);
cJSON *json_from_cbor(const uint8_t *data, size_t length); /* NULL: not CBOR */

/* session.c: (D)TLS sessions that routers opened to us, and the requests they send */
struct session {
  unsigned id;
  coap_session_t *coap; /* NULL once it is down and released */
  bool up;
  char remote[80], identity[128];
  struct session *next;
};
extern coap_context_t *context;
extern bool answer_heartbeats;
void sessions_listen(void);
struct session *session_get(unsigned id); /* 0: the newest that is up; NULL: none */
struct session *session_of(const coap_session_t *coap);
void session_close(struct session *session);
void sessions_tend(void);
void sessions_free(void);
void message_describe(cJSON *event, const coap_session_t *session, const coap_pdu_t *pdu, cJSON **body);

/* request.c: requests we send, and what comes back */
struct request_spec {
  uint8_t method;
  coap_optlist_t *options; /* Observe included; consumed */
  struct bytes payload;    /* consumed */
  struct bytes token;      /* empty: eight random bytes */
  bool confirmable;
  long mid;                /* of the mitigation, -1: none */
  int observe;             /* 0, 1, or -1: none */
  double timeout_ms;
  double repeat_ms;        /* the same message again until it is answered; 0: never */
};
unsigned request_send(struct session *session, struct request_spec *spec); /* its number, 0: not sent */
bool request_done(unsigned n);
bool requests_pending(void);
double requests_expire(void); /* fails what is overdue, repeats what is to be; ms until the next could be, or -1 */
void requests_fail_session(const struct session *session, const char *reason);
void requests_register(void);
bool observe_token(const struct session *session, long mid, struct bytes *token);
bool observe_forget(const struct session *session, long mid);
void requests_free(void);

/* a status that reached us by Observe (RFC 9132 §4.4.2.1) and that no wait has taken yet */
struct note { unsigned n, session; long mid; int status, cause; char code[8]; bool initial; struct note *next; };
struct wanted { long mid; int status, cause; const char *code; };
struct note *note_take(const struct wanted *wanted); /* caller frees; NULL: not (yet) there */

/* script.c */
void script_open(const char *file);
int script_fd(void);      /* the descriptor to poll for more commands, or -1 */
void script_read(void);
double script_run(void);  /* runs what can run; ms until a wait or sleep ends, or -1 */
void script_close(void);

#endif
